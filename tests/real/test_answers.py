"""Answers through a real gateway: unchanged text, thinking and usage, on every pair of wires."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lib.core.conversation import FilePart, Message, Outcome, TextPart, ThinkingPart
from lib.core.events import TextDelta, ThinkingDelta
from lib.core.file_content import FileContent
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.real.conftest import MOCK_TEXT
from tests.real.routes import QUESTION, REPLAY_MODELS, ask, ask_directly, each_route, each_wire
from tests.real.upstream import PATHS, complete_stream
from tests.support.replay import Replay
from tests.unit.gateway.recordings import collect

# Fragments that streams often break: graphemes, whitespace, line ends, and text that looks like events.
FRAGMENTS = [
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
# A PNG image of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
THINKING = ["Hm. ", "想一想 ", "🤔 ", "Now."]


@each_route
def test_text_arrives_unchanged(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], complete_stream(upstream_wire, FRAGMENTS))
    answer = ask(gateway, wire, REPLAY_MODELS[upstream_wire])
    assert answer.error is None
    assert answer.text == "".join(FRAGMENTS)
    assert answer.reply.outcome() is Outcome.COMPLETE
    assert answer.reply.provider_metadata["model"] == REPLAY_MODELS[upstream_wire]


@each_route
def test_thinking_precedes_the_text(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], complete_stream(upstream_wire, FRAGMENTS, THINKING))
    events = list(gateway.stream(Target(REPLAY_MODELS[upstream_wire], wire), QUESTION, Params(), CancelToken()))
    event_types = [type(event) for event in events if isinstance(event, TextDelta | ThinkingDelta)]
    assert event_types == sorted(event_types, key=[ThinkingDelta, TextDelta].index)
    answer = collect(events)
    assert answer.text == "".join(FRAGMENTS)
    assert answer.thinking == "".join(THINKING)


def test_signature_is_passed_through(replay: Replay, gateway: Gateway) -> None:
    replay.serve(PATHS["anthropic"], complete_stream("anthropic", ["So."], THINKING))
    answer = ask(gateway, "anthropic", REPLAY_MODELS["anthropic"])
    assert answer.reply.parts() == (ThinkingPart("".join(THINKING), "c2lnbmVk"), TextPart("So."))


@each_route
def test_usage_is_reported(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], complete_stream(upstream_wire, FRAGMENTS))
    usage = ask(gateway, wire, REPLAY_MODELS[upstream_wire]).reply.usage
    assert (usage.input, usage.output, usage.cache_read) == (1_000, 50, 400)


@each_route
@pytest.mark.parametrize("name", ["demo-tour", "demo-thinker"])
def test_long_answer_equals_the_direct_one(gateway: Gateway, wire: Wire, upstream_wire: Wire, name: str) -> None:
    question = "请用中文写一段代码 🙂"
    direct_answer = ask_directly(upstream_wire, name, question)
    answer = ask(gateway, wire, f"{upstream_wire}-{name}", question)
    assert (answer.text, answer.thinking, answer.error) == (direct_answer.text, direct_answer.thinking, None)


@each_route
def test_messages_and_params_reach_the_upstream(
    replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire
) -> None:
    replay.serve(PATHS[upstream_wire], complete_stream(upstream_wire, ["So."]))
    path = [
        Message("user", (TextPart("What is it? 它是什么？"),)),
        Message("assistant", (ThinkingPart("Hm."), TextPart("Forty-two. 😀"))),
        Message("user", (TextPart("Why?"),)),
    ]
    params = Params("Be “kind” 🦌.", temperature=0.25, max_tokens=77)
    collect(gateway.stream(Target(REPLAY_MODELS[upstream_wire], wire), path, params, CancelToken()))
    body = replay.requests[-1].json
    assert _messages(body) == [
        ("system", "Be “kind” 🦌."),
        ("user", "What is it? 它是什么？"),
        ("assistant", "Forty-two. 😀"),
        ("user", "Why?"),
    ]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("replayed", 0.25, 77)


@each_route
def test_images_reach_the_upstream(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], complete_stream(upstream_wire, ["So."]))
    part = FilePart("digest", "pixel.png", "image/png", len(PIXEL), "image")
    content = FileContent(part.digest, part.media_type, part.size, lambda: PIXEL)
    target, question = Target(REPLAY_MODELS[upstream_wire], wire), [Message("user", (part, TextPart("What is it?")))]
    answer = collect(gateway.stream(target, question, Params(), CancelToken(), files={part.digest: content}))
    assert answer.error is None
    assert base64.b64encode(PIXEL).decode() in replay.requests[-1].body.decode()


@each_route
def test_max_tokens_ends_the_answer_by_length(gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    answer = ask(gateway, wire, f"{upstream_wire}-demo-tour", params=Params(max_tokens=7))
    assert (answer.error, answer.reply.outcome(), answer.reply.usage.output) == (None, Outcome.LENGTH, 7)


@each_wire
def test_answer_of_the_gateway_itself(gateway: Gateway, wire: Wire) -> None:
    answer = ask(gateway, wire, "mocked")
    assert (answer.text, answer.error, answer.reply.outcome()) == (MOCK_TEXT, None, Outcome.COMPLETE)


def test_models_are_listed_in_order_with_their_wires(gateway: Gateway, model_entries: list[dict[str, Any]]) -> None:
    wires_by_model = {model.id: model.wires for model in gateway.fetch_models().models}
    names = [entry["model_name"] for entry in model_entries]
    assert list(wires_by_model) == [name for name in names if name not in ("tts-1", "whisper-1")]
    assert wires_by_model["gpt-image-1"] == ("images",)
    assert wires_by_model["gpt-replayed"] == ("openai", "anthropic")
    assert wires_by_model["claude-replayed"] == ("anthropic", "openai")


def _messages(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Role and text of the messages in a request of either wire."""
    system = [{"role": "system", "content": body["system"]}] if "system" in body else []
    return [(message["role"], _text(message["content"])) for message in [*system, *body["messages"]]]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
