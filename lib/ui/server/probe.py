"""Whether another service answers: asked now and then, by one thread at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from lib.config.log_setup import log_fields

log = logging.getLogger(__name__)


class HealthProbe:
    """Asks a service whether it is well. It is asked no more often than strangers can bear to make us ask."""

    def __init__(
        self, name: str, check: Callable[[], None], healthy_seconds: float, interval: float | None = None
    ) -> None:
        """`ask` raises where the service is not well.

        It is asked again after `pace` seconds, and is held to be well for `lasting` seconds after it was.
        """
        self._name = name
        self._check = check
        self._healthy_seconds = healthy_seconds
        self._interval = healthy_seconds if interval is None else interval
        self._lock = threading.Lock()
        self._pending: Future[bool] | None = None
        self._last_checked_at = self._last_healthy_at = float("-inf")
        self._was_healthy = True

    async def is_healthy(self, timeout: float) -> bool:
        """Whether it is well, as far as that is known within `patience` seconds."""
        asking = self._start_check()
        if asking and not self._is_recently_healthy():
            await asyncio.wait([asyncio.wrap_future(asking)], timeout=timeout)
            return asking.done() and asking.result()
        return self._is_recently_healthy()

    def _is_recently_healthy(self) -> bool:
        return time.monotonic() - self._last_healthy_at <= self._healthy_seconds

    def _start_check(self) -> Future[bool] | None:
        """The question that is being asked, if there is one or it is time for one."""
        with self._lock:
            if self._pending is None and time.monotonic() - self._last_checked_at > self._interval:
                self._last_checked_at = time.monotonic()
                self._pending = Future()
                threading.Thread(
                    target=self._run_check, args=(self._pending,), name="probe", daemon=True
                ).start()
            return self._pending

    def _run_check(self, pending: Future[bool]) -> None:
        try:
            self._check()
        except Exception as error:  # noqa: BLE001  whatever it is, the service is not well
            if self._was_healthy:
                log.warning("not well: %s", self._name, extra=log_fields(error=type(error).__name__))
            self._was_healthy = False
        else:
            self._last_healthy_at = time.monotonic()
            if not self._was_healthy:
                log.info("well again: %s", self._name)
            self._was_healthy = True
        finally:
            with self._lock:
                self._pending = None
            pending.set_result(self._was_healthy)
