"""What is sent again by itself, how often and after which wait, and that a stop ends the wait."""

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
from lib.core.params import Params
from lib.core.reply import Event, Restart, RetryScheduled
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport import retry
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay, soon
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask, gateway

CHAT = PATHS["openai"]
STREAM = RECORDINGS["openai-text.sse"]
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


@pytest.fixture(autouse=True)
def no_time_to_lose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 0.0)


@pytest.fixture
def eager(replay: Replay) -> Iterator[Gateway]:
    """A gateway that is asked up to three times."""
    client = gateway(replay, retries=2)
    yield client
    client.close()


def fault(word: str = "", **headers: str) -> dict[str, Any]:
    """A refusal's body and headers, with this as its code."""
    body = {"error": {"message": "no", "type": "new_api_error", "code": word}}
    return {"body": json.dumps(body).encode(), "headers": {**JSON, **headers}, "framing": "length"}


def events(client: Gateway, cancel: CancelToken | None = None, wire: Wire = "openai") -> Iterator[Event]:
    return client.stream(Target("tiny", wire), QUESTION, Params(), cancel or CancelToken())


# The rows of the reference's table of statuses, by their names: what is answered, what that means, and how
# often it is sent in all.
STATUSES: dict[str, tuple[int, dict[str, Any], type[errors.AnswerError], int]] = {
    "400": (400, fault("invalid_request_error"), errors.InvalidRequest, 1),
    "400, unknown price": (400, fault("model_price_error"), errors.InvalidRequest, 1),
    "401": (401, fault(), errors.KeyRejected, 1),
    "403": (403, fault("access_denied"), errors.KeyRejected, 1),
    "403, balance too low": (403, fault("insufficient_user_quota"), errors.QuotaExhausted, 1),
    "403, quota of the key": (403, fault("pre_consume_token_quota_failed"), errors.QuotaExhausted, 1),
    "404, wrong path": (404, {"body": b'{"detail":"Not Found"}'}, errors.EndpointNotFound, 1),
    "404, no such model upstream": (404, fault("invalid_request_error"), errors.ModelNotFound, 1),
    "404, model_not_found": (404, fault("model_not_found"), errors.ModelNotFound, 1),
    "408": (408, fault(), errors.GatewayUnavailable, 3),
    "413": (413, fault("read_request_body_failed"), errors.RequestTooLarge, 1),
    "422": (422, fault(), errors.InvalidRequest, 1),
    "429": (429, fault("rate_limit_error"), errors.RateLimited, 3),
    "429, no body": (429, {"headers": {}, "framing": "length"}, errors.RateLimited, 3),
    **{
        f"500, {word}": (500, fault(word), errors.InvalidRequest, 1)
        for word in ("invalid_request", "convert_request_failed", "sensitive_words_detected")
        + ("count_token_failed",)
    },
    **{
        f"500, {word}": (500, fault(word), errors.GatewayUnavailable, 3)
        for word in (
            "do_request_failed",
            "bad_response",
            "channel:invalid_key",
            "get_channel_failed",
            "other",
        )
    },
    "501": (501, fault("api_not_implemented"), errors.EndpointNotFound, 1),
    **{
        f"{status}, HTML": (status, {"body": b"<h1>Oh</h1>"}, errors.GatewayUnavailable, 3)
        for status in (502, 504, 520, 521, 522, 523, 524)
    },
    "503, model_not_found": (503, fault("model_not_found"), errors.ModelNotFound, 2),
    "503": (503, fault(), errors.Overloaded, 3),
    "529": (529, fault("overloaded_error"), errors.Overloaded, 3),
    "redirect": (302, {"headers": {"Location": "/elsewhere"}}, errors.UnexpectedRedirect, 1),
    "200, a page": (200, {"body": b"<h1>Log in</h1>"}, errors.InvalidResponse, 1),
    "200, nothing": (200, {}, errors.StreamInterrupted, 3),
    "reset before the headers": (200, {"reset": True}, errors.GatewayUnreachable, 3),
}


@pytest.mark.parametrize("row", STATUSES)
def test_statuses_row_by_row(row: str, replay: Replay, eager: Gateway) -> None:
    status, how, kind, times = STATUSES[row]
    replay.serve(CHAT, Canned(status=status, **how))
    heard = ask(eager, "openai")
    assert (type(heard.error), heard.text, len(replay.requests)) == (kind, "", times)
    assert len({request.body for request in replay.requests}) == 1


@pytest.mark.parametrize("row", [row for row, (*_, times) in STATUSES.items() if times > 1])
def test_a_second_try_that_is_answered_is_the_answer(row: str, replay: Replay, eager: Gateway) -> None:
    status, how, _, _ = STATUSES[row]
    replay.serve(CHAT, Canned(status=status, **how), STREAM.canned())
    heard = ask(eager, "openai")
    assert (heard.text, heard.error, heard.reply.restart_count) == (STREAM.text, None, 1)
    assert heard.reply.usage == STREAM.usage


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_the_setting_is_the_most_that_is_sent_again(replay: Replay, retries: int) -> None:
    client = gateway(replay, retries=retries)
    replay.serve(CHAT, Canned(status=503, **fault()))
    said: list[Event] = []
    with pytest.raises(errors.Overloaded):
        said.extend(events(client))
    assert len(replay.requests) == 1 + retries
    waits = [RetryScheduled(0.0, attempt, 1 + retries, "overloaded") for attempt in range(2, 2 + retries)]
    assert said == [event for wait in waits for event in (Restart(), wait)]
    client.close()


@pytest.mark.parametrize(
    ("status", "headers", "times", "seconds"),
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
def test_the_gateways_own_word_on_trying_again_counts(
    status: int, headers: dict[str, str], times: int, seconds: float | None, replay: Replay, eager: Gateway
) -> None:
    replay.serve(CHAT, Canned(status=status, **fault(**headers)))
    said: list[Event] = []
    with pytest.raises(errors.AnswerError) as caught:
        said.extend(events(eager))
    assert len(replay.requests) == times
    waits = [event.delay for event in said if isinstance(event, RetryScheduled)]
    assert waits == [seconds or 0.0] * (times - 1)
    if times == 1 and seconds:
        assert caught.value.retry_after == pytest.approx(seconds)


def test_a_date_to_wait_for_is_so_many_seconds() -> None:
    wait = retry.parse_retry_after({"retry-after": formatdate(time.time() + 3600, usegmt=True)})
    assert wait is not None and 3000 < wait < 3601
    assert retry.parse_retry_after({}) is None


@settings(deadline=None)
@given(
    name=st.sampled_from(["retry-after", "retry-after-ms"]),
    value=st.text(max_size=12)
    | st.from_regex(r"-?\d{1,5}(\.\d+)?", fullmatch=True)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,2} (Jan|Dec) \d{1,5} \d{2}:\d{2}:\d{2} (GMT|-0000|\+9999)?"),
)
def test_whatever_stands_there_is_a_wait_or_none(name: str, value: str) -> None:
    wait = retry.parse_retry_after({name: value})
    assert wait is None or wait >= 0


def test_the_waits_double_up_to_a_limit_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 20.0)
    error = errors.Overloaded()
    monkeypatch.setattr(retry, "MAX_RETRIES", 99)
    error.should_retry = True
    for attempt, longest in enumerate([1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0], 1):
        waits = [retry.retry_delay(error, attempt, 99) for _ in range(20)]
        assert all(wait is not None and longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


def frames(wire: Wire, *bodies: bytes) -> bytes:
    """The start of a stream, and these."""
    role = b'data: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    start = b'data: {"type":"message_start","message":{"id":"a","usage":{"input_tokens":9}}}\n\n'
    return b": PING\n\n" + (role if wire == "openai" else start) + b"".join(bodies)


ERROR = b'data: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n'
CLAUDES_THOUGHT = b'{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"Hm"}}'
THOUGHT = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}\n\n',
    "anthropic": b"data: " + CLAUDES_THOUGHT + b"\n\n",
}
TEXT = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"%s"}}\n\n',
}


@each_wire
@pytest.mark.parametrize("after", [b"", ERROR], ids=["cut", "error"])
def test_a_failure_before_anything_is_shown_is_tried_again(
    wire: Wire, after: bytes, replay: Replay, eager: Gateway
) -> None:
    stream = RECORDINGS[f"{wire}-text.sse"]
    for first in (after, frames(wire, after)):
        replay.serve(PATHS[wire], Canned(first), stream.canned())
        heard = ask(eager, wire)
        assert (heard.text, heard.error, heard.reply.usage) == (stream.text, None, stream.usage)
        assert heard.reply.restart_count == 1


@each_wire
@pytest.mark.parametrize("after", [b"", ERROR], ids=["cut", "error"])
def test_a_failure_after_a_text_or_a_thought_is_not_tried_again(
    wire: Wire, after: bytes, replay: Replay, eager: Gateway
) -> None:
    shown = [THOUGHT[wire], TEXT[wire] % b"Half", TEXT[wire] % b"<thi", TEXT[wire] % b"<think>"]
    for number, first in enumerate([*shown[:3], shown[3] + TEXT[wire] % b"Hm"], 1):
        replay.serve(PATHS[wire], Canned(frames(wire, first, after)))
        heard = ask(eager, wire)
        assert type(heard.error) is (errors.Overloaded if after else errors.StreamInterrupted)
        assert heard.text + heard.thinking in ("Hm", "Half", "<thi")
        assert (heard.reply.restart_count, len(replay.requests)) == (0, number)


def test_a_silence_is_not_tried_again(replay: Replay) -> None:
    client = gateway(replay, idle=0.2, retries=2)
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    assert type(ask(client, "openai").error) is errors.RequestTimeout
    assert len(replay.requests) == 1
    client.close()


def test_a_stop_ends_a_wait_at_once_and_leaves_nothing(replay: Replay, eager: Gateway) -> None:
    before = set(threading.enumerate())
    replay.serve(CHAT, Canned(status=429, **fault(**{"Retry-After": "59"})))
    cancel, waits, said = CancelToken(), threading.Event(), []

    def listen() -> None:
        for event in events(eager, cancel):
            said.append(event)
            if isinstance(event, RetryScheduled):
                waits.set()

    worker = threading.Thread(target=listen, daemon=True)
    worker.start()
    assert waits.wait(20)
    cancel.cancel()
    worker.join(20)
    assert not worker.is_alive()
    assert said == [Restart(), RetryScheduled(59.0, 2, 3, "rate_limited")]
    assert len(replay.requests) == 1
    eager.close()
    assert replay.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


def test_a_stop_before_a_failure_is_known_asks_no_second_time(replay: Replay, eager: Gateway) -> None:
    replay.serve(CHAT, Canned(frames("openai", ERROR)))
    cancel = CancelToken()
    stream = events(eager, cancel)
    next(stream)
    cancel.cancel()
    said: list[Event] = []
    with contextlib.suppress(errors.AnswerError):
        said.extend(stream)
    assert not [event for event in said if isinstance(event, RetryScheduled)]
    assert len(replay.requests) == 1
