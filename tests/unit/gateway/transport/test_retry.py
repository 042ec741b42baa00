"""Automatic retries: which errors, how many attempts, Retry-After, backoff with jitter, and cancellation."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.core import errors
from lib.core.events import Event, Restart, RetryScheduled
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport import retry
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay, soon
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask, build_gateway

CHAT = PATHS["openai"]
STREAM = RECORDINGS["openai-text.sse"]
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


@pytest.fixture(autouse=True)
def disable_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 0.0)


@pytest.fixture
def retrying_gateway(replay: Replay) -> Iterator[Gateway]:
    """A client with two retries."""
    client = build_gateway(replay, retries=2)
    yield client
    client.close()


def error_response(code: str = "", **headers: str) -> dict[str, Any]:
    """Fields of an error response with this code and these headers."""
    body = {"error": {"message": "no", "type": "new_api_error", "code": code}}
    return {"body": json.dumps(body).encode(), "headers": {**JSON, **headers}, "framing": "length"}


def events(client: Gateway, cancel: CancelToken | None = None, wire: Wire = "openai") -> Iterator[Event]:
    return client.stream(Target("tiny", wire), QUESTION, Params(), cancel or CancelToken())


# Status, response, error type, and the number of attempts.
STATUSES: dict[str, tuple[int, dict[str, Any], type[errors.AnswerError], int]] = {
    "400": (400, error_response("invalid_request_error"), errors.InvalidRequest, 1),
    "400, unknown price": (400, error_response("model_price_error"), errors.InvalidRequest, 1),
    "401": (401, error_response(), errors.KeyRejected, 1),
    "403": (403, error_response("access_denied"), errors.KeyRejected, 1),
    "403, balance too low": (403, error_response("insufficient_user_quota"), errors.QuotaExhausted, 1),
    "403, quota of the key": (
        403,
        error_response("pre_consume_token_quota_failed"),
        errors.QuotaExhausted,
        1,
    ),
    "404, wrong path": (404, {"body": b'{"detail":"Not Found"}'}, errors.EndpointNotFound, 1),
    "404, model not found upstream": (404, error_response("invalid_request_error"), errors.ModelNotFound, 1),
    "404, model_not_found": (404, error_response("model_not_found"), errors.ModelNotFound, 1),
    "408": (408, error_response(), errors.GatewayUnavailable, 3),
    "413": (413, error_response("read_request_body_failed"), errors.RequestTooLarge, 1),
    "422": (422, error_response(), errors.InvalidRequest, 1),
    "429": (429, error_response("rate_limit_error"), errors.RateLimited, 3),
    "429, no body": (429, {"headers": {}, "framing": "length"}, errors.RateLimited, 3),
    **{
        f"500, {code}": (500, error_response(code), errors.InvalidRequest, 1)
        for code in ("invalid_request", "convert_request_failed", "sensitive_words_detected") + ("count_token_failed",)
    },
    **{
        f"500, {code}": (500, error_response(code), errors.GatewayUnavailable, 3)
        for code in (
            "do_request_failed",
            "bad_response",
            "channel:invalid_key",
            "other",
        )
    },
    "500, get_channel_failed": (500, error_response("get_channel_failed"), errors.ModelNotFound, 2),
    "501": (501, error_response("api_not_implemented"), errors.EndpointNotFound, 1),
    **{
        f"{status}, HTML": (status, {"body": b"<h1>Oh</h1>"}, errors.GatewayUnavailable, 3)
        for status in (502, 504, 520, 521, 522, 523, 524)
    },
    "503, model_not_found": (503, error_response("model_not_found"), errors.ModelNotFound, 2),
    "503": (503, error_response(), errors.Overloaded, 3),
    "529": (529, error_response("overloaded_error"), errors.Overloaded, 3),
    "redirect": (302, {"headers": {"Location": "/elsewhere"}}, errors.UnexpectedRedirect, 1),
    "200, a refusal": (200, {"body": b'{"code":20015,"msg":"no"}'}, errors.InvalidResponse, 1),
    "200, a refusal of the key": (200, {"body": b'{"code":401,"msg":"no"}'}, errors.KeyRejected, 1),
    "200, a refusal for now": (200, {"body": b'{"code":503,"msg":"no"}'}, errors.Overloaded, 3),
    "200, a page": (200, {"body": b"<h1>Log in</h1>"}, errors.InvalidResponse, 1),
    "200, nothing": (200, {}, errors.StreamInterrupted, 3),
    "connection reset before the headers": (200, {"reset": True}, errors.GatewayUnreachable, 3),
}


@pytest.mark.parametrize("case", STATUSES)
def test_error_type_and_attempts_by_status(case: str, replay: Replay, retrying_gateway: Gateway) -> None:
    status, options, error_type, attempts = STATUSES[case]
    replay.serve(CHAT, Canned(status=status, **options))
    answer = ask(retrying_gateway, "openai")
    assert (type(answer.error), answer.text, len(replay.requests)) == (error_type, "", attempts)
    assert len({request.body for request in replay.requests}) == 1


@pytest.mark.parametrize("case", [case for case, (*_, attempts) in STATUSES.items() if attempts > 1])
def test_successful_retry_gives_the_answer(case: str, replay: Replay, retrying_gateway: Gateway) -> None:
    status, options, _, _ = STATUSES[case]
    replay.serve(CHAT, Canned(status=status, **options), STREAM.canned())
    answer = ask(retrying_gateway, "openai")
    assert (answer.text, answer.error, answer.reply.restart_count) == (STREAM.text, None, 1)
    assert answer.reply.usage == STREAM.usage


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_retries_setting_limits_the_attempts(replay: Replay, retries: int) -> None:
    client = build_gateway(replay, retries=retries)
    replay.serve(CHAT, Canned(status=503, **error_response()))
    received: list[Event] = []
    with pytest.raises(errors.Overloaded):
        received.extend(events(client))
    assert len(replay.requests) == 1 + retries
    scheduled = [RetryScheduled(0.0, attempt, 1 + retries, "overloaded") for attempt in range(2, 2 + retries)]
    assert received == [event for retry_event in scheduled for event in (Restart(), retry_event)]
    client.close()


@pytest.mark.parametrize(
    ("status", "headers", "attempts", "seconds"),
    [
        (503, {"Retry-After": "0"}, 3, 0.0),
        (503, {"Retry-After": "0.01"}, 3, 0.01),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 3, 0.0),
        (429, {"retry-after-ms": "10", "Retry-After": "50"}, 3, 0.01),
        (429, {"Retry-After": "soon"}, 3, 0.0),
        (429, {"Retry-After": "-5"}, 3, 0.0),
        (429, {"Retry-After": "61"}, 1, 61.0),
        (429, {"retry-after-ms": "60001"}, 1, 60.001),
        (429, {"Retry-After": "86400"}, 1, 86400.0),
        (401, {"Retry-After": "0"}, 1, 0.0),
        (503, {"x-should-retry": "false"}, 1, None),
        (503, {"x-should-retry": "FALSE", "Retry-After": "0"}, 1, 0.0),
        (400, {"x-should-retry": "true"}, 3, None),
        (404, {"x-should-retry": "true"}, 3, None),
        (503, {"x-should-retry": "maybe"}, 3, None),
    ],
)
def test_retry_after_and_x_should_retry_are_honored(
    status: int,
    headers: dict[str, str],
    attempts: int,
    seconds: float | None,
    replay: Replay,
    retrying_gateway: Gateway,
) -> None:
    replay.serve(CHAT, Canned(status=status, **error_response(**headers)))
    received: list[Event] = []
    with pytest.raises(errors.AnswerError) as caught:
        received.extend(events(retrying_gateway))
    assert len(replay.requests) == attempts
    delays = [event.delay for event in received if isinstance(event, RetryScheduled)]
    assert delays == [seconds or 0.0] * (attempts - 1)
    if attempts == 1 and seconds:
        assert caught.value.retry_after == pytest.approx(seconds)


def test_retry_after_accepts_an_http_date() -> None:
    delay = retry.parse_retry_after({"retry-after": formatdate(time.time() + 3600, usegmt=True)})
    assert delay is not None and 3000 < delay < 3601
    assert retry.parse_retry_after({}) is None


@settings(deadline=None)
@given(
    name=st.sampled_from(["retry-after", "retry-after-ms"]),
    value=st.text(max_size=12)
    | st.from_regex(r"-?\d{1,5}(\.\d+)?", fullmatch=True)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} (Jan|Dec) \d{1,5} \d{2}:\d{2}:\d{2} (GMT|-0000|\+9999)?"),
)
def test_any_retry_after_is_a_delay_or_none(name: str, value: str) -> None:
    delay = retry.parse_retry_after({name: value})
    assert delay is None or delay >= 0


def test_backoff_doubles_up_to_a_limit_with_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 20.0)
    error = errors.Overloaded()
    monkeypatch.setattr(retry, "MAX_RETRIES", 99)
    error.should_retry = True
    for attempt, max_delay in enumerate([1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0], 1):
        delays = [retry.retry_delay(error, attempt, 99) for _ in range(20)]
        assert all(delay is not None and max_delay / 2 <= delay <= max_delay for delay in delays)
        assert len(set(delays)) > 1


def stream_start(wire: Wire, *bodies: bytes) -> bytes:
    """The start of a stream, followed by these bytes."""
    role = b'data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    start = b'data: {"type":"message_start","message":{"id":"a","usage":{"input_tokens":9}}}\n\n'
    return b": PING\n\n" + (role if wire == "openai" else start) + b"".join(bodies)


ERROR = b'data: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n'
THINKING_DELTA = b'{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"Hm"}}'
THINKING = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}\n\n',
    "anthropic": b"data: " + THINKING_DELTA + b"\n\n",
}
TEXT = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"%s"}}\n\n',
}


@each_wire
@pytest.mark.parametrize("after", [b"", ERROR], ids=["cut", "error"])
def test_failure_before_any_content_is_retried(
    wire: Wire, after: bytes, replay: Replay, retrying_gateway: Gateway
) -> None:
    stream = RECORDINGS[f"{wire}-text.sse"]
    for body in (after, stream_start(wire, after)):
        replay.serve(PATHS[wire], Canned(body), stream.canned())
        answer = ask(retrying_gateway, wire)
        assert (answer.text, answer.error, answer.reply.usage) == (stream.text, None, stream.usage)
        assert answer.reply.restart_count == 1


@each_wire
@pytest.mark.parametrize("after", [b"", ERROR], ids=["cut", "error"])
def test_failure_after_text_or_thinking_is_not_retried(
    wire: Wire, after: bytes, replay: Replay, retrying_gateway: Gateway
) -> None:
    shown = [THINKING[wire], TEXT[wire] % b"Half", TEXT[wire] % b"<thi", TEXT[wire] % b"<think>"]
    for number, body in enumerate([*shown[:3], shown[3] + TEXT[wire] % b"Hm"], 1):
        replay.serve(PATHS[wire], Canned(stream_start(wire, body, after)))
        answer = ask(retrying_gateway, wire)
        assert type(answer.error) is (errors.Overloaded if after else errors.StreamInterrupted)
        assert answer.text + answer.thinking in ("Hm", "Half", "<thi")
        assert (answer.reply.restart_count, len(replay.requests)) == (0, number)


def test_timeout_is_not_retried(replay: Replay) -> None:
    client = build_gateway(replay, idle=0.2, retries=2)
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    assert type(ask(client, "openai").error) is errors.RequestTimeout
    assert len(replay.requests) == 1
    client.close()


def test_cancel_ends_the_backoff_without_leaks(replay: Replay, retrying_gateway: Gateway) -> None:
    before = set(threading.enumerate())
    replay.serve(CHAT, Canned(status=429, **error_response(**{"Retry-After": "59"})))
    cancel, is_waiting, received = CancelToken(), threading.Event(), []

    def read_events() -> None:
        for event in events(retrying_gateway, cancel):
            received.append(event)
            if isinstance(event, RetryScheduled):
                is_waiting.set()

    worker = threading.Thread(target=read_events, daemon=True)
    worker.start()
    assert is_waiting.wait(20)
    cancel.cancel()
    worker.join(20)
    assert not worker.is_alive()
    assert received == [Restart(), RetryScheduled(59.0, 2, 3, "rate_limited")]
    assert len(replay.requests) == 1
    retrying_gateway.close()
    assert replay.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


def test_cancel_before_a_failure_prevents_the_retry(replay: Replay, retrying_gateway: Gateway) -> None:
    replay.serve(CHAT, Canned(stream_start("openai", ERROR)))
    cancel = CancelToken()
    stream = events(retrying_gateway, cancel)
    next(stream)
    cancel.cancel()
    received: list[Event] = []
    with contextlib.suppress(errors.AnswerError):
        received.extend(stream)
    assert not [event for event in received if isinstance(event, RetryScheduled)]
    assert len(replay.requests) == 1
