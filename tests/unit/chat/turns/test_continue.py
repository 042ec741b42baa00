"""Continued answers: one text in one node, whatever the outcome of the continuation."""

from __future__ import annotations

import threading

import pytest

from lib.chat.context import window
from lib.chat.turns import generation, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, Outcome, TextPart, ThinkingPart, Usage
from lib.core.events import (
    Finish,
    ProviderMetadata,
    RedactedThinking,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until

CLAUDE = Target("claude-x", "anthropic")
GPT = Target("gpt-x", "openai")
DEFAULT_PARAMS = Params()
CUT = (
    ProviderMetadata({"id": "one"}),
    TextDelta("The moon pulls at the"),
    UsageReport(Usage(10, 5, cache_read=2)),
    Finish(Outcome.LENGTH, "length"),
)
REST = (
    ProviderMetadata({"id": "two"}),
    TextDelta("pulls at the"),
    TextDelta(" water."),
    UsageReport(Usage(20, 3, reasoning=1)),
    Finish(Outcome.COMPLETE, "stop"),
)


def last_answer_id(services: TurnServices, conversation_id: str) -> str:
    """Return the id of the last visible answer."""
    return wait_for_path(services, conversation_id)[-1].id


def start_conversation(store, *later, first=CUT, target: Target = GPT):
    """Return services, their gateway and a conversation with one finished answer.

    `later` are the scripts of further answers.
    """
    gateway = ScriptedGateway(first, *later)
    services = TurnServices(store, gateway, GenerationRegistry())
    conversation = turn.ask(services, "ann", None, "Why tides?", target, Params()).conversation
    wait_for_path(services, conversation.id)
    return services, gateway, conversation


def test_both_parts_are_one_text_in_one_answer_with_summed_usage(store):
    services, gateway, conversation = start_conversation(store, REST)
    before = wait_for_path(services, conversation.id)[-1]
    turn.continue_answer(
        services,
        "ann",
        conversation.id,
        last_answer_id(services, conversation.id),
        Params(n=4, temperature=0.5),
    )
    path = wait_for_path(services, conversation.id)
    after = path[-1]
    assert [node.id for node in path] == [path[0].id, before.id]
    assert after.message.parts == (TextPart("The moon pulls at the water."),)
    assert (after.outcome, after.finish_reason, after.failure) == (Outcome.COMPLETE, "stop", None)
    assert after.usage == Usage(30, 8, cache_read=2, reasoning=1)
    assert after.provider_metadata["id"] == "two"
    assert after.timing.first_token == before.timing.first_token
    assert after.timing.total >= before.timing.total
    assert len(services.store.messages.nodes("ann", conversation.id)) == 2


def test_the_request_has_the_partial_answer_and_no_alternatives(store):
    services, gateway, conversation = start_conversation(store, REST)
    turn.continue_answer(
        services,
        "ann",
        conversation.id,
        last_answer_id(services, conversation.id),
        Params(n=4, temperature=0.5),
    )
    wait_for_path(services, conversation.id)
    target, messages, params = gateway.sent[-1]
    assert target == GPT
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].text == "The moon pulls at the"
    assert messages[2].text == turn.CONTINUE_PROMPT
    assert (params.n, params.temperature) == (None, 0.5)
    assert services.store.conversations.get("ann", conversation.id).params == Params(n=4, temperature=0.5)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.Overloaded("Busy", status=529), Outcome.FAILED),
        (errors.StreamInterrupted(), Outcome.INTERRUPTED),
    ],
)
@pytest.mark.parametrize("deltas", [(), (TextDelta(" wat"),)])
def test_a_failed_continuation_preserves_the_text_and_can_be_continued(store, error, outcome, deltas):
    services, _, conversation = start_conversation(store, (*deltas, error), REST)
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    node = wait_for_path(services, conversation.id)[-1]
    text = "The moon pulls at the" + "".join(event.text for event in deltas)
    assert (node.outcome, node.message.text, node.failure.code) == (outcome, text, error.code)
    assert node.usage.output == 5
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    node = wait_for_path(services, conversation.id)[-1]
    assert (node.outcome, node.failure) == (Outcome.COMPLETE, None)


def test_a_stopped_continuation_preserves_the_text(store):
    services, _, conversation = start_conversation(store, (TextDelta(" water and all that"), threading.Event()))
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    answer = services.generations.find("ann", conversation.id)
    wait_until(lambda: answer.wait(-1, 0).node.message.text.endswith("all that"))
    answer.stop()
    node = wait_for_path(services, conversation.id)[-1]
    assert (node.outcome, node.failure) == (Outcome.STOPPED, None)
    assert node.message.text == "The moon pulls at the water and all that"


def test_a_continuation_of_a_dead_process_preserves_the_saved_text(store, monkeypatch):
    monkeypatch.setattr("lib.chat.turns.checkpoints.CHECKPOINT_INTERVAL", 0.01)
    release = threading.Event()
    services, _, conversation = start_conversation(store, (TextDelta(" water and all that"), release))
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    generation = services.generations.find("ann", conversation.id)
    arriving = generation.node_ids[0]
    assert store.messages.node("ann", arriving).message.text.startswith("The moon pulls at the")
    wait_until(lambda: store.messages.node("ann", arriving).message.text.endswith("all that"))
    with generation.save_lock:  # its next heartbeat would let the row arrive again
        assert store.messages.mark_stale(-1.0) == 1
        assert store.messages.node("ann", arriving).outcome is Outcome.INTERRUPTED
        assert store.messages.node("ann", arriving).message.text == "The moon pulls at the water and all that"
    release.set()
    wait_for_path(services, conversation.id)


def test_nothing_is_sent_when_the_database_fails(store, monkeypatch):
    services, gateway, conversation = start_conversation(store, REST)

    def refuse(*_):
        raise errors.StoreError("disk full")

    monkeypatch.setattr(store.messages, "reopen", refuse)
    with pytest.raises(errors.StoreError):
        turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    assert len(gateway.sent) == 1
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.LENGTH
    monkeypatch.undo()
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE


def test_answers_without_text_and_foreign_answers_cannot_be_continued(store):
    services, gateway, conversation = start_conversation(
        store, first=(ThinkingDelta("Hm."), Finish(Outcome.LENGTH, "length"))
    )
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    with pytest.raises(errors.ConversationNotFound):
        turn.continue_answer(services, "bob", conversation.id, last_answer_id(services, conversation.id), Params())
    assert len(gateway.sent) == 1
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.LENGTH


def test_only_the_last_incomplete_answer_can_be_continued(store):
    services, gateway, conversation = start_conversation(store, REST, REST)
    first = last_answer_id(services, conversation.id)
    turn.continue_answer(services, "ann", conversation.id, first, Params())
    text = wait_for_path(services, conversation.id)[-1].message.text
    turn.continue_answer(services, "ann", conversation.id, first, Params())
    turn.continue_answer(services, "ann", conversation.id, "another", Params())
    assert (wait_for_path(services, conversation.id)[-1].message.text, len(gateway.sent)) == (text, 2)


def test_thinking_of_the_continuation_is_saved_with_its_signature(store):
    first = (ThinkingDelta("Hm."), SignatureDelta("c2ln"), TextDelta("The moon", 1), CUT[-1])
    rest = (ThinkingDelta("So."), SignatureDelta("b3Ro"), TextDelta(" pulls.", 1), REST[-1])
    services, gateway, conversation = start_conversation(store, rest, first=first, target=CLAUDE)
    turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
    node = wait_for_path(services, conversation.id)[-1]
    assert node.message.thinking == "Hm.\n\nSo."
    assert node.message.text == "The moon pulls."
    assert gateway.sent[-1][1][1].parts == (TextPart("The moon"),)


def test_thinking_of_earlier_answers_is_stored_and_not_sent(store):
    first = (
        ThinkingDelta("Hm."),
        SignatureDelta("c2ln"),
        RedactedThinking("c2VhbGVk", 1),
        TextDelta("Yes.", 2),
        REST[-1],
    )
    services, _, conversation = start_conversation(store, first=first, target=CLAUDE)
    path = wait_for_path(services, conversation.id)
    stored = (ThinkingPart("Hm.", "c2ln"), ThinkingPart("", "", "c2VhbGVk"), TextPart("Yes."))
    assert path[-1].message.parts == stored
    assert window.build_messages(path) == [
        Message("user", (TextPart("Why tides?"),)),
        Message("assistant", (TextPart("Yes."),)),
    ]


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("model", ["demo-cut-by-length", "demo-repeats", "demo-breaks", "demo-pause-turn"])
def test_incomplete_demo_answers_are_continued_on_both_wires(store, wire, model):
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    try:
        services = TurnServices(store, client, GenerationRegistry())
        conversation = turn.ask(services, "ann", None, "Tell me of tides", Target(model, wire), Params()).conversation
        before = wait_for_path(services, conversation.id)[-1]
        assert before.outcome in (Outcome.LENGTH, Outcome.INTERRUPTED)
        turn.continue_answer(services, "ann", conversation.id, last_answer_id(services, conversation.id), Params())
        after = wait_for_path(services, conversation.id)[-1]
        assert after.outcome is not Outcome.FAILED, after.failure
        assert after.message.text.startswith(before.message.text)
        assert len(after.message.text) > len(before.message.text)
        ending = before.message.text[-40:]
        assert after.message.text.count(ending) == 1
    finally:
        client.close()
        server.close()


class UncancellableGateway(ScriptedGateway):
    """A gateway whose first answer ignores cancellation, as while it connects."""

    def __init__(self, *answers) -> None:
        super().__init__(*answers)
        self.release, self.finished = threading.Event(), threading.Event()

    def _play(self, script, cancel):
        if len(self.sent) > 1:
            yield from super()._play(script, cancel)
            return
        yield from script
        self.release.wait(20)
        self.finished.set()


def test_a_worker_that_outlives_its_stop_does_not_end_the_continuation(store, monkeypatch):
    monkeypatch.setattr(generation, "STOP_TIMEOUT", 0.05)
    release = threading.Event()
    gateway = UncancellableGateway((TextDelta("The moon"),), (TextDelta(" pulls."), release, REST[-1]))
    services = TurnServices(store, gateway, GenerationRegistry())
    conversation = turn.ask(services, "ann", None, "Why tides?", GPT, DEFAULT_PARAMS).conversation
    first = services.generations.find("ann", conversation.id)
    wait_until(lambda: first.wait(-1, 0).node.message.text)
    first.stop()
    turn.continue_answer(services, "ann", conversation.id, first.node_ids[0], DEFAULT_PARAMS)
    gateway.release.set()
    assert gateway.finished.wait(20)
    wait_until(lambda: store.messages.node("ann", first.node_ids[0]).message.text == "The moon pulls.")
    assert store.messages.node("ann", first.node_ids[0]).outcome is Outcome.ARRIVING
    release.set()
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE
