"""Comparison with the official SDKs: the same bytes give the same text, the same params the same request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lib.core.conversation import Message, TextPart
from lib.core.params import FIELDS_BY_NAME, Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES, dropped_params
from tests.support import sdks
from tests.support.replay import Replay, Request
from tests.unit.gateway.recordings import COMPLETE_RESPONSES, KEY, PATHS, RECORDINGS, STREAMS, Recording, ask

MESSAGES = [
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
SDKs = tuple[Any, Any]  # of OpenAI and of Anthropic
Clients = tuple[Replay, Gateway, SDKs]


@pytest.fixture(scope="module")
def server() -> Iterator[Replay]:
    with Replay() as server:
        yield server


@pytest.fixture
def replay(server: Replay) -> Replay:
    """One server for all tests, since an SDK takes longer to make a client than to send a request."""
    server.reset()
    return server


@pytest.fixture(scope="module")
def sdk_clients(server: Replay) -> Iterator[SDKs]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS"):
            patch.delenv(name, raising=False)
        first = sdks.openai.OpenAI(base_url=server.url + "/v1", api_key=KEY, max_retries=0)
        second = sdks.anthropic.Anthropic(base_url=server.url, auth_token=KEY, max_retries=0)
        with first, second:
            yield first, second


def openai_text(client: sdks.openai.OpenAI) -> tuple[str, str]:
    """Text and finish reason of the first choice, as OpenAI's SDK reads the stream."""
    text, reason = "", ""
    for chunk in client.chat.completions.create(model="tiny", messages=[], stream=True):
        for choice in chunk.choices:
            if choice.index == 0:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
    return text, reason


def anthropic_text(client: sdks.anthropic.Anthropic) -> tuple[str, str]:
    """Text and stop reason of the message that Anthropic's SDK builds from the stream."""
    with client.messages.stream(model="tiny", messages=[], max_tokens=300) as stream:
        for _ in stream:
            pass
        message = stream.current_message_snapshot
    text = "".join(block.text for block in message.content if block.type == "text")
    return text, message.stop_reason or ""


@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
def test_sdk_reads_the_same_text_from_a_stream(
    stream: Recording, replay: Replay, gateway: Gateway, sdk_clients: SDKs
) -> None:
    replay.serve(PATHS[stream.wire], stream.canned(piece=97))
    answer = ask(gateway, stream.wire)
    sdk_request = openai_text(sdk_clients[0]) if stream.wire == "openai" else anthropic_text(sdk_clients[1])
    text, reason = sdk_request
    if text.startswith("<think>"):
        # The SDKs leave <think> tags in the text.
        thinking, _, text = text.removeprefix("<think>").partition("</think>")
        assert (thinking.strip(), text.lstrip()) == (answer.thinking, answer.text)
    else:
        assert (text, answer.text) == (answer.text, stream.text)
    assert reason == (answer.reply.finish.reason if answer.reply.finish else "")


@pytest.mark.parametrize("recording", COMPLETE_RESPONSES, ids=lambda recording: recording.name)
def test_sdk_reads_the_same_text_from_a_response(
    recording: Recording, replay: Replay, gateway: Gateway, sdk_clients: SDKs
) -> None:
    replay.serve(PATHS[recording.wire], recording.canned())
    answer = ask(gateway, recording.wire)
    if recording.wire == "openai":
        sdk_request = sdk_clients[0].chat.completions.create(model="tiny", messages=[]).choices[0].message.content
    else:
        message = sdk_clients[1].messages.create(model="tiny", messages=[], max_tokens=9)
        sdk_request = "".join(block.text for block in message.content if block.type == "text")
    assert answer.text == sdk_request != ""


# Params, and the equal arguments of OpenAI's and of Anthropic's SDK; None if the SDK has none.
SDK_CALLS: dict[str, tuple[Params, dict[str, Any] | None, dict[str, Any] | None]] = {
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
    "thinking: display": (
        Params(thinking="adaptive", display="omitted"),
        None,
        {"thinking": {"type": "adaptive", "display": "omitted"}},
    ),
    "verbosity": (Params(verbosity="low"), {"verbosity": "low"}, None),
    "prompt_cache_key": (Params(prompt_cache_key="k"), {"prompt_cache_key": "k"}, None),
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
    "web search of a model without it": (
        Params(
            web_search=True,
            search_context="low",
            search_uses=1,
            search_domains=("a.example",),
            search_blocked=("b.example",),
            search_country="DE",
            search_city="Munich",
        ),
        None,
        None,
    ),
    "stream": (Params(stream=False), {"stream": False}, {"stream": False}),
    "extra": (
        Params(extra='{"verbosity": "low", "service_tier": "auto", "new_field": [1]}'),
        {"verbosity": "low", "service_tier": "auto", "extra_body": {"new_field": [1]}},
        {"service_tier": "auto", "extra_body": {"verbosity": "low", "new_field": [1]}},
    ),
}


def call_sdk(wire: Wire, model: str, sdk_arguments: dict[str, Any], sdk_clients: SDKs) -> None:
    """Send the request with the SDK of the wire, and read the response."""
    messages: list[Any] = [{"role": message.role, "content": message.text} for message in MESSAGES]
    arguments: dict[str, Any] = {"model": model, "stream": True, **sdk_arguments}
    arguments["messages"] = [*sdk_arguments.get("messages", []), *messages]
    if wire == "openai":
        stream_options = {"stream_options": {"include_usage": True}} if arguments["stream"] else {}
        answer = sdk_clients[0].chat.completions.create(**arguments, **stream_options)
    else:
        answer = sdk_clients[1].messages.create(**{"max_tokens": 8192, **arguments})
    if arguments["stream"]:
        list(answer)


def capture_both_requests(
    wire: Wire, params: Params, sdk_arguments: dict[str, Any], clients: Clients, model: str = "tiny"
) -> list[Request]:
    """The requests that our client and the SDK send."""
    replay, gateway, sdk_clients = clients
    recording = RECORDINGS[f"{wire}-nostream.json"]
    streamed = next(stream for stream in STREAMS if stream.wire == wire and stream.finish)
    replay.serve(PATHS[wire], (streamed if params.stream else recording).canned())
    list(gateway.stream(Target(model, wire), MESSAGES, params, CancelToken()))
    call_sdk(wire, model, sdk_arguments, sdk_clients)
    return replay.requests[-2:]


@pytest.fixture
def clients(replay: Replay, gateway: Gateway, sdk_clients: SDKs) -> Clients:
    return replay, gateway, sdk_clients


@pytest.mark.parametrize("wire", WIRE_MODULES)
@pytest.mark.parametrize("call", SDK_CALLS)
def test_sdk_sends_the_same_request(wire: Wire, call: str, clients: Clients) -> None:
    params, *arguments_by_wire = SDK_CALLS[call]
    sdk_arguments = arguments_by_wire[0 if wire == "openai" else 1]
    if sdk_arguments is None:
        defaults = Params()
        names = [name for name in FIELDS_BY_NAME if getattr(params, name) != getattr(defaults, name)]
        adjusted = {
            name
            for adjustment in dropped_params(Target("tiny", wire), params)
            for name in adjustment.param_names.split(",")
        }
        assert adjusted & set(names)  # the wire has no such field, and it is reported as dropped
        return
    our_request, sdk_request = capture_both_requests(wire, params, sdk_arguments, clients)
    assert our_request.json == sdk_request.json
    assert our_request.json["stream"] is params.stream
    assert (our_request.method, our_request.path) == (sdk_request.method, sdk_request.path)
    for name in ("authorization", "content-type", "x-api-key"):
        assert our_request.headers.get(name) == sdk_request.headers.get(name), name
    assert our_request.headers["authorization"] == f"Bearer {KEY}"
    # Our version is fixed to the one that gateways support; the SDK's may change.
    assert our_request.headers.get("anthropic-version") == ("2023-06-01" if wire == "anthropic" else None)
    assert ("anthropic-version" in sdk_request.headers) is (wire == "anthropic")


def test_sdk_sends_the_same_limit_for_a_reasoning_model(clients: Clients) -> None:
    sdk_arguments = {"max_completion_tokens": 300, "reasoning_effort": "low"}
    our_request, sdk_request = capture_both_requests(
        "openai", Params(max_tokens=300, effort="low"), sdk_arguments, clients, "gpt-5"
    )
    assert our_request.json == sdk_request.json


def test_every_param_is_compared_with_the_sdks() -> None:
    defaults = Params()
    compared = {
        name
        for params, *_ in SDK_CALLS.values()
        for name in FIELDS_BY_NAME
        if getattr(params, name) != getattr(defaults, name)
    }
    # Those of images are compared in test_sdk_images.py.
    assert compared == {name for name, field in FIELDS_BY_NAME.items() if field.group != "image"}
