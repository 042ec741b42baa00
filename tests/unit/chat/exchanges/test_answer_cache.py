"""The requests that a diagnosis of the prompt cache compares: recorded ones, or both built again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from lib.chat.exchanges.answer_cache import AnswerDiagnosis, diagnose_answer
from lib.core.conversation import Conversation, Message, Node, TextPart, Usage
from lib.core.exchanges import Attempt, Exchange, SentFile
from lib.core.models import UNKNOWN_CAPABILITIES
from lib.core.target import Target

TARGET = Target("gpt-5.2", "openai")


def node(name: str, parent: str | None, text: str, created: float, usage: Usage | None = None) -> Node:
    message = Message("assistant" if usage else "user", (TextPart(text),))
    return Node(name, parent, message, created, target=TARGET if usage else None, usage=usage or Usage())


NODES = [
    node("q1", None, "One", 1.0),
    node("a1", "q1", "Two", 2.0, Usage(4000, 5, 0)),
    node("q2", "a1", "Three", 50.0),
    node("a2", "q2", "Four", 51.0, Usage(4100, 5, 0)),
]


def exchange(name: str, *texts: str, started: float, **fields: Any) -> Exchange:
    roles = ("user", "assistant")
    messages = [{"role": roles[index % 2], "content": text} for index, text in enumerate(texts)]
    body = json.dumps({"model": TARGET.model, "messages": messages})
    return Exchange(name, TARGET, (Attempt(started, "POST", "/", {}, **{"body": body, **fields}),), node_id=name[:2])


def diagnose(*recorded: Exchange, **options: Any) -> AnswerDiagnosis:
    store = SimpleNamespace(
        conversations=SimpleNamespace(get=lambda *_: Conversation("c", "Chat", 51.0, "a2")),
        messages=SimpleNamespace(nodes=lambda *_: NODES),
        exchanges=SimpleNamespace(of_answer=lambda _, answer: [each for each in recorded if each.node_id == answer]),
        attachments=None,
    )
    services: Any = SimpleNamespace(
        store=store, price_lookup=lambda _: None, capabilities_lookup=lambda _: UNKNOWN_CAPABILITIES
    )
    found = diagnose_answer(services, "ann", "c", options.get("answer", "a2"))
    assert found is not None
    return found


FIRST = exchange("a1", "One", started=10.0)


def test_recorded_requests_are_compared_as_they_were_sent():
    found = diagnose(FIRST, exchange("a2", "One (edited)", "Two", "Three", started=60.0))
    assert (found.is_reconstructed, found.diagnosis.cause, found.diagnosis.elapsed) == (False, "edited", 50.0)
    assert found.previous == NODES[1]


def test_without_one_of_them_both_are_built_again():
    for recorded in ((), (FIRST,), (exchange("a2", "Other", started=60.0),)):
        found = diagnose(*recorded)
        assert (found.is_reconstructed, found.diagnosis.cause, found.diagnosis.elapsed) == (True, "unknown", 49.0)
    cut = exchange("a2", "Other", started=60.0, body='{"messages": [')
    assert diagnose(FIRST, cut).is_reconstructed


def test_later_requests_go_on_with_the_first_one_of_a_continued_answer():
    continued = exchange("a1", "One", "T", "Continue", started=20.0)
    found = diagnose(FIRST, continued, exchange("a2", "One", "Two", "Three", started=60.0))
    assert (found.diagnosis.cause, found.diagnosis.difference, found.diagnosis.expected) == ("unknown", None, None)


def test_files_are_compared_by_their_digests():
    def with_file(name: str, mark: str, digest: str, *texts: str, started: float) -> Exchange:
        sent = (SentFile(mark, digest, "image/png", 3),)
        return exchange(name, f"See {mark}", *texts, started=started, files=sent)

    first = with_file("a1", "mark-1", "d1", started=10.0)
    assert diagnose(first, with_file("a2", "mark-2", "d1", "Two", "x", started=60.0)).diagnosis.cause == "unknown"
    assert diagnose(first, with_file("a2", "mark-2", "d2", "Two", "x", started=60.0)).diagnosis.cause == "edited"


def test_the_first_answer_has_no_previous_one():
    found = diagnose(answer="a1")
    assert (found.previous, found.diagnosis.cause) == (None, "first_request")
