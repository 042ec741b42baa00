"""Requests sent again without what was refused: once, learnt for the team, and said in the answer's metadata."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Message, TextPart, ThinkingPart
from lib.core.params import Params
from lib.core.refused_params import SENT_AGAIN, FieldRefusal, RefusedParam
from lib.core.target import Target, Wire
from lib.gateway import client
from lib.gateway.client import Gateway
from lib.gateway.repair import RequestRepair, find_refused_param, find_sent_field, without_thinking
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.errors import responses as wire_errors
from lib.gateway.wires.request_body import WIRE_MODULES, build_body
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import KEY, PATHS, QUESTION, RECORDINGS, CollectedAnswer, Memory, collect

each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
SIGNED = Message("assistant", (ThinkingPart("Let me see.", "sig=="), ThinkingPart("", "", "data"), TextPart("4")))
PATH = [*QUESTION, SIGNED, Message("user", (TextPart("And then?"),))]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def learning_gateway(replay: Replay, memory: Memory):
    gateway = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=2), refused_params=memory)
    yield gateway
    gateway.close()


def refusal(message: str, status: int = 400, **fields: Any) -> Canned:
    error = {"message": message, "type": "invalid_request_error", **fields}
    return Canned(json.dumps({"error": error}).encode(), status, JSON)


def ask(gateway: Gateway, wire: Wire, params: Params, path: list[Message] | None = None) -> CollectedAnswer:
    return collect(gateway.stream(Target("tiny", wire), path or QUESTION, params, CancelToken()))


def answer(wire: Wire) -> Canned:
    return RECORDINGS[f"{wire}-text.sse"].canned()


@each_wire
def test_refused_parameter_is_learnt_and_the_answer_requested_once_more(
    replay: Replay, learning_gateway: Gateway, memory: Memory, wire: Wire
) -> None:
    replay.serve(PATHS[wire], refusal("`temperature` is deprecated for this model."), answer(wire))
    result = ask(learning_gateway, wire, Params(temperature=0.5))
    assert (result.error, result.text) == (None, RECORDINGS[f"{wire}-text.sse"].text)
    bodies = [request.json for request in replay.requests]
    assert [body.get("temperature") for body in bodies] == [0.5, None]
    assert {name: v for name, v in bodies[0].items() if name != "temperature"} == bodies[1]
    assert memory.fields == [("temperature", "")]
    assert memory.refused[0].words == "`temperature` is deprecated for this model"
    (note,) = result.reply.provider_metadata[SENT_AGAIN]
    assert (note["reason"], note["field"]) == ("refused", "temperature")

    replay.serve(PATHS[wire], answer(wire))
    later = ask(learning_gateway, wire, Params(temperature=0.7))
    assert "temperature" not in replay.requests[-1].json
    assert len(replay.requests) == 3
    assert SENT_AGAIN not in later.reply.provider_metadata


def test_refusal_of_another_model_or_wire_changes_nothing(
    replay: Replay, learning_gateway: Gateway, memory: Memory
) -> None:
    memory.learn(RefusedParam(Target("other", "openai"), "temperature"))
    memory.learn(RefusedParam(Target("tiny", "anthropic"), "temperature"))
    replay.serve(PATHS["openai"], answer("openai"))
    ask(learning_gateway, "openai", Params(temperature=0.5))
    assert replay.requests[0].json["temperature"] == 0.5


def test_a_gateway_that_refuses_again_is_not_asked_a_third_time(replay: Replay, learning_gateway: Gateway) -> None:
    replay.serve(PATHS["openai"], refusal("`temperature` is deprecated for this model."))
    result = ask(learning_gateway, "openai", Params(temperature=0.5))
    assert type(result.error) is errors.InvalidRequest
    assert len(replay.requests) == 2


def test_parameters_that_are_refused_one_after_the_other(
    replay: Replay, learning_gateway: Gateway, memory: Memory
) -> None:
    refusals = [
        refusal(f"Unsupported parameter: '{name}' is not supported with this model.") for name in ("top_p", "seed")
    ]
    replay.serve(PATHS["openai"], *refusals, answer("openai"))
    assert ask(learning_gateway, "openai", Params(top_p=0.5, seed=1)).error is None
    assert memory.fields == [("top_p", ""), ("seed", "")]


def test_one_of_two_is_left_out_beside_the_other_only(
    replay: Replay, learning_gateway: Gateway, memory: Memory
) -> None:
    words = "temperature and top_p cannot both be specified for this model. Please use only one."
    replay.serve(PATHS["anthropic"], refusal(words), answer("anthropic"))
    ask(learning_gateway, "anthropic", Params(temperature=0.5, top_p=0.5))
    assert memory.fields == [("top_p", "temperature")]
    ask(learning_gateway, "anthropic", Params(top_p=0.5))
    assert [request.json.get("top_p") for request in replay.requests] == [0.5, None, 0.5]


def test_limit_of_the_answer_is_sent_under_its_other_name(replay: Replay, learning_gateway: Gateway) -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    replay.serve(PATHS["openai"], refusal(words), answer("openai"))
    ask(learning_gateway, "openai", Params(max_tokens=9))
    assert [request.json.get("max_completion_tokens") for request in replay.requests] == [None, 9]
    assert "max_tokens" not in replay.requests[1].json


TOO_LARGE = "max_tokens: 32000 > 4096, which is the maximum allowed number of output tokens for tiny"


@each_wire
@pytest.mark.parametrize(
    "params", [Params(max_tokens=32_000), Params(max_tokens=32_000, thinking="budget", budget=5000)]
)
def test_the_limit_that_a_refusal_names_is_sent_instead(
    wire: Wire, params: Params, replay: Replay, learning_gateway: Gateway, memory: Memory
) -> None:
    replay.serve(PATHS[wire], refusal(TOO_LARGE), answer(wire))
    collected = ask(learning_gateway, wire, params)
    first, second = (json.loads(request.body) for request in replay.requests)
    assert (first["max_tokens"], second["max_tokens"]) == (32_000, 4096)
    assert second.get("thinking", {}).get("budget_tokens", 0) == (3276 if "thinking" in first else 0)
    assert {**first, "max_tokens": 0, "thinking": 0} == {**second, "max_tokens": 0, "thinking": 0}
    assert collected.text == RECORDINGS[f"{wire}-text.sse"].text
    (note,) = collected.reply.provider_metadata[SENT_AGAIN]
    assert (note["reason"], note["field"], note["limit"]) == ("limit", "max_tokens", "4096")
    assert memory.refused == []


def test_a_limit_that_is_refused_again_is_not_sent_a_third_time(replay: Replay, learning_gateway: Gateway) -> None:
    replay.serve(PATHS["anthropic"], refusal(TOO_LARGE), refusal(TOO_LARGE))
    collected = ask(learning_gateway, "anthropic", Params(max_tokens=32_000))
    assert isinstance(collected.error, errors.InvalidRequest)
    assert [json.loads(request.body)["max_tokens"] for request in replay.requests] == [32_000, 4096]


def test_fields_without_a_parameter_are_learnt_too(replay: Replay, learning_gateway: Gateway, memory: Memory) -> None:
    replay.serve(PATHS["openai"], refusal("stream_options: Extra inputs are not permitted", 422), answer("openai"))
    assert ask(learning_gateway, "openai", Params()).error is None
    assert memory.fields == [("stream_options", "")]


@pytest.mark.parametrize(
    ("canned", "params"),
    [
        # A value, a combination, a field that was not sent, a status other than 4xx, another class.
        (refusal("temperature must be between 0 and 1"), Params(temperature=1.5)),
        (refusal("temperature is not supported when thinking is enabled"), Params(temperature=0.5)),
        (refusal("`top_p` is not supported with this model"), Params(temperature=0.5)),
        (refusal("temperature=1.5 is not supported"), Params(temperature=1.5)),
        (refusal("temperature: 2.0 is not supported by this model"), Params(temperature=1.5)),
        (refusal("reasoning effort max is not supported by this model"), Params(effort="max")),
        (refusal("'reasoning_effort' 'max' not supported"), Params(effort="max")),
        (refusal("`temperature` is not supported", 500, code="invalid_request"), Params(temperature=0.5)),
        (
            Canned(json.dumps({"code": 400, "msg": "`temperature` is not supported"}).encode(), headers=JSON),
            Params(temperature=0.5),
        ),
        (refusal("model: this model is not supported"), Params(temperature=0.5)),
        (refusal("messages: Extra inputs are not permitted"), Params(temperature=0.5)),
        # Words of the user that come back: as a value, as the name of a field, as a text.
        (
            refusal("Invalid type: 'temperature' is not supported"),
            Params(temperature=0.5, extra='{"foo": "temperature"}'),
        ),
        (
            refusal("Unrecognized request argument supplied: x; `temperature` is not supported by this model"),
            Params(temperature=0.5, extra='{"x; `temperature` is not supported by this model": 1}'),
        ),
        (refusal("Bad input: Top P is not permitted"), Params(top_p=0.5, stop=("Top P is not permitted",))),
        # A field that another one is named like.
        (
            refusal("temperature: Extra inputs are not permitted"),
            Params(temperature=0.5, extra='{"foo": {"temperature": 1}}'),
        ),
        (
            refusal("temperature: Extra inputs are not permitted"),
            Params(temperature=0.5, extra='{"foo": [{"temperature": 1}]}'),
        ),
        # A field of nobody's format.
        (refusal("Unrecognized request argument supplied: foo"), Params(extra='{"foo": 1}')),
    ],
)
def test_nothing_else_is_learnt_or_sent_again(
    replay: Replay, learning_gateway: Gateway, memory: Memory, canned: Canned, params: Params
) -> None:
    replay.serve(PATHS["openai"], canned)
    assert ask(learning_gateway, "openai", params).error is not None
    assert (len(replay.requests), memory.refused) == (1, [])


def test_words_of_a_message_teach_nothing() -> None:
    body = {
        "temperature": 0.5,
        "messages": [{"role": "user", "content": "say: temperature is not supported by this model!"}],
    }
    target = Target("m", "openai")
    echoed = FieldRefusal("temperature", words="Bad text “say: temperature is not supported by this model”")
    own = FieldRefusal("temperature", words="`temperature` is deprecated for all requests here")
    assert find_refused_param(target, body, echoed) is None
    assert find_refused_param(target, body, own) is not None


BODY = {
    "model": "m",
    "messages": [{"role": "user", "content": "temperature"}],
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "low"},
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("thinking", "thinking"),
        ("thinking.adaptive.display", "thinking.display"),
        ("thinking.display", "thinking.display"),
        ("effort", "output_config.effort"),
        ("reasoning_effort", "output_config.effort"),
        ("stop", "stop_sequences"),
        ("metadata.user_id", "metadata.user_id"),
        ("user_id", "metadata.user_id"),
        ("temperature", ""),
        ("messages", ""),
        ("thinking.type.disabled", ""),
        ("role", ""),
    ],
)
def test_field_that_an_error_means(name: str, field: str) -> None:
    assert find_sent_field(BODY, name) == field


# Earlier thinking.

SIGNATURE_REFUSALS = [
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation. "
    'Remove the block, or set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".',
    "The block is bound to a different account.",
    "Unable to submit request because Thought signature is not valid.",
    "Invalid thought signature.",
    "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.",
    "thinking 块的签名无效",
]


@each_wire
def test_thinking_of_earlier_answers_is_not_sent_back(wire: Wire) -> None:
    messages = build_body(Target("claude-opus-5-5", wire), PATH, Params())["messages"]
    assert [message["content"] for message in messages] == [QUESTION[0].text, "4", "And then?"]


def body_with_thinking(*arguments: Any) -> dict[str, Any]:
    body = build_body(*arguments)
    thinking = [
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig=="},
        {"type": "redacted_thinking", "data": "x"},
    ]
    body["messages"][1]["content"] = [*thinking, {"type": "text", "text": "4"}]
    return body


@pytest.mark.parametrize("words", SIGNATURE_REFUSALS)
def test_refused_thinking_is_left_out_once(
    replay: Replay, learning_gateway: Gateway, memory: Memory, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(client, "build_body", body_with_thinking)
    replay.serve(PATHS["anthropic"], refusal(words), answer("anthropic"))
    result = ask(learning_gateway, "anthropic", Params(), PATH)
    assert result.error is None
    assert replay.requests[1].json["messages"][1]["content"] == [{"type": "text", "text": "4"}]
    assert result.reply.provider_metadata[SENT_AGAIN] == [{"reason": "thinking", "words": words}]
    assert memory.refused == []

    replay.serve(PATHS["anthropic"], refusal(words))
    assert type(ask(learning_gateway, "anthropic", Params(), PATH).error) is errors.InvalidRequest
    assert len(replay.requests) == 4


def test_refused_thinking_is_left_out_whatever_the_status() -> None:
    for status in (400, 422, 500):
        body = body_with_thinking(Target("m", "anthropic"), PATH, Params())
        payload = json.dumps({"error": {"message": SIGNATURE_REFUSALS[0], "code": "convert_request_failed"}})
        repair = RequestRepair(Target("m", "anthropic"), body, Memory())
        assert repair.repair(wire_errors.error_from_response(status, {}, payload))
        assert repair.body == without_thinking(body) != body


@pytest.mark.parametrize("words", SIGNATURE_REFUSALS)
def test_a_body_without_thinking_is_not_sent_again_unchanged(
    replay: Replay, learning_gateway: Gateway, words: str
) -> None:
    replay.serve(PATHS["anthropic"], refusal(words))
    ask(learning_gateway, "anthropic", Params(), PATH)
    assert len(replay.requests) == 1


@pytest.mark.parametrize(
    "words", ["The request signature we calculated does not match", "max_tokens too large", "thinking is not supported"]
)
def test_other_refusals_keep_the_thinking(words: str) -> None:
    body = body_with_thinking(Target("m", "anthropic"), PATH, Params())
    error = wire_errors.error_from_response(400, {}, json.dumps({"error": {"message": words}}))
    repair = RequestRepair(Target("m", "anthropic"), body, Memory())
    assert not repair.repair(error)
    assert repair.body == body


def test_without_thinking_of_the_openai_format() -> None:
    message = {"role": "assistant", "content": "4", "reasoning_content": "hm", "reasoning_details": []}
    user = {"role": "user", "content": "?", "reasoning": "mine"}
    assert without_thinking({"messages": [user, message]}) == {
        "messages": [user, {"role": "assistant", "content": "4"}]
    }
