"""How often a password may be tried: by one address, and by all together."""

from __future__ import annotations

import threading
from collections import deque

SPAN = 600.0  # seconds for which a try counts
EACH, ALL = 10, 100  # tries in that span


class Attempts:
    """The tries of late. Methods may be called from any thread; moments are seconds of one clock."""

    def __init__(self, each: int = EACH, everybody: int = ALL, span: float = SPAN) -> None:
        self._each, self._all, self._span = each, everybody, span
        # No longer than `everybody`: what is over a limit is not counted.
        self._tries: deque[tuple[float, str]] = deque()
        self._lock = threading.Lock()

    def begin(self, address: str, now: float) -> float:
        """Count a try and return 0.0; where there were too many, the seconds until there may be another."""
        with self._lock:
            while self._tries and self._tries[0][0] <= now - self._span:
                self._tries.popleft()
            own = [when for when, who in self._tries if who == address]
            waits = [0.0]
            if len(own) >= self._each:
                waits.append(own[0] + self._span - now)
            if len(self._tries) >= self._all:
                waits.append(self._tries[0][0] + self._span - now)
            if max(waits) == 0.0:
                self._tries.append((now, address))
            return max(waits)

    def forgive(self, address: str) -> None:
        """Take back the newest try of an address: it was right."""
        with self._lock:
            for place in range(len(self._tries) - 1, -1, -1):
                if self._tries[place][1] == address:
                    del self._tries[place]
                    return
