"""Refusals with status 200: bodies and frames without an answer, quoted and classified, on both wires."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.target import Wire
from lib.gateway.client import Gateway
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, ask

each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
DELTAS = {
    "openai": {"choices": [{"index": 0, "delta": {"content": "Half"}}]},
    "anthropic": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half"}},
}
# A payload, the class of its error, and the words that it quotes.
REFUSALS: list[tuple[Any, type, str]] = [
    ({"code": 500, "msg": "系统内部错误"}, errors.GatewayUnavailable, "系统内部错误"),
    ({"code": 20015, "message": "parameter is invalid", "data": None}, errors.InvalidResponse, "parameter is invalid"),
    ({"code": 401, "msg": "no"}, errors.KeyRejected, "no"),
    ({"code": 1113, "msg": "余额不足"}, errors.QuotaExhausted, "余额不足"),
    ({"success": False, "message": "a fault"}, errors.InvalidResponse, "a fault"),
    ({"success": False, "message": "prompt is too long: 9 tokens > 8 maximum"}, errors.ContextTooLong, "prompt is too"),
    ({"detail": "Not authenticated"}, errors.KeyRejected, "Not authenticated"),
    ({"detail": [{"loc": ["body"], "msg": "bad"}]}, errors.InvalidResponse, "bad"),
    ({"object": "error", "message": "a fault"}, errors.InvalidResponse, "a fault"),
    ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, errors.InvalidRequest, "no"),
    ({"choices": [], "message": "无可用渠道"}, errors.ModelNotFound, "无可用渠道"),
    ({"error_code": 336003, "error_msg": "a fault"}, errors.InvalidResponse, "a fault"),
    ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, errors.QuotaExhausted, "insufficient"),
    ({"errors": [{"message": "a fault", "code": 7003}]}, errors.InvalidResponse, "a fault"),
    ("upstream connect error or disconnect/reset before headers", errors.InvalidResponse, "upstream connect error"),
    ("Rate limit exceeded, slow down", errors.RateLimited, "Rate limit exceeded"),
    ([{"error": {"code": 429, "message": "no"}}], errors.RateLimited, "no"),
    ({"ResponseMetadata": {"Error": {"Code": "X", "Message": "余额不足"}}}, errors.QuotaExhausted, "余额不足"),
    ({"error": {"msg": "a fault"}}, errors.StreamError, "a fault"),
    ({"error": True, "code": 401}, errors.KeyRejected, "401"),
    ({"success": False}, errors.InvalidResponse, '"success": false'),
    ({"statusCode": 403, "message": "Forbidden"}, errors.KeyRejected, "Forbidden"),
    # Answers of formats that are neither of the two
    ({"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}, errors.InvalidResponse, "candidates"),
    ({"output": {"text": "Hello"}, "usage": {"input_tokens": 1}}, errors.InvalidResponse, "Hello"),
    ("<html><head><title>x</title></head><body>Log in</body></html>", errors.InvalidResponse, "Log in"),
]
IDS = [json.dumps(payload, ensure_ascii=False)[:50] for payload, _, _ in REFUSALS]


def encode(payload: Any) -> bytes:
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def frames(*payloads: Any, end: bytes = b"") -> bytes:
    return b"".join(b"data: " + encode(payload) + b"\n\n" for payload in payloads) + end


@each_wire
@pytest.mark.parametrize(("payload", "error_class", "words"), REFUSALS, ids=IDS)
def test_body_without_an_answer_is_a_refusal_that_quotes_the_gateway(
    replay: Replay, gateway: Gateway, wire: Wire, payload: Any, error_class: type, words: str
) -> None:
    for headers in (JSON, EVENT_STREAM):
        for piece in (None, 1):
            replay.serve(PATHS[wire], Canned(encode(payload), headers=headers, piece=piece))
            error = ask(gateway, wire).error
            assert error is not None
            assert type(error) is error_class
            assert words in error.detail


@each_wire
@pytest.mark.parametrize(("payload", "error_class", "words"), REFUSALS, ids=IDS)
@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"], ids=["cut", "done"])
def test_frame_without_an_answer_is_a_refusal_that_quotes_the_gateway(
    replay: Replay, gateway: Gateway, wire: Wire, payload: Any, error_class: type, words: str, end: bytes
) -> None:
    replay.serve(PATHS[wire], Canned(frames(payload, end=end)))
    error = ask(gateway, wire).error
    assert error is not None
    assert type(error) is error_class
    assert words in error.detail


@each_wire
def test_refusal_in_mid_stream_keeps_the_text_and_quotes_the_gateway(
    replay: Replay, gateway: Gateway, wire: Wire
) -> None:
    for payload in ({"object": "error", "message": "a fault"}, {"message": "a fault"}, "a fault"):
        replay.serve(PATHS[wire], Canned(frames(DELTAS[wire], payload, end=b"data: [DONE]\n\n")))
        answer = ask(gateway, wire)
        assert answer.error is not None
        assert (answer.text, answer.error.detail) == ("Half", "a fault")


@each_wire
@pytest.mark.parametrize(
    "payload", [{"choices": [], "usage": {"prompt_tokens": 8}}, {"choices": [], "usage": {"completion_tokens": 0}}]
)
def test_empty_choices_with_usage_are_an_empty_answer(
    replay: Replay, gateway: Gateway, wire: Wire, payload: dict[str, Any]
) -> None:
    bodies = [Canned(encode(payload), headers=JSON), Canned(frames(payload))]
    if wire == "openai":
        bodies.append(Canned(frames(payload, end=b"data: [DONE]\n\n")))
    for canned in bodies:
        replay.serve(PATHS[wire], canned)
        answer = ask(gateway, wire)
        assert (answer.error, answer.reply.outcome()) == (None, Outcome.EMPTY)


def test_note_before_the_answer_is_no_refusal(replay: Replay, gateway: Gateway) -> None:
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    note = {"message": "queued"}
    replay.serve(PATHS["openai"], Canned(frames(note, DELTAS["openai"], finish, end=b"data: [DONE]\n\n")))
    answer = ask(gateway, "openai")
    assert (answer.text, answer.error, answer.reply.outcome()) == ("Half", None, Outcome.COMPLETE)


@each_wire
def test_object_that_says_nothing_is_quoted(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    replay.serve(PATHS[wire], Canned(b'{"foo": "bar"}', headers=JSON))
    error = ask(gateway, wire).error
    assert error is not None
    assert (type(error), error.detail) == (errors.InvalidResponse, '{"foo": "bar"}')


@pytest.mark.parametrize("text", ["d", "data", "event", "id", "retry"])
def test_first_word_of_a_cut_stream_is_no_plain_text(replay: Replay, gateway: Gateway, text: str) -> None:
    replay.serve(PATHS["openai"], Canned(text.encode()))
    assert type(ask(gateway, "openai").error) is errors.StreamInterrupted
