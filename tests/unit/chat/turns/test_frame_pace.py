"""Pace of frames: it follows the load of the process, from the event loop's lag and the use of the processor."""

from __future__ import annotations

import pytest

from lib.chat.turns import frame_pace
from lib.chat.turns.frame_pace import MAX_INTERVAL, MIN_INTERVAL, FramePace


@pytest.mark.parametrize("load", [(0.2, 0.1), (0.0, 1.2), (0.2, 1.5)])
def test_frames_become_fewer_with_the_load_and_return(load: tuple[float, float]) -> None:
    pace, intervals = FramePace(), []
    for measurement in [load] * 40 + [(0.0, 0.1)] * 40:
        pace.add_measurement(*measurement)
        intervals.append(pace.interval)
    assert intervals[:40] == sorted(intervals[:40])
    assert intervals[39] == pytest.approx(MAX_INTERVAL, abs=0.001)
    assert intervals[40:] == sorted(intervals[40:], reverse=True)
    assert intervals[-1] == pytest.approx(MIN_INTERVAL, abs=0.001)


def test_an_idle_process_has_the_shortest_interval() -> None:
    pace = FramePace()
    for _ in range(10):
        pace.add_measurement(0.01, 0.2)
    assert pace.interval == MIN_INTERVAL
    pace.add_measurement(0.06, 0.0)
    assert MIN_INTERVAL < pace.interval < MAX_INTERVAL


def test_frames_become_fewer_with_the_pages_before_there_is_a_load() -> None:
    intervals = []
    for count in (0, 1, 2, 5, 8, 100):
        pace = FramePace(lambda count=count: count)
        pace.add_measurement(0.0, 0.1)
        intervals.append(pace.interval)
    assert intervals == pytest.approx([0.05, 0.05, 0.05, 0.0875, 0.125, 0.125])
    for _ in range(40):
        pace.add_measurement(0.2, 0.1)
    assert pace.interval == pytest.approx(MAX_INTERVAL, abs=0.001), "a load counts as well"


def test_the_use_of_the_processor_counts_since_the_last_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {"monotonic": 10.0, "process_time": 1.0}
    for name in clocks:
        monkeypatch.setattr(frame_pace.time, name, lambda name=name: clocks[name])
    pace = FramePace()
    measurements: list[tuple[float, float]] = []
    monkeypatch.setattr(pace, "add_measurement", lambda *measurement: measurements.append(measurement))
    pace.observe_lag(0.5)  # at the same moment
    clocks |= {"monotonic": 12.0, "process_time": 1.5}
    pace.observe_lag(0.25)
    assert measurements == [(0.25, 0.25)]
