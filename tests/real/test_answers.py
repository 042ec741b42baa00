"""Answers through a real gateway: to the letter, with thinking and usage, from either wire over either."""

from __future__ import annotations

from typing import Any

import pytest

from lib.core.conversation import Message, Outcome, TextPart, ThinkingPart
from lib.core.events import TextDelta, ThinkingDelta
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.real.conftest import MOCKED
from tests.real.routes import QUESTION, REPLAYED, each_route, each_wire, says, straight
from tests.real.upstream import PATHS, spoken
from tests.support.replay import Replay
from tests.unit.gateway.recordings import collect

# Cut where streams go wrong: inside one sign, around blanks and line ends, in what looks like a stream.
PIECES = [
    "\n\n",
    "Grüße, ",
    "你好",
    "\n",
    " ",
    "世界 ",
    "👩\u200d👩\u200d👧",
    "👧 ",
    "e",
    "\u0301 ",
    "שלום ",
] + ["data: [DONE]\n\n", "event: error\n", "\\u00e9 ", '{"a":1}', "```", "\n", "x\r\ny", " 𝕏", " end \n"]
THOUGHTS = ["Hm. ", "想一想 ", "🤔 ", "Now."]


@each_route
def test_the_text_arrives_to_the_letter(replay: Replay, asked: Gateway, wire: Wire, behind: Wire) -> None:
    replay.serve(PATHS[behind], spoken(behind, PIECES))
    heard = says(asked, wire, REPLAYED[behind])
    assert heard.error is None
    assert heard.text == "".join(PIECES)
    assert heard.reply.outcome() is Outcome.COMPLETE
    assert heard.reply.provider_metadata["model"] == REPLAYED[behind]


@each_route
def test_thinking_comes_first_and_apart(replay: Replay, asked: Gateway, wire: Wire, behind: Wire) -> None:
    replay.serve(PATHS[behind], spoken(behind, PIECES, THOUGHTS))
    events = list(asked.stream(Target(REPLAYED[behind], wire), QUESTION, Params(), CancelToken()))
    kinds = [type(event) for event in events if isinstance(event, TextDelta | ThinkingDelta)]
    assert kinds == sorted(kinds, key=[ThinkingDelta, TextDelta].index)
    heard = collect(events)
    assert heard.text == "".join(PIECES)
    assert heard.thinking == "".join(THOUGHTS)


def test_a_signature_is_handed_through(replay: Replay, asked: Gateway) -> None:
    replay.serve(PATHS["anthropic"], spoken("anthropic", ["So."], THOUGHTS))
    heard = says(asked, "anthropic", REPLAYED["anthropic"])
    assert heard.reply.parts() == (ThinkingPart("".join(THOUGHTS), "c2lnbmVk"), TextPart("So."))


@each_route
def test_usage_is_counted(replay: Replay, asked: Gateway, wire: Wire, behind: Wire) -> None:
    replay.serve(PATHS[behind], spoken(behind, PIECES))
    usage = says(asked, wire, REPLAYED[behind]).reply.usage
    assert (usage.input, usage.output, usage.cached) == (1_000, 50, 400)


@each_route
@pytest.mark.parametrize("name", ["demo-tour", "demo-thinker"])
def test_a_long_answer_is_the_one_that_was_given(asked: Gateway, wire: Wire, behind: Wire, name: str) -> None:
    question = "请用中文写一段代码 🙂"
    given = straight(behind, name, question)
    heard = says(asked, wire, f"{behind}-{name}", question)
    assert (heard.text, heard.thinking, heard.error) == (given.text, given.thinking, None)


@each_route
def test_what_was_said_and_set_reaches_the_model(
    replay: Replay, asked: Gateway, wire: Wire, behind: Wire
) -> None:
    replay.serve(PATHS[behind], spoken(behind, ["So."]))
    path = [
        Message("user", (TextPart("What is it? 它是什么？"),)),
        Message("assistant", (ThinkingPart("Hm."), TextPart("Forty-two. 😀"))),
        Message("user", (TextPart("Why?"),)),
    ]
    params = Params("Be “kind” 🦌.", temperature=0.25, max_tokens=77)
    collect(asked.stream(Target(REPLAYED[behind], wire), path, params, CancelToken()))
    sent = replay.requests[-1].json
    assert _said(sent) == [
        ("system", "Be “kind” 🦌."),
        ("user", "What is it? 它是什么？"),
        ("assistant", "Forty-two. 😀"),
        ("user", "Why?"),
    ]
    assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("replayed", 0.25, 77)


@each_route
def test_an_answer_that_its_limit_ends_says_so(asked: Gateway, wire: Wire, behind: Wire) -> None:
    heard = says(asked, wire, f"{behind}-demo-tour", params=Params(max_tokens=7))
    assert (heard.error, heard.reply.outcome(), heard.reply.usage.output) == (None, Outcome.LENGTH, 7)


@each_wire
def test_an_answer_that_the_gateway_makes_itself_is_read(asked: Gateway, wire: Wire) -> None:
    heard = says(asked, wire, "mocked")
    assert (heard.text, heard.error, heard.reply.outcome()) == (MOCKED, None, Outcome.COMPLETE)


def test_the_models_are_listed_in_order_each_over_both_wires(
    asked: Gateway, entries: list[dict[str, Any]]
) -> None:
    listed = {model.id: model.wires for model in asked.fetch_models().models}
    assert list(listed) == [entry["model_name"] for entry in entries]
    assert listed["gpt-replayed"] == ("openai", "anthropic")
    assert listed["claude-replayed"] == ("anthropic", "openai")


def _said(sent: dict[str, Any]) -> list[tuple[str, str]]:
    """Who said what in a request of either wire; a text may come as a list of parts."""
    system = [{"role": "system", "content": sent["system"]}] if "system" in sent else []
    return [(message["role"], _text(message["content"])) for message in [*system, *sent["messages"]]]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
