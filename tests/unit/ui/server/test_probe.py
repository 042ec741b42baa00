"""Whether a service is well: asked by one thread, no more often than agreed, and not waited for."""

from __future__ import annotations

import asyncio
import threading

from lib.ui.server.probe import HealthProbe

LONG = 3600.0
WAIT = 20.0


class Service:
    """Counts how often it is asked; fails where it is told to, and waits where it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.free = threading.Event()
        self.free.set()

    def ask(self) -> None:
        self.asked += 1
        assert self.free.wait(WAIT)
        if self.fails:
            raise ConnectionError("away")


def test_a_service_that_is_well_is_asked_once_for_a_while():
    service = Service()
    probe = HealthProbe("it", service.ask, LONG)
    assert all(asyncio.run(probe.is_healthy(WAIT)) for _ in range(20))
    assert service.asked == 1


def test_a_service_that_fails_is_not_well_and_is_not_asked_again_at_once():
    service = Service()
    service.fails = True
    probe = HealthProbe("it", service.ask, LONG)
    assert not any(asyncio.run(probe.is_healthy(WAIT)) for _ in range(20))
    assert service.asked == 1


def test_it_is_seen_when_a_service_fails_and_when_it_is_back():
    service = Service()
    probe = HealthProbe("it", service.ask, healthy_seconds=0.01)
    seen = []
    for service.fails in (False, True, False):
        asyncio.run(asyncio.sleep(0.05))
        seen.append(asyncio.run(probe.is_healthy(WAIT)))
    assert seen == [True, False, True]


def test_a_service_that_was_well_lately_may_fail_for_a_moment():
    service = Service()
    probe = HealthProbe("it", service.ask, LONG, interval=0.0)
    assert asyncio.run(probe.is_healthy(WAIT))
    service.fails = True
    assert asyncio.run(probe.is_healthy(WAIT))


def test_a_silent_service_is_asked_by_one_thread_and_not_waited_for():
    service = Service()
    service.free.clear()
    probe = HealthProbe("it", service.ask, LONG, interval=0.0)

    async def ask_often() -> list[bool]:
        return await asyncio.gather(*(probe.is_healthy(0.05) for _ in range(50)))

    assert not any(asyncio.run(ask_often()))
    assert service.asked == 1
    service.free.set()
    assert asyncio.run(probe.is_healthy(WAIT))
