"""Rate limit of password attempts, by IP address and for all addresses together."""

from __future__ import annotations

import threading
from collections import deque

WINDOW_SECONDS = 600.0
MAX_PER_ADDRESS, MAX_TOTAL = 10, 100  # attempts within the window


class LoginThrottle:
    """Rate limit of sign-ins by a sliding window. Thread-safe; times are seconds of one monotonic clock."""

    def __init__(
        self,
        max_per_address: int = MAX_PER_ADDRESS,
        max_total: int = MAX_TOTAL,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._max_per_address = max_per_address
        self._max_total = max_total
        self._window_seconds = window_seconds
        # Never longer than `max_total`: throttled attempts are not counted.
        self._attempts: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()

    def register_attempt(self, address: str, now: float) -> float:
        """Count an attempt and return 0.0, or return the seconds until the next one is allowed."""
        with self._lock:
            while self._attempts and self._attempts[0][0] <= now - self._window_seconds:
                self._attempts.popleft()
            times = [time for time, attempt_address in self._attempts if attempt_address == address]
            waits = [0.0]
            if len(times) >= self._max_per_address:
                waits.append(times[0] + self._window_seconds - now)
            if len(self._attempts) >= self._max_total:
                waits.append(self._attempts[0][0] + self._window_seconds - now)
            if max(waits) == 0.0:
                self._attempts.append((now, address))
            return max(waits)

    def discard_attempt(self, address: str) -> None:
        """Remove the newest attempt of an address, after a correct password."""
        with self._lock:
            for index in range(len(self._attempts) - 1, -1, -1):
                if self._attempts[index][1] == address:
                    del self._attempts[index]
                    return
