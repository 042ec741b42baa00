"""Health probe: one check at a time, cached, with a bounded wait."""

from __future__ import annotations

import asyncio
import threading

from lib.core.errors import KeyRejected
from lib.ui.server.probe import HealthProbe

LONG = 3600.0
WAIT = 20.0


class Service:
    """Service that counts its checks, and can fail or block."""

    def __init__(self) -> None:
        self.check_count = 0
        self.fails = False
        self.free = threading.Event()
        self.free.set()

    def ask(self) -> None:
        self.check_count += 1
        assert self.free.wait(WAIT)
        if self.fails:
            raise ConnectionError("unavailable")


def test_a_healthy_result_is_cached():
    service = Service()
    probe = HealthProbe("it", service.ask, LONG)
    assert all(asyncio.run(probe.is_healthy(WAIT)) for _ in range(20))
    assert service.check_count == 1


def test_an_unhealthy_result_is_cached():
    service = Service()
    service.fails = True
    probe = HealthProbe("it", service.ask, LONG)
    assert not any(asyncio.run(probe.is_healthy(WAIT)) for _ in range(20))
    assert service.check_count == 1


def test_a_failure_and_a_recovery_are_noticed():
    service = Service()
    probe = HealthProbe("it", service.ask, healthy_seconds=0.01)
    seen = []
    for service.fails in (False, True, False):
        asyncio.run(asyncio.sleep(0.05))
        seen.append(asyncio.run(probe.is_healthy(WAIT)))
    assert seen == [True, False, True]


def test_a_failure_within_the_grace_period_is_ignored():
    service = Service()
    probe = HealthProbe("it", service.ask, LONG, interval=0.0)
    assert asyncio.run(probe.is_healthy(WAIT))
    service.fails = True
    assert asyncio.run(probe.is_healthy(WAIT))


def test_a_silent_service_is_checked_by_one_thread_without_waiting():
    service = Service()
    service.free.clear()
    probe = HealthProbe("it", service.ask, LONG, interval=0.0)

    async def ask_often() -> list[bool]:
        return await asyncio.gather(*(probe.is_healthy(0.05) for _ in range(50)))

    assert not any(asyncio.run(ask_often()))
    assert service.check_count == 1
    service.free.set()
    assert asyncio.run(probe.is_healthy(WAIT))


def test_a_degraded_service_is_healthy_with_a_problem_that_is_logged_once(caplog):
    outcomes = iter([KeyRejected(""), KeyRejected(""), None, ConnectionError()])

    def check():
        if error := next(outcomes):
            raise error

    probe = HealthProbe("it", check, 0.0, -1.0, lambda error: isinstance(error, KeyRejected))
    seen = []
    for _ in range(4):
        is_healthy = asyncio.run(probe.is_healthy(WAIT))
        seen.append((is_healthy, probe.was_healthy, probe.was_degraded, probe.problem))
    degraded = (True, False, True, "key_refused")
    assert seen == [degraded, degraded, (True, True, False, ""), (False, False, False, "ConnectionError")]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "degraded: it",
        "unhealthy: it",
    ]
