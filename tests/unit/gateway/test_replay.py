"""Replayed exchanges: the events of the live answer at the offsets of its bytes, and frames with their events."""

import json
import time
from base64 import b64encode
from dataclasses import replace
from io import BytesIO
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.errors import AnswerError
from lib.core.events import Event, Finish, Heartbeat, Restart, RetryScheduled, TextDelta, ThinkingDelta, TurnContinued
from lib.core.exchanges import KEY_PLACEHOLDER, Chunk, Exchange
from lib.core.params import Params
from lib.core.refused_params import SENT_AGAIN
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.replay import iter_frames_of, replay_events
from lib.gateway.transport import retry
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import ExchangeRecorder
from lib.gateway.wires.request_body import WIRE_MODULES
from lib.transfer import write_exchange
from tests.support.exchanges import FIRST_BYTE, INTERVAL, FakeClock, build_attempt, build_exchange, split_body
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import (
    COMPLETE_RESPONSES,
    ERROR_RESPONSES,
    KEY,
    PATHS,
    QUESTION,
    RECORDINGS,
    STREAMS,
    Recording,
    build_gateway,
    collect,
)

ALL = [*STREAMS, *COMPLETE_RESPONSES, *ERROR_RESPONSES]
each_recording = pytest.mark.parametrize("recording", ALL, ids=lambda recording: recording.name)
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


def exchange_of(recording: Recording, size: int = 64) -> Exchange:
    headers = {"Content-Type": recording.content_type}
    return build_exchange(
        recording.wire, [build_attempt(recording.wire, recording.body, recording.status, headers, size=size)]
    )


def collect_events(events) -> tuple[dict[tuple, str], list[Event], str, str, int | None]:
    """Return the texts by kind, block and choice, the other events, and code, detail and status of the error.

    The number of heartbeats and the bounds of deltas depend on the chunks.
    """
    texts: dict[tuple, str] = {}
    others: list[Event] = []
    try:
        for event in events:
            if isinstance(event, TextDelta | ThinkingDelta):
                key = (type(event), event.block, event.choice)
                texts[key] = texts.get(key, "") + event.text
            elif not isinstance(event, Heartbeat):
                others.append(event)
    except AnswerError as error:
        return texts, others, error.code, error.detail, error.status
    return texts, others, "", "", None


def replay_at_once(exchange: Exchange):
    clock = FakeClock()
    return collect_events(replay_events(exchange, clock, clock=clock))


@pytest.mark.slow
@each_recording
def test_replayed_events_are_those_of_the_live_answer(recording: Recording, replay: Replay, gateway: Gateway) -> None:
    replay.serve(PATHS[recording.wire], recording.canned())
    live = collect_events(gateway.stream(Target("tiny", recording.wire), QUESTION, Params(), CancelToken()))
    for size in (1, 7, 64, len(recording.body)):
        assert replay_at_once(exchange_of(recording, size)) == live, size


@each_recording
def test_what_the_recorder_took_is_replayed(recording: Recording, replay: Replay, gateway: Gateway) -> None:
    replay.serve(PATHS[recording.wire], recording.canned(piece=40))
    recorder, target = ExchangeRecorder(1_000_000), Target("tiny", recording.wire)
    live = collect_events(gateway.stream(target, QUESTION, Params(), CancelToken(), recorder=recorder))
    exchange = recorder.finish()
    assert exchange is not None
    assert replay_at_once(exchange) == live


@each_wire
@pytest.mark.parametrize("status", [200, 401])
def test_a_bug_report_of_a_gateway_that_sends_the_key_does_not_have_it(
    wire: Wire, status: int, replay: Replay, gateway: Gateway
) -> None:
    encoded = b64encode(KEY.encode()).decode()
    spellings = [KEY, encoded, KEY.encode().hex(), "".join(f"%{ord(char):02X}" for char in KEY)]
    body = json.dumps({"error": {"message": f"The keys {' '.join(spellings)} are wrong"}}).encode()
    replay.serve(PATHS[wire], Canned(body, status, {"X-Key": KEY, "X-Other": encoded}))
    recorder, question = ExchangeRecorder(1_000_000), [Message("user", (TextPart(f"Is {KEY} a key?"),))]
    collect_events(gateway.stream(Target("tiny", wire), question, Params(), CancelToken(), recorder=recorder))
    exchange = recorder.finish()
    assert exchange is not None
    report = write_exchange(exchange, {})
    with ZipFile(BytesIO(report)) as archive:
        content = b"\n".join(map(archive.read, archive.namelist())).decode("latin-1").lower()
    assert [spelling for spelling in spellings if spelling.lower() in content] == []
    assert KEY_PLACEHOLDER.lower() in content


@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
def test_each_event_comes_at_the_offset_of_its_last_byte(stream: Recording) -> None:
    exchange, clock = exchange_of(stream), FakeClock()
    offsets = [(event, clock.now) for event in _until_error(replay_events(exchange, clock, clock=clock))]
    texts = [offset for event, offset in offsets if isinstance(event, TextDelta)]
    arrivals = {chunk.offset for chunk in exchange.attempts[0].chunks}
    assert set(texts) <= arrivals and texts == sorted(texts)
    frames = [(offset, event) for offset, _, events in iter_frames_of(exchange.attempts[0]) for event in events]
    expected = [offset for offset, event in frames if isinstance(event, TextDelta)]
    if "inline" not in stream.name and "n2" not in stream.name:  # think tags are held back until they are whole
        assert texts == expected


def _until_error(events):
    try:
        yield from events
    except AnswerError:
        return


@each_wire
def test_speed_and_the_end_of_the_response(wire: Wire) -> None:
    exchange, clock = exchange_of(RECORDINGS[f"{wire}-text.sse"]), FakeClock()
    list(replay_events(exchange, clock, speed=4.0, clock=clock))
    assert clock.now == exchange.attempts[0].chunks[-1].offset / 4


@each_wire
def test_real_time_is_kept(wire: Wire) -> None:
    """The text waits for its time, on a clock that a wait does not move."""
    recording = RECORDINGS[f"{wire}-text.sse"]
    attempt = build_attempt(wire, recording.body, size=len(recording.body), ended=0.05)
    attempt = replace(attempt, responded=0.01, chunks=(Chunk(0.05, recording.body),))
    began_at = time.monotonic()
    for event in replay_events(build_exchange(wire, [attempt]), CancelToken()):
        if isinstance(event, TextDelta):
            assert time.monotonic() - began_at >= 0.05


@each_wire
def test_stop_ends_a_replay_at_once(wire: Wire) -> None:
    exchange, clock = exchange_of(RECORDINGS[f"{wire}-markdown.sse"]), FakeClock(cancel_at=FIRST_BYTE + 20 * INTERVAL)
    _, found, *_ = collect_events(replay_events(exchange, clock, clock=clock))
    assert clock.now == FIRST_BYTE + 20 * INTERVAL
    assert not any(isinstance(event, Finish) for event in found)


@each_wire
def test_retries_are_replayed_with_their_pauses(wire: Wire, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_MAX_BACKOFF", 0.0)
    busy = json.dumps({"error": {"message": "busy", "type": "overloaded_error"}}).encode()
    recording = RECORDINGS[f"{wire}-text.sse"]
    replay.serve(PATHS[wire], Canned(busy, 529, JSON), recording.canned())
    client = build_gateway(replay, retries=2)
    live = collect_events(client.stream(Target("tiny", wire), QUESTION, Params(), CancelToken()))
    client.close()
    first = build_attempt(wire, busy, 529, JSON, size=1000, error="overloaded")
    second = build_attempt(wire, recording.body, started_after=10.0, reason="retry")
    clock = FakeClock()
    texts, replayed, *end = collect_events(replay_events(build_exchange(wire, [first, second]), clock, clock=clock))
    assert isinstance(replayed[0], Restart) and isinstance(replayed[1], RetryScheduled)
    assert replayed[1].delay == 10.0 - first.ended
    assert clock.now == 10.0 + second.chunks[-1].offset
    replayed[1] = replace(replayed[1], delay=0.0)
    assert (texts, replayed, *end) == live


@each_wire
def test_a_request_that_was_repaired_says_so(wire: Wire, replay: Replay) -> None:
    words = json.dumps({"error": {"message": "`temperature` is deprecated for this model.", "type": "invalid"}})
    recording = RECORDINGS[f"{wire}-text.sse"]
    replay.serve(PATHS[wire], Canned(words.encode(), 400, JSON), recording.canned())
    client = build_gateway(replay)
    params = Params(temperature=0.5)
    live = collect_events(client.stream(Target("tiny", wire), QUESTION, params, CancelToken()))
    client.close()
    first = build_attempt(wire, words.encode(), 400, JSON, size=1000, request=replay.requests[0].json)
    second = build_attempt(wire, recording.body, reason="repair", request=replay.requests[1].json)
    replayed = replay_at_once(build_exchange(wire, [first, second]))
    assert replayed == live
    assert any(SENT_AGAIN in getattr(event, "data", ()) for event in replayed[1])


def test_a_continuation_is_added_to_the_answer() -> None:
    recording = RECORDINGS["anthropic-text.sse"]
    attempts = [build_attempt("anthropic", recording.body)]
    attempts.append(build_attempt("anthropic", recording.body, started_after=20.0, reason="continuation"))
    clock = FakeClock()
    answer = collect(replay_events(build_exchange("anthropic", attempts), clock, clock=clock))
    assert answer.text == 2 * recording.text
    once = collect(replay_events(build_exchange("anthropic", attempts[:1]), FakeClock(), clock=FakeClock()))
    assert answer.reply.usage == once.reply.usage + once.reply.usage
    events = list(replay_events(build_exchange("anthropic", attempts), FakeClock(), clock=FakeClock()))
    assert sum(isinstance(event, TurnContinued) for event in events) == 1


@pytest.mark.parametrize("code", ["unreachable", "tls_failed", "timed_out"])
def test_an_attempt_without_a_response_fails_as_it_did(code: str) -> None:
    attempt = build_attempt("openai", status=None, error=code, ended=3.0)
    clock = FakeClock()
    assert collect_events(replay_events(build_exchange("openai", [attempt]), clock, clock=clock))[2] == code
    assert clock.now == 3.0


@each_wire
def test_a_response_that_was_cut_or_not_recorded_as_a_whole_is_interrupted(wire: Wire) -> None:
    body = RECORDINGS[f"{wire}-text.sse"].body
    cut = build_attempt(wire, body[: len(body) // 2], error="timed_out")
    assert replay_at_once(build_exchange(wire, [cut]))[2] == errors.RequestTimeout.code
    omitted = replace(cut, error="", omitted_bytes=10)
    assert replay_at_once(build_exchange(wire, [omitted]))[2] == errors.StreamInterrupted.code
    # What is behind the gap would be read as the rest of a frame before it.
    whole = build_attempt(wire, body)
    gap = replace(whole, chunks=whole.chunks[:3] + whole.chunks[-2:], omitted_bytes=99, omitted_before=3)
    texts, _, code, *_ = replay_at_once(build_exchange(wire, [gap]))
    assert code == errors.StreamInterrupted.code
    assert texts == replay_at_once(build_exchange(wire, [replace(gap, chunks=whole.chunks[:3])]))[0]


def test_a_clock_that_was_set_between_two_attempts_is_no_pause() -> None:
    recording = RECORDINGS["openai-text.sse"]
    for started_after, longest in ((-5000.0, 0.0), (5000.0, 60.0)):
        first = build_attempt("openai", b"{}", 503, JSON)
        second = build_attempt("openai", recording.body, started_after=started_after, reason="retry")
        clock = FakeClock()
        collect_events(replay_events(build_exchange("openai", [first, second]), clock, clock=clock))
        assert clock.now == first.ended + longest + second.chunks[-1].offset


@each_recording
def test_frames_have_all_events_of_the_answer(recording: Recording) -> None:
    attempt = exchange_of(recording).attempts[0]
    rows = list(iter_frames_of(attempt))
    assert rows and [offset for offset, _, _ in rows] == sorted(offset for offset, _, _ in rows)
    found = [event for _, _, events in rows for event in events]
    texts = "".join(event.text for event in found if isinstance(event, TextDelta) and event.choice == 0)
    if recording.status == 200 and "inline" not in recording.name:
        assert texts == recording.text
    if recording.status != 200:
        assert found == [] and rows[0][1].data.encode() in recording.body
    if recording.name.endswith(".sse"):
        assert rows[0][0] < rows[-1][0]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=400) | st.text(alphabet='data: {}[]"<\n\r:,', max_size=300).map(str.encode), st.integers(1, 50)
)
def test_any_bytes_give_frames_and_an_end(body: bytes, size: int) -> None:
    for wire in WIRE_MODULES:
        attempt = build_attempt(wire, body, size=size)
        list(iter_frames_of(attempt, wire))
        replay_at_once(build_exchange(wire, [attempt]))


def test_split_body_keeps_all_bytes() -> None:
    assert b"".join(chunk.data for chunk in split_body(b"abcdefg", 3)) == b"abcdefg"
