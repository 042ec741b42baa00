"""Turns of script runs: a limit, first come first served, and no run that holds the others up."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from lib.ui.session.run_queue import CROWD, RunQueue

TIMEOUT = 60.0
UNLIMITED = 1e6  # seconds


class Runs:
    """Runs on threads of their own; each stays in its turn until it is told to end."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self.order: list[str] = []
        self.changed = threading.Condition()
        self.ends: dict[str, threading.Event] = {}
        self.threads: list[threading.Thread] = []

    def start(self, name: str, finish: Callable[[], None] = lambda: None) -> None:
        self.ends[name] = threading.Event()
        thread = threading.Thread(target=self._run, args=(name, finish), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run(self, name: str, finish: Callable[[], None]) -> None:
        with self.queue.turn():
            with self.changed:
                self.order.append(name)
                self.changed.notify_all()
            finish()
            assert self.ends[name].wait(TIMEOUT)

    def wait_for(self, *order: str) -> None:
        """Wait until exactly these have had their turns, in this order."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.order) >= len(order), TIMEOUT)
            assert self.order == list(order)

    def wait_until_waiting(self, count: int) -> None:
        for _ in range(int(TIMEOUT * 100)):
            if self.queue.counts()[1] == count:
                return
            threading.Event().wait(0.01)
        raise AssertionError(self.queue.counts())

    def end(self, *names: str) -> None:
        for name in names:
            self.ends[name].set()

    def join(self) -> None:
        self.end(*self.ends)
        for thread in self.threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive()


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def runs(clock):
    runs = Runs(RunQueue(2, UNLIMITED, lambda: clock[0]))
    yield runs
    runs.join()
    assert runs.queue.counts() == (0, 0)


def test_few_runs_render_at_the_same_time_in_the_order_of_their_requests(runs):
    for number, name in enumerate("abcde"):
        runs.start(name)
        if number < 2:
            runs.wait_for(*"abcde"[: number + 1])
        else:
            runs.wait_until_waiting(number - 1)
    assert runs.queue.counts() == (2, 3)
    runs.end("b")
    runs.wait_for("a", "b", "c")
    runs.end("a")
    runs.wait_for("a", "b", "c", "d")
    assert runs.queue.counts() == (2, 1)


def test_one_run_renders_at_a_time_while_many_pages_follow_answers(runs):
    followers = [CROWD]
    runs.queue.observe_followers(lambda: followers[0])
    runs.start("a")
    runs.wait_for("a")
    runs.start("b")
    runs.wait_until_waiting(1)
    followers[0] = CROWD - 1
    runs.start("c")
    runs.wait_until_waiting(2)
    runs.end("a")
    runs.wait_for("a", "b", "c")


def test_a_run_that_follows_an_answer_gives_its_turn_up(runs):
    runs.start("a", runs.queue.end_turn)
    runs.wait_for("a")
    runs.start("b", runs.queue.end_turn)
    runs.wait_for("a", "b")
    runs.start("c")
    runs.wait_for("a", "b", "c")


def test_a_run_that_takes_long_holds_no_other_up(runs, clock):
    runs.start("a")
    runs.wait_for("a")
    runs.start("b")
    runs.wait_for("a", "b")
    clock[0] = UNLIMITED + 1
    runs.start("c")
    runs.wait_for("a", "b", "c")


def test_the_first_in_line_waits_no_longer_than_a_turn_takes():
    queue = RunQueue(1, 0.01)
    with queue.turn():
        runs = Runs(queue)
        runs.start("a")
        runs.wait_for("a")
        runs.join()


def test_a_run_that_is_stopped_ends_its_turn():
    class Stop(BaseException):
        pass

    queue = RunQueue(1, UNLIMITED)
    with pytest.raises(Stop), queue.turn():
        raise Stop
    with queue.turn():
        assert queue.counts() == (1, 0)
