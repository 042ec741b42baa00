"""Malformed responses of real gateways: none looks like a complete answer, and none crashes a page."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.errors import responses as faults
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, CollectedAnswer, ask, build_gateway, collect


def parse(wire: Any, *payloads: Any) -> CollectedAnswer:
    return collect(wire.events(Frame("message", json.dumps(payload)) for payload in payloads))


def chunk(text: str, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}],
        **fields,
    }


def test_finish_reason_next_to_an_error_is_ignored() -> None:
    error = {"message": "Upstream went away", "code": 502}
    answer = parse(openai, chunk("Half an"), chunk(" answer", "error", error=error))
    assert type(answer.error) is errors.StreamError
    assert (answer.text, answer.reply.outcome()) == ("Half an answer", Outcome.INTERRUPTED)


def test_second_choice_with_its_own_id_is_no_restart() -> None:
    first = [chunk(text) for text in ("A1", "A2", "A3")]
    other = {"id": "b", "choices": [{"index": 1, "delta": {"role": "assistant", "content": "B1"}}]}
    assert parse(openai, *first, other, chunk("", "stop")).text == "A1A2A3"


def test_deeply_nested_and_huge_metadata_is_truncated() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    delta = {"stop_reason": "refusal", "stop_details": deep}
    usage = {"input_tokens": 10**30, "output_tokens": 3}
    start = {"type": "message_start", "message": {"id": "m", "usage": usage}}
    reply = parse(anthropic, start, {"type": "message_delta", "delta": delta}, {"type": "message_stop"}).reply
    assert json.dumps(reply.provider_metadata).count("{") < 12
    assert (reply.usage.input, reply.usage.output) == (None, 3)


@pytest.mark.parametrize("html", ["<![ x", "<![foo[", "<p>Bad gateway", "<head><title>x</title><body>Bad gateway"])
def test_malformed_html_is_an_error_response(html: str) -> None:
    assert type(faults.error_from_response(502, {}, html)) is errors.GatewayUnavailable


def test_key_is_redacted_from_request_ids(replay: Replay) -> None:
    key = "sk-test-4711"
    client = build_gateway(replay)
    client._api_key = key
    replay.serve(PATHS["openai"], Canned(b"{}", 500, {**JSON, "X-Request-Id": f"id-{key}"}))
    error = ask(client, "openai").error
    assert error and key not in error.request_id
    stream = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    replay.serve(PATHS["openai"], Canned(stream, headers={**EVENT_STREAM, "X-Request-Id": f"id-{key}"}))
    assert key not in json.dumps(ask(client, "openai").reply.provider_metadata)
