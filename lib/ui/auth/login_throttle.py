"""How often a password may be tried: by one address, and by all together."""

from __future__ import annotations

import threading
from collections import deque

WINDOW_SECONDS = 600.0  # seconds for which a try counts
MAX_PER_ADDRESS, MAX_TOTAL = 10, 100  # tries in that span


class LoginThrottle:
    """The tries of late. Methods may be called from any thread; moments are seconds of one clock."""

    def __init__(
        self,
        max_per_address: int = MAX_PER_ADDRESS,
        max_total: int = MAX_TOTAL,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._max_per_address, self._max_total, self._window_seconds = (
            max_per_address,
            max_total,
            window_seconds,
        )
        # No longer than `everybody`: what is over a limit is not counted.
        self._attempts: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()

    def register_attempt(self, address: str, now: float) -> float:
        """Count a try and return 0.0; where there were too many, the seconds until there may be another."""
        with self._lock:
            while self._attempts and self._attempts[0][0] <= now - self._window_seconds:
                self._attempts.popleft()
            own = [when for when, who in self._attempts if who == address]
            waits = [0.0]
            if len(own) >= self._max_per_address:
                waits.append(own[0] + self._window_seconds - now)
            if len(self._attempts) >= self._max_total:
                waits.append(self._attempts[0][0] + self._window_seconds - now)
            if max(waits) == 0.0:
                self._attempts.append((now, address))
            return max(waits)

    def discard_attempt(self, address: str) -> None:
        """Take back the newest try of an address: it was right."""
        with self._lock:
            for place in range(len(self._attempts) - 1, -1, -1):
                if self._attempts[place][1] == address:
                    del self._attempts[place]
                    return
