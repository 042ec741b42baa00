"""Health probe of another service, cached, with one check at a time."""

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
    """Cached health of a service, so that unauthenticated callers cannot load it."""

    def __init__(
        self, name: str, check: Callable[[], None], healthy_seconds: float, interval: float | None = None
    ) -> None:
        """Create a probe; `check` raises if the service is unhealthy.

        It runs again after `interval` seconds, and its success counts for `healthy_seconds`.
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
        """Tell if the service is healthy, waiting at most `timeout` seconds for a running check."""
        pending = self._start_check()
        if pending and not self._is_recently_healthy():
            await asyncio.wait([asyncio.wrap_future(pending)], timeout=timeout)
            return pending.done() and pending.result()
        return self._is_recently_healthy()

    @property
    def was_healthy(self) -> bool:
        """True if the last finished check succeeded, and before the first one."""
        return self._was_healthy

    def _is_recently_healthy(self) -> bool:
        return time.monotonic() - self._last_healthy_at <= self._healthy_seconds

    def _start_check(self) -> Future[bool] | None:
        """Return the running check, or a new one if it is due."""
        with self._lock:
            if self._pending is None and time.monotonic() - self._last_checked_at > self._interval:
                self._last_checked_at = time.monotonic()
                self._pending = Future()
                threading.Thread(target=self._run_check, args=(self._pending,), name="probe", daemon=True).start()
            return self._pending

    def _run_check(self, pending: Future[bool]) -> None:
        try:
            self._check()
        except Exception as error:  # noqa: BLE001  any error means unhealthy
            if self._was_healthy:
                log.warning("unhealthy: %s", self._name, extra=log_fields(error=type(error).__name__))
            self._was_healthy = False
        else:
            self._last_healthy_at = time.monotonic()
            if not self._was_healthy:
                log.info("healthy again: %s", self._name)
            self._was_healthy = True
        finally:
            with self._lock:
                self._pending = None
            pending.set_result(self._was_healthy)
