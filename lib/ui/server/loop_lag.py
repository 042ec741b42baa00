"""Lag of the event loop: the time for which messages to all pages wait while it is busy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL = 0.25  # seconds between two measurements


class LoopLagMonitor:
    """Measures how late the event loop wakes a task that sleeps; `observe` gets each lag in seconds."""

    def __init__(self, observe: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._observe = observe
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Measure from now on, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="loop-lag")

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            due_at = self._clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self._observe(max(0.0, self._clock() - due_at))
