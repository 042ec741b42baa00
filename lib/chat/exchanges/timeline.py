"""Timeline of a recorded response: when its parts came, its longest silences, and its rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.chat.exchanges.frames import FrameRow
from lib.core.events import Event, Heartbeat, RedactedThinking, TextDelta, ThinkingDelta, UsageReport
from lib.core.exchanges import Attempt

MAX_GAPS = 3
# The phases by the milestones that they begin with, in their order.
_PHASES = {
    "connected": "wait",
    "responded": "first_byte",
    "first_byte": "start",
    "first_thinking": "thinking",
    "first_text": "text",
    "last_byte": "end",
}
_MIN_GAP = 0.2  # seconds; a shorter pause is no silence
_RATE_STEPS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds
_MAX_RATE_POINTS = 120


@dataclass(frozen=True)
class Milestone:
    """A point of the timeline by its name, in seconds since the start of the request."""

    name: str
    offset: float


@dataclass(frozen=True)
class Phase:
    """A part of the timeline by its name, in seconds since the start of the request."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Gap:
    """A silence between two chunks of a response, in seconds."""

    start: float
    length: float


@dataclass(frozen=True)
class RatePoint:
    """Characters per second of text or thinking in a step of the timeline that starts at an offset."""

    offset: float
    kind: str
    rate: float


@dataclass(frozen=True)
class Timeline:
    """Times of an attempt. `rate` are characters per second from the first to the last one; None for one piece.

    `output_tokens` are those that the gateway has counted, `token_rate` is their number per second in that time.
    """

    milestones: tuple[Milestone, ...]
    gaps: tuple[Gap, ...]
    rates: tuple[RatePoint, ...]
    rate_step: float
    frame_count: int
    text_chars: int
    thinking_chars: int
    output_tokens: int | None
    rate: float | None
    token_rate: float | None

    def offset_of(self, name: str) -> float | None:
        """Return the offset of a milestone; None for what did not happen."""
        return next((each.offset for each in self.milestones if each.name == name), None)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The parts of the timeline, each up to the next milestone that was reached."""
        found = [(phase, self.offset_of(name)) for name, phase in _PHASES.items()]
        starts = [(phase, offset) for phase, offset in found if offset is not None]
        if self.offset_of("connected") is None:
            # A pooled connection was ready before, one that failed never was.
            starts.insert(0, ("connect" if self.offset_of("responded") is None else "wait", 0.0))
        else:
            starts.insert(0, ("connect", 0.0))
        starts.sort(key=lambda item: item[1])
        end = max((each.offset for each in self.milestones), default=0.0)
        bounds = [*(offset for _, offset in starts[1:]), end]
        return tuple(
            Phase(name, start, bound) for (name, start), bound in zip(starts, bounds, strict=True) if bound > start
        )


def build_timeline(attempt: Attempt, rows: Sequence[FrameRow]) -> Timeline:
    """Return the timeline of an attempt with these frames."""
    deltas = [(row.offset, _kind(event), _length(event)) for row in rows for event in row.events if _length(event)]
    milestones = _list_milestones(attempt, rows, deltas)
    step = _rate_step(max((offset for offset, _, _ in deltas), default=0.0))
    seconds = deltas[-1][0] - deltas[0][0] if deltas else 0.0
    tokens = _output_tokens(rows)
    chars = {kind: sum(length for _, each, length in deltas if each == kind) for kind in ("text", "thinking")}
    has_rate = seconds > 0
    return Timeline(
        milestones,
        _find_gaps(attempt),
        _list_rates(deltas, step),
        step,
        len(rows),
        chars["text"],
        chars["thinking"],
        tokens,
        sum(chars.values()) / seconds if has_rate else None,
        tokens / seconds if has_rate and tokens else None,
    )


def _list_milestones(
    attempt: Attempt, rows: Sequence[FrameRow], deltas: Sequence[tuple[float, str, int]]
) -> tuple[Milestone, ...]:
    thinking = next((row.offset for row in rows if any(map(_is_thinking, row.events))), None)
    text = next((offset for offset, kind, _ in deltas if kind == "text"), None)
    found = {
        "connected": attempt.connected,
        "responded": attempt.responded,
        "first_byte": attempt.first_byte,
        "first_thinking": thinking,
        "first_text": text,
        "last_byte": attempt.chunks[-1].offset if attempt.chunks else None,
        "ended": attempt.ended,
    }
    return tuple(Milestone(name, max(0.0, offset)) for name, offset in found.items() if offset is not None)


def _find_gaps(attempt: Attempt) -> tuple[Gap, ...]:
    """Return the longest silences after the first byte, the longest one first."""
    offsets = [chunk.offset for chunk in attempt.chunks]
    gaps = [Gap(start, end - start) for start, end in zip(offsets, offsets[1:], strict=False)]
    longest = sorted(gaps, key=lambda gap: gap.length, reverse=True)[:MAX_GAPS]
    return tuple(gap for gap in longest if gap.length >= _MIN_GAP)


def _list_rates(deltas: Sequence[tuple[float, str, int]], step: float) -> tuple[RatePoint, ...]:
    """Return the rate of each kind in each step from the first to the last delta, also where it is 0."""
    if not deltas:
        return ()
    counts: dict[tuple[str, int], int] = {}
    for offset, kind, length in deltas:
        key = kind, int(max(0.0, offset) / step)
        counts[key] = counts.get(key, 0) + length
    kinds = dict.fromkeys(kind for _, kind, _ in deltas)
    numbers = [number for _, number in counts]
    return tuple(
        RatePoint(number * step, kind, counts.get((kind, number), 0) / step)
        for kind in kinds
        for number in range(min(numbers), max(numbers) + 1)
    )


def _rate_step(seconds: float) -> float:
    """Return the shortest step with at most _MAX_RATE_POINTS of them."""
    usual = next((step for step in _RATE_STEPS if seconds / step <= _MAX_RATE_POINTS), None)
    return usual or seconds / _MAX_RATE_POINTS


def _output_tokens(rows: Sequence[FrameRow]) -> int | None:
    reports = [event.usage.output for row in rows for event in row.events if isinstance(event, UsageReport)]
    return next((output for output in reversed(reports) if output), None)


def _is_thinking(event: Event) -> bool:
    is_sign = isinstance(event, Heartbeat) and event.is_thinking
    return isinstance(event, ThinkingDelta | RedactedThinking) or is_sign


def _kind(event: Event) -> str:
    return "text" if isinstance(event, TextDelta) else "thinking"


def _length(event: Event) -> int:
    return len(event.text) if isinstance(event, TextDelta | ThinkingDelta) else 0
