"""Ticks: threads go on at their tick, one after the other, and none is held up for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from lib.gateway.transport import ticks
from lib.gateway.transport.ticks import TickQueue, TickWaiter, next_tick

LONG = 3600.0  # seconds that no test waits
TIMEOUT = 60.0


class Worker:
    """A thread with a place in a queue."""

    def __init__(self, queue: TickQueue, work: Callable[[TickWaiter], None]) -> None:
        self.waiter = queue.join()
        self._thread = threading.Thread(target=work, args=(self.waiter,), daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_ticks_are_the_same_for_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = []
    for now in (100.0, 100.02, 100.11, 100.07, 100.199):  # the last one is too near to the next moment
        monkeypatch.setattr(ticks.time, "monotonic", lambda now=now: now)
        moments.append(next_tick(0.1))
    assert moments == pytest.approx([100.1, 100.1, 100.2, 100.1, 100.3])
    assert moments[0] == moments[1] == moments[3]


def test_threads_go_on_one_after_the_other_and_not_before_their_tick() -> None:
    queue, inside, most, early = TickQueue(slack=LONG), [0], [0], [0]
    lock = threading.Lock()

    def work(waiter: TickWaiter) -> None:
        for _ in range(20):
            due = next_tick(0.02)
            waiter.wait(due)
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                early[0] = max(early[0], due - time.monotonic())
            time.sleep(0.0005)  # others could go on here
            with lock:
                inside[0] -= 1
        waiter.leave()

    for worker in [Worker(queue, work) for _ in range(6)]:
        worker.join()
    assert most == [1]
    assert early[0] <= ticks._EARLY


def test_one_that_leaves_its_turn_does_not_hold_the_next_one_up() -> None:
    queue, order = TickQueue(slack=LONG), []
    due, release = time.monotonic() + 0.05, threading.Event()

    def wait_for_long(waiter: TickWaiter) -> None:
        waiter.wait(due)
        order.append("first")
        waiter.leave()
        release.wait(TIMEOUT)

    def go_on(waiter: TickWaiter) -> None:
        waiter.wait(due + 0.001)
        order.append("second")
        release.set()

    workers = [Worker(queue, wait_for_long), Worker(queue, go_on)]
    for worker in workers:
        worker.join()
    assert sorted(order) == ["first", "second"]


@pytest.mark.parametrize("ends", ["leave", "wait"])
def test_the_next_one_watches_the_clock_when_one_leaves_before_its_tick(ends: str) -> None:
    queue, has_turn, release, done = TickQueue(slack=LONG), threading.Event(), threading.Event(), threading.Event()

    def run(waiter: TickWaiter) -> None:
        waiter.wait(time.monotonic())
        has_turn.set()
        assert release.wait(TIMEOUT)
        waiter.wake()
        waiter.leave() if ends == "leave" else waiter.wait(LONG)

    def go_on(waiter: TickWaiter) -> None:
        waiter.wait(time.monotonic() + 0.2)
        done.set()

    runner = Worker(queue, run)
    assert has_turn.wait(TIMEOUT)
    other = Worker(queue, go_on)
    wait_until(lambda: other.waiter._entry is not None)
    release.set()
    assert done.wait(TIMEOUT)
    for worker in (runner, other):
        worker.join()


def test_one_that_is_stuck_holds_the_others_up_for_the_slack_only() -> None:
    queue, release, done = TickQueue(slack=0.02), threading.Event(), []

    def get_stuck(waiter: TickWaiter) -> None:
        waiter.wait(due)
        release.wait(TIMEOUT)

    def go_on(waiter: TickWaiter) -> None:
        waiter.wait(due)
        done.append(time.monotonic())

    due = time.monotonic() + 0.05
    stuck, *others = [Worker(queue, work) for work in (get_stuck, go_on, go_on, get_stuck)]
    wait_until(lambda: len(done) == 2)
    release.set()
    for worker in (stuck, *others):
        worker.join()


def test_a_call_ends_this_wait_and_all_later_ones() -> None:
    queue, waits = TickQueue(slack=LONG), []

    def work(waiter: TickWaiter) -> None:
        for _ in range(3):
            waiter.wait(time.monotonic() + LONG)
            waits.append(1)

    worker = Worker(queue, work)
    wait_until(lambda: worker.waiter._entry is not None)
    worker.waiter.wake()
    worker.join()
    assert len(waits) == 3


def test_the_clock_is_watched_when_the_thread_that_did_is_woken() -> None:
    queue, done = TickQueue(slack=LONG), threading.Event()

    def watch(waiter: TickWaiter) -> None:
        waiter.wait(time.monotonic() + 0.2)

    def go_on(waiter: TickWaiter) -> None:
        waiter.wait(time.monotonic() + 0.3)
        done.set()

    watcher = Worker(queue, watch)
    wait_until(lambda: queue._watcher is watcher.waiter)
    other = Worker(queue, go_on)
    wait_until(lambda: other.waiter._entry is not None)
    watcher.waiter.wake()
    assert done.wait(TIMEOUT)
    for worker in (watcher, other):
        worker.join()
