"""Pace of running answers: the time between two frames, which grows with the load of the process."""

from __future__ import annotations

import time

MIN_INTERVAL, MAX_INTERVAL = 0.05, 0.2  # seconds; a shorter time would not be noticed
# The event loop's lag in seconds, and the share of a core that the process uses: from the first value on frames become
# fewer, at the second they are fewest. The lag shows a load from outside as well, the share comes before the lag.
_LAG = (0.02, 0.1)
_CPU_SHARE = (0.3, 0.8)
_SMOOTHING = 0.2  # weight of a new measurement


class FramePace:
    """The seconds between two frames of each answer of the process. Any thread may read `interval`.

    The thread that receives an answer reads as seldom, so that one wake-up takes what has arrived for a frame.
    """

    def __init__(self) -> None:
        self.interval = MIN_INTERVAL
        self._load = 0.0
        self._measured_at, self._cpu_seconds = time.monotonic(), time.process_time()

    def get_interval(self) -> float:
        return self.interval

    def add_measurement(self, lag: float, cpu_share: float) -> None:
        """Take the lag of the event loop in seconds, and the process's share of a core since the last measurement."""
        load = max(_position(lag, *_LAG), _position(cpu_share, *_CPU_SHARE))
        self._load += _SMOOTHING * (load - self._load)
        self.interval = MIN_INTERVAL + self._load * (MAX_INTERVAL - MIN_INTERVAL)

    def observe_lag(self, lag: float) -> None:
        """Take the lag of the event loop in seconds, and measure the use of the processor since the last one."""
        now, cpu_now = time.monotonic(), time.process_time()
        if now > self._measured_at:
            self.add_measurement(lag, (cpu_now - self._cpu_seconds) / (now - self._measured_at))
        self._measured_at, self._cpu_seconds = now, cpu_now


def _position(value: float, low: float, high: float) -> float:
    """Return the position of a value between two others, from 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
