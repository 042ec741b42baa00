"""Replay of recorded exchanges: the recorded bytes through the parsers of a live answer, without any network."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lib.config.settings import ServerSettings, Settings
from lib.core import errors
from lib.core.errors import AnswerError, GatewayError
from lib.core.events import Event, Restart, RetryScheduled, TurnContinued
from lib.core.exchanges import Attempt, Chunk, Exchange
from lib.core.refused_params import NO_MEMORY
from lib.core.target import Wire
from lib.gateway.attempts import run_attempts
from lib.gateway.json_values import parse_object
from lib.gateway.key_redactor import KeyRedactor
from lib.gateway.repair import RequestRepair
from lib.gateway.response_events import filter_events, read_events, read_trailing_usage
from lib.gateway.stream_end import CONTENT_EVENTS
from lib.gateway.transport.body import BODY_FRAME_NAME, read_frames
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import MAX_ERROR_BODY_BYTES
from lib.gateway.transport.retry import MAX_HONORED_RETRY_AFTER, max_attempts
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, images
from lib.gateway.wires.request_body import wire_module
from lib.gateway.wires.stream_format import parse_events


def replay_events(
    exchange: Exchange,
    cancel: CancelToken,
    speed: float = 1.0,
    max_chars: int = ServerSettings.max_answer_chars,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Yield the events of a recorded exchange at their original offsets, divided by `speed`.

    They are those of `Gateway.stream`, retries and continuations included. Raises the AnswerError that ended the
    answer; one whose bytes were not all recorded ends with StreamInterrupted. After `cancel` it ends.
    """
    schedule = _Schedule(exchange, cancel, speed, clock)
    request = RequestRepair(exchange.target, {}, NO_MEMORY)
    remaining = deque(enumerate(exchange.attempts))
    while remaining:
        yield from _replay_request(remaining, request, schedule, max_chars)
        if cancel.cancelled or not remaining or remaining[0][1].reason != "continuation":
            return
        yield TurnContinued()


def _replay_request(
    remaining: deque[tuple[int, Attempt]], request: RequestRepair, schedule: _Schedule, max_chars: int
) -> Iterator[Event]:
    """Replay the attempts of one request, and take them off `remaining`."""
    redactor = KeyRedactor("")  # what was recorded has no key

    def attempt() -> Iterator[Event]:
        number, recorded = remaining.popleft()
        request.body = _parse_body(recorded.body)
        response = RecordedResponse(recorded, lambda offset: schedule.wait_until(number, offset))
        return filter_events(_attempt_events(response, request), redactor, max_chars)

    def schedule_next(error: AnswerError, number: int) -> RetryScheduled | None:
        if not remaining or remaining[0][1].reason not in ("retry", "repair"):
            return None
        index, following = remaining[0]
        if following.reason == "repair":
            request.repair(error)  # for its notes
            return RetryScheduled(0.0, number, number, error.code)
        limit = max(number + 1, max_attempts(error, Settings.retries))
        return RetryScheduled(schedule.pause_before(index), number + 1, limit, error.code)

    return run_attempts(attempt, schedule_next, redactor, schedule.cancel, CONTENT_EVENTS, (Restart(),))


def _attempt_events(response: RecordedResponse, request: RequestRepair) -> Iterator[Event]:
    response.wait_for_headers()
    yield from read_events(response, request, lambda: 0.0)


class _Schedule:
    """Times at which the bytes of an exchange arrive again, in seconds after the first look at the clock."""

    def __init__(self, exchange: Exchange, cancel: CancelToken, speed: float, clock: Callable[[], float]) -> None:
        self.cancel = cancel
        self._speed = speed
        self._clock = clock
        self._began_at = clock()
        self._starts: list[float] = []
        self._pauses: list[float] = []
        end = previous_end = exchange.started_at
        for attempt in exchange.attempts:
            # The wall clock may have been set between two attempts.
            pause = min(max(0.0, attempt.started_at - previous_end), MAX_HONORED_RETRY_AFTER)
            self._pauses.append(pause)
            self._starts.append(end + pause - exchange.started_at)
            end = exchange.started_at + self._starts[-1] + _end_offset(attempt)
            previous_end = attempt.started_at + _end_offset(attempt)

    def pause_before(self, index: int) -> float:
        """Return the seconds between an attempt and the one before it."""
        return self._pauses[index] / self._speed

    def wait_until(self, index: int, offset: float) -> bool:
        """Wait for an offset in an attempt; returns False once the replay is cancelled."""
        due = self._began_at + (self._starts[index] + offset) / self._speed
        remaining = due - self._clock()
        return not (self.cancel.wait(remaining) if remaining > 0 else self.cancel.cancelled)


def _end_offset(attempt: Attempt) -> float:
    offsets = (attempt.connected, attempt.responded, attempt.ended, *(chunk.offset for chunk in attempt.chunks[-1:]))
    return max((offset for offset in offsets if offset is not None), default=0.0)


@dataclass
class RecordedResponse:
    """A recorded response, read like one that arrives; `wait_until` waits for an offset, False when cancelled."""

    attempt: Attempt
    wait_until: Callable[[float], bool]

    @property
    def status(self) -> int:
        return self.attempt.status or 0

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self.attempt.response_headers.items()}

    def wait_for_headers(self) -> None:
        """Wait for the end of the headers. Raises the error of an attempt without a response."""
        if self.attempt.status is None:
            self.wait_until(_end_offset(self.attempt))
            raise _recorded_error(self.attempt, errors.GatewayUnreachable)
        self.wait_until(self.attempt.responded or 0.0)

    def iter_batches(self, get_interval: Callable[[], float]) -> Iterator[bytes]:
        """Yield the recorded chunks at their offsets, and end as their response did."""
        for chunk in self._chunks_before_gap():
            if not self.wait_until(chunk.offset):
                return
            yield chunk.data
        if self.attempt.omitted_bytes:
            raise errors.StreamInterrupted
        if not self.wait_until(_end_offset(self.attempt)):
            return
        if issubclass(error_class := _ERROR_CLASSES.get(self.attempt.error, AnswerError), errors.NetworkError):
            raise error_class

    def read_text(self) -> str:
        """Return the body as text; what is missing of it is left out."""
        chunks = []
        for chunk in self._chunks_before_gap():
            if not self.wait_until(chunk.offset):
                break
            chunks.append(chunk.data)
        self.wait_until(_end_offset(self.attempt))
        return b"".join(chunks)[:MAX_ERROR_BODY_BYTES].decode("utf-8-sig", "replace")

    def _chunks_before_gap(self) -> tuple[Chunk, ...]:
        """Return the chunks up to the bytes that were not recorded: those behind would be read as another text."""
        return self.attempt.chunks[: self.attempt.omitted_before]

    # The bytes were recorded as far as they were read, and there is nothing to close.
    def drain(self) -> None: ...
    def set_deadline(self, seconds: float) -> None: ...
    def clear_deadline(self) -> None: ...


def _subclasses(error_class: type[AnswerError]) -> Iterator[type[AnswerError]]:
    yield error_class
    for subclass in error_class.__subclasses__():
        yield from _subclasses(subclass)


_ERROR_CLASSES = {error_class.code: error_class for error_class in _subclasses(AnswerError)}


def _recorded_error(attempt: Attempt, default: type[AnswerError]) -> AnswerError:
    return _ERROR_CLASSES.get(attempt.error, default)()


def _parse_body(text: str) -> dict[str, Any]:
    """Return the recorded body; {} for one that was not recorded, or that is no object."""
    try:
        return parse_object(text)
    except errors.InvalidResponse:
        return {}


def iter_frames_of(attempt: Attempt, wire: Wire | None = None) -> Iterator[tuple[float, Frame, tuple[Event, ...]]]:
    """Yield each frame of a response with the offset of its last byte and its events, without waiting.

    `wire` is by default the one of the attempt's path. The body of an error, and a page of HTML, is one frame. Text is
    that of the frame, also where a think tag makes it thinking. Never raises an AnswerError.
    """
    rows: deque[tuple[float, Frame, list[Event]]] = deque()
    frames = _iter_rows(attempt, rows)
    found = iter(()) if attempt.status != 200 else _parse_all(wire or _wire_of(attempt.url), frames)
    for event in found:
        if rows:
            rows[-1][2].append(event)
        while len(rows) > 1:
            yield _finish_row(rows)
    for _ in frames:  # those behind an error
        while len(rows) > 1:
            yield _finish_row(rows)
    while rows:
        yield _finish_row(rows)


def _finish_row(rows: deque[tuple[float, Frame, list[Event]]]) -> tuple[float, Frame, tuple[Event, ...]]:
    offset, frame, events = rows.popleft()
    return offset, frame, tuple(events)


def _iter_rows(attempt: Attempt, rows: deque[tuple[float, Frame, list[Event]]]) -> Iterator[Frame]:
    """Yield the frames of a response, each after adding a row for it."""
    offset = 0.0

    def read_chunks() -> Iterator[bytes]:
        nonlocal offset
        for chunk in attempt.chunks:
            offset = chunk.offset
            yield chunk.data

    try:
        for frame in read_frames(read_chunks()):
            rows.append((offset, frame, []))
            yield Frame(*frame)  # alone: its events are its own, also where the next frame came with it
    except GatewayError:  # no frames: a page of HTML, or one frame without an end
        text = b"".join(chunk.data for chunk in attempt.chunks).decode("utf-8", "replace")
        frame = Frame(BODY_FRAME_NAME, text)
        rows.append((offset, frame, []))
        yield frame


def _parse_all(wire: Wire, frames: Iterator[Frame]) -> Iterator[Event]:
    """Yield the events of frames up to an error, and the usage behind it."""
    try:
        yield from parse_events(wire, frames)
    except GatewayError:
        yield from read_trailing_usage(wire_module(wire), frames)
    except AnswerError:
        return


def _wire_of(url: str) -> Wire:
    """Return the wire of a request by its path."""
    path = url.partition("?")[0]
    if path.endswith(anthropic.PATH):
        return "anthropic"
    return "images" if path.endswith((images.PATH, images.EDIT_PATH)) else "openai"
