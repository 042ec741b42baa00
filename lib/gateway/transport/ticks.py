"""Ticks: moments for which many threads wait, and at which they go on one after the other."""

from __future__ import annotations

import heapq
import threading
import time
from itertools import count
from math import floor, inf

# Seconds after its tick in which a thread that was not called goes on by itself.
SLACK = 0.03
_EARLY = 0.003  # seconds before its tick at which a thread may be called, with those of an earlier one
_MIN_PAUSE = 0.25  # of an interval: a thread may go on a little before its tick


def next_tick(interval: float) -> float:
    """Return the next tick in monotonic seconds: ticks are multiples of the interval, the same for all threads."""
    now = time.monotonic()
    number = floor(now / interval) + 1
    return (number if number * interval - now > _MIN_PAUSE * interval else number + 1) * interval


class TickQueue:
    """A queue of threads that wait for ticks.

    Threads that wake up at the same moment contend for the interpreter: each is stopped and woken up again, which costs
    more than what most of them do. Here one watches the clock, and each calls the next one when it waits again. One
    that is stuck holds the others up for `slack` seconds at most.
    """

    def __init__(self, slack: float = SLACK) -> None:
        self._slack = slack
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []  # a heap; some are of threads that have been called since
        # Of threads with the same tick the last one is the first: it watches the clock.
        self._numbers = count(0, -1)
        self._watcher: TickWaiter | None = None  # of the clock, while no other has the turn
        self._has_runner = False

    def join(self) -> TickWaiter:
        """Return a place for the thread that calls this, or for another one."""
        return TickWaiter(self)

    def _push(self, waiter: TickWaiter, due: float) -> None:
        waiter._entry = due, next(self._numbers), waiter
        heapq.heappush(self._entries, waiter._entry)

    def _first(self) -> _Entry | None:
        """Return the entry of the thread that is called next."""
        while self._entries and self._entries[0][2]._entry is not self._entries[0]:
            heapq.heappop(self._entries)
        return self._entries[0] if self._entries else None

    def _watch(self, waiter: TickWaiter, due: float) -> float:
        """Return the time until which a thread sleeps: the next tick of all if it watches the clock."""
        if not self._has_runner:
            self._watcher = self._watcher or waiter
        first = self._first()
        return first[0] if first and self._watcher is waiter else due + self._slack

    def _look(self, waiter: TickWaiter) -> None:
        """Call the thread whose tick has come: the one that looks, which was not called, or the one it watches for."""
        if self._watcher is waiter:
            self._watcher = None
            self._call_next()
        else:
            self._has_runner = False  # it is stuck, or has ended
            self._call(waiter)
            self._find_watcher()

    def _call_next(self) -> None:
        first = self._first()
        self._has_runner = bool(first and first[0] <= time.monotonic() + _EARLY)
        if first and self._has_runner:
            first[2]._has_turn = True
            self._call(first[2])

    def _find_watcher(self) -> None:
        """Let the next thread watch the clock if no other does or is about to: it sleeps for longer."""
        if not self._has_runner and not self._watcher and (first := self._first()):
            self._watcher = first[2]
            first[2]._signal()

    def _call(self, waiter: TickWaiter) -> None:
        """Let a waiting thread go on."""
        waiter._entry = None
        if self._watcher is waiter:
            self._watcher = None
        waiter._signal()


class TickWaiter:
    """The place of one thread in a queue: the one that waits. Other threads may call `wake` only."""

    def __init__(self, queue: TickQueue) -> None:
        self._queue = queue
        self._entry: _Entry | None = None  # while it waits
        self._has_turn = False  # it calls the next one
        self._is_awake = False
        self._alarm = threading.Lock()  # held until the thread is to look again
        self._alarm.acquire()

    def wait(self, due: float) -> None:
        """Wait until a monotonic time, and then until the threads with an earlier tick have gone on."""
        with self._queue._lock:
            self._end_turn()
            if self._is_awake:
                self._queue._find_watcher()
                return
            self._queue._push(self, due)
        until = inf
        while True:
            with self._queue._lock:
                if self._entry and time.monotonic() >= until:
                    self._queue._look(self)
                if not self._entry:
                    return
                until = self._queue._watch(self, due)
            self._alarm.acquire(timeout=max(0.0, until - time.monotonic()))

    def leave(self) -> None:
        """Let the next thread go on; before this one waits for anything else, and at its end."""
        if self._has_turn:
            with self._queue._lock:
                self._end_turn()
                self._queue._find_watcher()

    def wake(self) -> None:
        """Let this wait and all later ones return at once."""
        with self._queue._lock:
            self._is_awake = True
            if self._entry:
                self._queue._call(self)
                self._queue._find_watcher()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            self._queue._call_next()

    def _signal(self) -> None:
        """Let the thread look whether it was called, or how long it sleeps now."""
        if self._alarm.locked():
            self._alarm.release()


_Entry = tuple[float, int, TickWaiter]
