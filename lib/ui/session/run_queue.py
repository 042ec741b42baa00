"""Turns of script runs: few of them render at the same time, in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_RENDERING = 2  # one computes while another one waits for the database
CROWD = 8  # pages that follow answers, from which on one run renders at a time: else answers wait for their turns
# Seconds after which a run does not count any more: it waits for something else, such as the gateway.
MAX_TURN = 1.0


class RunQueue:
    """The script runs that render, and those that wait for that; for any thread, each of which has one run.

    Threads share one interpreter in turn. A thread that passes an answer on gets its part of it in time as long as
    few others compute, so pages that many users open at once are rendered one after the other.
    """

    def __init__(
        self,
        max_rendering: int = MAX_RENDERING,
        max_turn: float = MAX_TURN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_rendering = max_rendering
        self._max_turn = max_turn
        self._clock = clock
        self._count_followers: Callable[[], int] = lambda: 0
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()  # thread ids
        self._started: dict[int, float] = {}  # start of the turn, by thread id

    def observe_followers(self, count_followers: Callable[[], int]) -> None:
        """Let one run render at a time while many pages follow answers, of which a function returns the number."""
        self._count_followers = count_followers

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn of this thread, which ends with the block, or earlier with `end_turn`."""
        self._begin_turn()
        try:
            yield
        finally:
            self.end_turn()

    def end_turn(self) -> None:
        """End the turn of this thread, if it has one: from here on, its run waits more than it computes."""
        with self._changed:
            self._started.pop(threading.get_ident(), None)
            self._changed.notify_all()

    def counts(self) -> tuple[int, int]:
        """Return the number of runs that have a turn, and of those that wait for one."""
        with self._changed:
            return len(self._started), len(self._waiting)

    def _begin_turn(self) -> None:
        thread = threading.get_ident()
        with self._changed:
            self._waiting.append(thread)
            while self._waiting[0] != thread or (delay := self._time_until_free()) > 0:
                # Only the first one waits for the time that a turn may take.
                self._changed.wait(delay if self._waiting[0] == thread else None)
            self._waiting.popleft()
            self._started[thread] = self._clock()
            self._changed.notify_all()

    def _time_until_free(self) -> float:
        """Return the seconds until a run may begin, if none ends before; 0 for at once."""
        now = self._clock()
        left = sorted(started + self._max_turn - now for started in self._started.values())
        counted = [seconds for seconds in left if seconds > 0]
        max_rendering = 1 if self._count_followers() >= CROWD else self._max_rendering
        return counted[-max_rendering] if len(counted) >= max_rendering else 0.0


run_queue = RunQueue()
