"""Garbage collection at a pace of its own: full collections run while no answer runs, and not in the middle of one."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

INTERVAL = 2.0  # seconds between two looks
# Seconds after which a little is collected, too, while no answer runs: closed sessions are garbage.
IDLE_DELAY = 20.0
MAX_DELAY = 60.0  # seconds after which a full collection no longer waits for the end of all answers
DUE_COUNT = 10  # collections of the middle generation after which Python itself would run a full one
_NEVER = 2**31 - 1


class PacedCollector:
    """Runs the full garbage collections of the process, which stop all threads for their time.

    Python starts one in the thread that happens to allocate: in the middle of an answer, as a rule. The young
    generations stay with Python: their collections take well below a millisecond.
    """

    def __init__(
        self,
        is_idle: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        count: Callable[[], int] = lambda: gc.get_count()[2],
        collect: Callable[[], object] = gc.collect,
        observe: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Create a collector; `is_idle` tells if a pause would disturb nobody, `observe` gets the seconds of each.

        `count` is the number of collections of the middle generation since the last full one.
        """
        self._is_idle = is_idle
        self._clock = clock
        self._count = count
        self._collect = collect
        self._observe = observe
        self._last_collected_at = clock()
        self._stopped = threading.Event()
        self._threshold = gc.get_threshold()

    def start(self) -> None:
        """Take over from Python; from now on, a thread collects."""
        gc.set_threshold(*self._threshold[:2], _NEVER)
        threading.Thread(target=self._run, name="garbage-collection", daemon=True).start()

    def stop(self) -> None:
        """Hand over to Python again."""
        self._stopped.set()
        gc.set_threshold(*self._threshold)

    def collect_if_due(self) -> bool:
        """Run a full collection if there is enough to collect, at a time that suits; return True if it ran."""
        count, delay, is_idle = self._count(), self._clock() - self._last_collected_at, self._is_idle()
        if count < (1 if is_idle and delay >= IDLE_DELAY else DUE_COUNT):
            return False
        if not is_idle and delay < MAX_DELAY:
            return False
        start = self._clock()
        self._collect()
        self._last_collected_at = self._clock()
        self._observe(self._last_collected_at - start)
        return True

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            self.collect_if_due()


def freeze() -> None:
    """Exempt all objects of now from collections: those of imported modules and caches live as long as the process."""
    gc.collect()
    gc.freeze()
