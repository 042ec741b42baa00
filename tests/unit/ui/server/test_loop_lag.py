"""Lag of the event loop."""

from __future__ import annotations

import asyncio

from lib.ui.server import loop_lag
from lib.ui.server.loop_lag import LoopLagMonitor


def test_a_busy_event_loop_is_late_by_the_time_that_it_was_busy(monkeypatch):
    """With a clock that the test moves: the loop sleeps for no time, and is busy for no real time."""
    monkeypatch.setattr(loop_lag, "INTERVAL", 0.0)
    now, lags = [100.0], []

    async def measure() -> None:
        monitor = LoopLagMonitor(lags.append, lambda: now[0])
        monitor.start()
        while not lags:
            await asyncio.sleep(0)
        now[0] += 1.5
        count = len(lags)
        while len(lags) < count + 2:
            await asyncio.sleep(0)
        monitor.stop()
        count = len(lags)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(lags) == count

    asyncio.run(measure())
    assert lags[0] == 0.0
    assert 1.5 in lags
