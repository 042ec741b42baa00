"""Lifespan of the server: what runs beside the pages, from the start to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from lib.ui.server import sessions, shutdown, streamlit_private, warm_up
from lib.ui.server.check_schedule import ScheduledChecks
from lib.ui.server.collection import PacedCollector
from lib.ui.server.loop_lag import LoopLagMonitor
from lib.ui.session import resources


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """Prepare the first page, collect garbage, and interrupt the answers and checks that still run at the end."""
    metrics = resources.metrics()
    metrics.set_gauges(
        sessions_connected=lambda: streamlit_private.count_sessions()[0],
        sessions_disconnected=lambda: streamlit_private.count_sessions()[1],
    )
    pace = resources.frame_pace()

    def observe_lag(lag: float) -> None:
        metrics.observe_loop_lag(lag)
        pace.observe_lag(lag)

    lag_monitor = LoopLagMonitor(observe_lag)
    checks = ScheduledChecks()
    collector = PacedCollector(_is_idle, observe=metrics.observe_collection)
    with shutdown.handle_sigterm(asyncio.get_running_loop()):
        warm_up.start()
        collector.start()
        lag_monitor.start()
        checks.start()
        release = asyncio.create_task(sessions.release_expired(), name="session-release")
        try:
            yield
        finally:
            release.cancel()
            lag_monitor.stop()
            await asyncio.to_thread(checks.stop)
            collector.stop()
            await asyncio.to_thread(shutdown.drain_generations, 0.0)
            if tracer := resources.tracer():
                await asyncio.to_thread(tracer.close)


def _is_idle() -> bool:
    """Return True while no answer runs in this process."""
    return not len(resources.generations())
