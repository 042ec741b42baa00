"""Offsets of replayed texts beside those of the recorded ones: python -m tests.bench.replay."""

from __future__ import annotations

import statistics
import time

from lib import demo
from lib.core.events import TextDelta
from lib.core.exchanges import Exchange
from lib.gateway.replay import iter_frames_of, replay_events
from lib.gateway.transport.cancel import CancelToken
from lib.transfer import find_recording


def recorded_offsets(exchange: Exchange) -> list[float]:
    """Return the offsets of the texts since the start of the exchange, in seconds."""
    return [
        attempt.started_at - exchange.started_at + offset
        for attempt in exchange.attempts
        for offset, _, events in iter_frames_of(attempt)
        for event in events
        if isinstance(event, TextDelta)
    ]


def replayed_offsets(exchange: Exchange) -> list[float]:
    """Return the offsets at which a replay yields the texts, in seconds."""
    began_at = time.monotonic()
    events = replay_events(exchange, CancelToken())
    return [time.monotonic() - began_at for event in events if isinstance(event, TextDelta)]


def main() -> None:
    for path in sorted(demo.RECORDINGS.glob("*.zip")):
        report = find_recording(path.stem, [path.parent])
        assert report is not None
        recorded, replayed = recorded_offsets(report.exchange), replayed_offsets(report.exchange)
        errors = [1000 * abs(a - b) for a, b in zip(recorded, replayed, strict=True)]
        median, largest = statistics.median(errors), max(errors)
        print(f"{path.stem:10} {len(errors):4} texts, median {median:.2f} ms, largest {largest:.2f} ms")


if __name__ == "__main__":
    main()
