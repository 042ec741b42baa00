"""Garbage collection at a pace of its own."""

from __future__ import annotations

import gc
import weakref

from lib.ui.server.collection import DUE_COUNT, IDLE_DELAY, MAX_DELAY, PacedCollector, freeze


class Process:
    """A process with a clock and a garbage collector that tests set."""

    def __init__(self) -> None:
        self.now, self.count, self.is_idle, self.collections = 1000.0, 0, True, 0
        self.collector = PacedCollector(lambda: self.is_idle, lambda: self.now, lambda: self.count, self._collect)

    def _collect(self) -> None:
        self.count, self.collections = 0, self.collections + 1


def test_a_full_collection_runs_when_it_is_due_and_no_answer_runs():
    process = Process()
    assert not process.collector.collect_if_due()
    process.count = DUE_COUNT
    assert process.collector.collect_if_due()
    assert not process.collector.collect_if_due()
    assert process.collections == 1


def test_a_full_collection_waits_for_running_answers_but_not_for_ever():
    process = Process()
    process.count, process.is_idle = DUE_COUNT, False
    assert not process.collector.collect_if_due()
    process.now += MAX_DELAY - 1
    assert not process.collector.collect_if_due()
    process.now += 1
    assert process.collector.collect_if_due()
    process.count = DUE_COUNT
    assert not process.collector.collect_if_due()
    process.is_idle = True
    assert process.collector.collect_if_due()
    assert process.collections == 2


def test_a_little_is_collected_while_no_answer_runs_so_that_closed_sessions_are_released():
    process = Process()
    process.count, process.is_idle = 1, False
    process.now += MAX_DELAY
    assert not process.collector.collect_if_due()
    process.is_idle = True
    assert process.collector.collect_if_due()
    process.count = 1
    process.now += IDLE_DELAY - 1
    assert not process.collector.collect_if_due()
    process.now += 1
    assert process.collector.collect_if_due()
    process.now += MAX_DELAY
    assert not process.collector.collect_if_due()


def test_python_runs_no_full_collection_until_the_collector_stops():
    threshold = gc.get_threshold()
    collector = PacedCollector(lambda: False)
    try:
        collector.start()
        assert gc.get_threshold()[:2] == threshold[:2]
        assert gc.get_threshold()[2] > 1_000_000
    finally:
        collector.stop()
    assert gc.get_threshold() == threshold


class Node:
    """An object in a reference cycle."""

    def __init__(self) -> None:
        self.myself = self


def test_cycles_are_collected_before_the_rest_is_exempt():
    frozen, cycle = gc.get_freeze_count(), weakref.ref(Node())
    try:
        freeze()
        assert gc.get_freeze_count() > frozen
        assert cycle() is None
    finally:
        gc.unfreeze()
        # What was loaded before the tests is in no collection, as before: later ones would take half a second each.
        gc.freeze()
