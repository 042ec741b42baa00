"""What a gateway should not send, and some do: no answer looks whole for it, and no page breaks over it."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires import errors as faults
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, Heard, ask, gateway, hear


def heard(wire: Any, *payloads: Any) -> Heard:
    return hear(wire.events(Frame("message", json.dumps(payload)) for payload in payloads))


def chunk(text: str, reason: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "a", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], **more}


def test_a_finish_reason_beside_an_error_is_no_last_word() -> None:
    error = {"message": "Upstream went away", "code": 502}
    found = heard(openai, chunk("Half an"), chunk(" answer", "error", error=error))
    assert type(found.error) is errors.StreamError
    assert (found.text, found.reply.outcome()) == ("Half an answer", Outcome.INTERRUPTED)


def test_a_second_alternative_with_an_id_of_its_own_is_no_restart() -> None:
    first = [chunk(text) for text in ("A1", "A2", "A3")]
    other = {"id": "b", "choices": [{"index": 1, "delta": {"role": "assistant", "content": "B1"}}]}
    assert heard(openai, *first, other, chunk("", "stop")).text == "A1A2A3"


def test_nested_and_endless_values_are_cut_before_they_are_kept() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = {"a": deep}
    end = {"stop_reason": "refusal", "stop_details": deep}
    usage = {"input_tokens": 10**30, "output_tokens": 3}
    start = {"type": "message_start", "message": {"id": "m", "usage": usage}}
    kept = heard(anthropic, start, {"type": "message_delta", "delta": end}, {"type": "message_stop"}).reply
    assert json.dumps(kept.provider_metadata).count("{") < 12
    assert (kept.usage.input, kept.usage.output) == (None, 3)


@pytest.mark.parametrize(
    "page", ["<![ x", "<![foo[", "<p>Bad gateway", "<head><title>x</title><body>Bad gateway"]
)
def test_a_page_that_no_parser_understands_is_a_refusal_all_the_same(page: str) -> None:
    assert type(faults.error_from_response(502, {}, page)) is errors.GatewayUnavailable


def test_the_key_in_a_request_id_is_struck_out(replay: Replay) -> None:
    key = "sk-test-4711"
    asked = gateway(replay)
    asked._api_key = key
    replay.serve(PATHS["openai"], Canned(b"{}", 500, {**JSON, "X-Request-Id": f"id-{key}"}))
    refused = ask(asked, "openai").error
    assert refused and key not in refused.request_id
    stream = b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    replay.serve(PATHS["openai"], Canned(stream, headers={**EVENT_STREAM, "X-Request-Id": f"id-{key}"}))
    assert key not in json.dumps(ask(asked, "openai").reply.provider_metadata)
