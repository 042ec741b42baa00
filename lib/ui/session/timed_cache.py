"""A value of the process that is loaded again after a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class TimedCache(Generic[T]):
    """The result of `load`, at most `seconds` old; for any thread.

    In place of `st.cache_resource(ttl=…)`, whose entry can expire between two looks at it in another session's run.
    """

    def __init__(self, load: Callable[[], T], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._entry: tuple[T, float] | None = None

    def __call__(self) -> T:
        """Return the value. Raises what `load` raises, which is not kept."""
        with self._lock:
            entry = self._entry
        now = self._clock()
        if entry is not None and now - entry[1] < self._seconds:
            return entry[0]
        value = self._load()
        with self._lock:
            self._entry = (value, now)
        return value

    def clear(self) -> None:
        """Let the next call load the value."""
        with self._lock:
            self._entry = None
