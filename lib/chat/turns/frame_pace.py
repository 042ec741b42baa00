"""Pace of running answers: the time between two frames, which grows with the load of the process."""

from __future__ import annotations

import time
from collections.abc import Callable

MIN_INTERVAL, MAX_INTERVAL = 0.05, 0.2  # seconds; a shorter time would not be noticed
# Pages that follow answers: beyond the first number each costs all of them a part of their frames, up to the second.
# That keeps the load low which would make frames fewer and late.
_PAGES, _CROWDED_INTERVAL = (2, 8), 0.125
# The event loop's lag in seconds, and the share of a core that the process uses: from the first value on frames become
# fewer, at the second they are fewest. The lag shows a load from outside as well, the share comes before the lag. The
# interpreter uses little more than one core: with the share alone, frames are not so few that this itself is the lag.
_LAG = (0.02, 0.1)
_CPU_SHARE = (0.4, 1.2)
_SMOOTHING = 0.2  # weight of a new measurement


class FramePace:
    """The seconds between two frames of each answer of the process. Any thread may read `interval`.

    The thread that receives an answer reads as seldom, so that one wake-up takes what has arrived for a frame.
    `count_pages` returns the number of pages that follow answers.
    """

    def __init__(self, count_pages: Callable[[], int] = lambda: 0) -> None:
        self._count_pages = count_pages
        self._load = 0.0
        self._measured_at, self._cpu_seconds = time.monotonic(), time.process_time()

    @property
    def interval(self) -> float:
        """The seconds by the number of pages, or by the load where these are more."""
        crowd = _position(self._count_pages(), *_PAGES)
        return max(
            MIN_INTERVAL + crowd * (_CROWDED_INTERVAL - MIN_INTERVAL),
            MIN_INTERVAL + self._load * (MAX_INTERVAL - MIN_INTERVAL),
        )

    def get_interval(self) -> float:
        return self.interval

    def add_measurement(self, lag: float, cpu_share: float) -> None:
        """Take the lag of the event loop in seconds, and the process's share of a core since the last measurement."""
        load = max(_position(lag, *_LAG), _position(cpu_share, *_CPU_SHARE))
        self._load += _SMOOTHING * (load - self._load)

    def observe_lag(self, lag: float) -> None:
        """Take the lag of the event loop in seconds, and measure the use of the processor since the last one."""
        now, cpu_now = time.monotonic(), time.process_time()
        if now > self._measured_at:
            self.add_measurement(lag, (cpu_now - self._cpu_seconds) / (now - self._measured_at))
        self._measured_at, self._cpu_seconds = now, cpu_now


def _position(value: float, low: float, high: float) -> float:
    """Return the position of a value between two others, from 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
