"""The official SDKs as a second opinion: same bytes, same text; same question, same request."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from lib.core.conversation import Message, TextPart
from lib.core.params import FIELDS_BY_NAME, Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES, dropped_params
from tests.support.replay import Replay, Request
from tests.unit.gateway.recordings import KEY, PATHS, RECORDINGS, STREAMS, WHOLE, Recording, ask

PATH = [
    Message("user", (TextPart("What is it? 它是什么？ 😀"),)),
    Message("assistant", (TextPart("Forty-two."),)),
    Message("user", (TextPart("Why?"),)),
]
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
SDKs = tuple[openai.OpenAI, anthropic.Anthropic]
Gateways = tuple[Replay, Gateway, SDKs]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sdks(replay: Replay) -> Iterator[SDKs]:
    first = openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0)
    second = anthropic.Anthropic(base_url=replay.url, auth_token=KEY, max_retries=0)
    with first, second:
        yield first, second


def openai_text(client: openai.OpenAI) -> tuple[str, str]:
    """The text and the reason of the first choice, as OpenAI's SDK reads the stream."""
    text, reason = "", ""
    for chunk in client.chat.completions.create(model="tiny", messages=[], stream=True):
        for choice in chunk.choices:
            if choice.index == 0:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
    return text, reason


def anthropic_text(client: anthropic.Anthropic) -> tuple[str, str]:
    """The text and the reason of the message that Anthropic's SDK builds from the stream."""
    with client.messages.stream(model="tiny", messages=[], max_tokens=300) as stream:
        for _ in stream:
            pass
        message = stream.current_message_snapshot
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, message.stop_reason or ""


@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
def test_the_sdk_reads_the_text_that_we_read(
    stream: Recording, replay: Replay, asked: Gateway, sdks: SDKs
) -> None:
    replay.serve(PATHS[stream.wire], stream.canned(piece=97))
    heard = ask(asked, stream.wire)
    theirs = openai_text(sdks[0]) if stream.wire == "openai" else anthropic_text(sdks[1])
    text, reason = theirs
    if text.startswith("<think>"):
        # The SDKs leave in the text what the server left there; we tell it apart.
        thought, _, text = text.removeprefix("<think>").partition("</think>")
        assert (thought.strip(), text.lstrip()) == (heard.thinking, heard.text)
    else:
        assert (text, heard.text) == (heard.text, stream.text)
    assert reason == (heard.reply.finish.reason if heard.reply.finish else "")


@pytest.mark.parametrize("whole", WHOLE, ids=lambda recording: recording.name)
def test_the_sdk_reads_the_whole_answer_that_we_read(
    whole: Recording, replay: Replay, asked: Gateway, sdks: SDKs
) -> None:
    replay.serve(PATHS[whole.wire], whole.canned())
    heard = ask(asked, whole.wire)
    if whole.wire == "openai":
        theirs = sdks[0].chat.completions.create(model="tiny", messages=[]).choices[0].message.content
    else:
        message = sdks[1].messages.create(model="tiny", messages=[], max_tokens=9)
        theirs = "".join(block.text for block in message.content if block.type == "text")
    assert heard.text == theirs != ""


# What is set, and the same as a user of each SDK would write it, beside the model and the messages.
CALLS: dict[str, tuple[Params, dict[str, Any] | None, dict[str, Any] | None]] = {
    "nothing": (Params(), {}, {}),
    "system": (
        Params("Be “kind”."),
        {"messages": [{"role": "system", "content": "Be “kind”."}]},
        {"system": "Be “kind”."},
    ),
    "max_tokens": (Params(max_tokens=300), {"max_tokens": 300}, {"max_tokens": 300}),
    "temperature": (Params(temperature=0.0), {"temperature": 0.0}, {"extra_body": {"temperature": 0.0}}),
    "top_p": (Params(top_p=0.7), {"top_p": 0.7}, {"extra_body": {"top_p": 0.7}}),
    "top_k": (Params(top_k=5), None, {"extra_body": {"top_k": 5}}),
    "presence_penalty": (Params(presence_penalty=-0.5), {"presence_penalty": -0.5}, None),
    "frequency_penalty": (Params(frequency_penalty=0.5), {"frequency_penalty": 0.5}, None),
    "logit_bias": (Params(logit_bias='{"7": -100}'), {"logit_bias": {"7": -100}}, None),
    "seed": (Params(seed=7), {"seed": 7}, None),
    "n": (Params(n=2), {"n": 2}, None),
    "stop": (Params(stop=("END", "世")), {"stop": ["END", "世"]}, {"stop_sequences": ["END", "世"]}),
    "user": (Params(user="u-1"), {"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
    "effort": (Params(effort="high"), {"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
    "effort: minimal": (Params(effort="minimal"), {"reasoning_effort": "minimal"}, None),
    "thinking: adaptive": (Params(thinking="adaptive"), None, {"thinking": {"type": "adaptive"}}),
    "thinking: off": (Params(thinking="off"), None, {"thinking": {"type": "disabled"}}),
    "thinking: budget": (
        Params(thinking="budget", budget=2048, max_tokens=4096),
        None,
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096},
    ),
    "format: json": (Params(format="json"), {"response_format": {"type": "json_object"}}, None),
    "format: schema": (
        Params(format="schema", schema=json.dumps(SCHEMA)),
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
            }
        },
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ),
    "cache: 5m": (Params(cache="5m"), None, {"cache_control": {"type": "ephemeral"}}),
    "cache: 1h": (Params(cache="1h"), None, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}),
    "stream": (Params(stream=False), {"stream": False}, {"stream": False}),
    "extra": (
        Params(extra='{"verbosity": "low", "service_tier": "auto", "new_field": [1]}'),
        {"verbosity": "low", "service_tier": "auto", "extra_body": {"new_field": [1]}},
        {"service_tier": "auto", "extra_body": {"verbosity": "low", "new_field": [1]}},
    ),
}


def sdk_asks(wire: Wire, model: str, more: dict[str, Any], sdks: SDKs) -> None:
    """The call as a user of the SDK would write it."""
    said: list[Any] = [{"role": message.role, "content": message.text} for message in PATH]
    asked: dict[str, Any] = {"model": model, "stream": True, **more}
    asked["messages"] = [*more.get("messages", []), *said]
    if wire == "openai":
        counted = {"stream_options": {"include_usage": True}} if asked["stream"] else {}
        answer = sdks[0].chat.completions.create(**asked, **counted)
    else:
        answer = sdks[1].messages.create(**{"max_tokens": 8192, **asked})
    if asked["stream"]:
        list(answer)


def both_ask(
    wire: Wire, params: Params, more: dict[str, Any], gateways: Gateways, model: str = "tiny"
) -> list[Request]:
    """What goes over the wire when we ask, and when the SDK does."""
    replay, asked, sdks = gateways
    whole = RECORDINGS[f"{wire}-nostream.json"]
    streamed = next(stream for stream in STREAMS if stream.wire == wire and stream.finish)
    replay.serve(PATHS[wire], (streamed if params.stream else whole).canned())
    list(asked.stream(Target(model, wire), PATH, params, CancelToken()))
    sdk_asks(wire, model, more, sdks)
    return replay.requests[-2:]


@pytest.fixture
def gateways(replay: Replay, asked: Gateway, sdks: SDKs) -> Gateways:
    return replay, asked, sdks


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("call", CALLS)
def test_the_sdk_sends_the_request_that_we_send(wire: Wire, call: str, gateways: Gateways) -> None:
    params, *writings = CALLS[call]
    more = writings[0 if wire == "openai" else 1]
    if more is None:
        untouched = Params()
        names = [name for name in FIELDS_BY_NAME if getattr(params, name) != getattr(untouched, name)]
        lost = {
            name
            for loss in dropped_params(Target("tiny", wire), params)
            for name in loss.param_names.split(",")
        }
        assert lost & set(names)  # the SDK could not write that, and we say that we do not send it
        return
    ours, theirs = both_ask(wire, params, more, gateways)
    assert ours.json == theirs.json
    assert ours.json["stream"] is params.stream
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    for name in ("authorization", "content-type", "x-api-key"):
        assert ours.headers.get(name) == theirs.headers.get(name), name
    assert ours.headers["authorization"] == f"Bearer {KEY}"
    # Ours stays at the version that gateways know; the SDK moves on with its maker.
    assert ours.headers.get("anthropic-version") == ("2023-06-01" if wire == "anthropic" else None)
    assert ("anthropic-version" in theirs.headers) is (wire == "anthropic")


def test_the_limit_of_a_reasoning_model_is_the_one_that_the_sdk_sends(gateways: Gateways) -> None:
    more = {"max_completion_tokens": 300, "reasoning_effort": "low"}
    ours, theirs = both_ask("openai", Params(max_tokens=300, effort="low"), more, gateways, "gpt-5")
    assert ours.json == theirs.json


def test_every_field_is_compared_with_the_sdks() -> None:
    untouched = Params()
    compared = {
        name
        for params, *_ in CALLS.values()
        for name in FIELDS_BY_NAME
        if getattr(params, name) != getattr(untouched, name)
    }
    assert compared == set(FIELDS_BY_NAME)
