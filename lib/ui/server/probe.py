"""Health probe of another service, cached, with one check at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from lib.config.log_setup import log_fields
from lib.core.errors import AntlerError

log = logging.getLogger(__name__)


class HealthProbe:
    """Cached health of a service, so that unauthenticated callers cannot load it."""

    def __init__(
        self,
        name: str,
        check: Callable[[], None],
        healthy_seconds: float,
        interval: float | None = None,
        is_degraded: Callable[[Exception], bool] = lambda _: False,
        level: int = logging.WARNING,
    ) -> None:
        """Create a probe; `check` raises if the service is unhealthy, or degraded where `is_degraded` says so.

        It runs again after `interval` seconds, and its success counts for `healthy_seconds`. A degraded service is
        there, and not as it should be: it counts as healthy, with a problem. `level` is that of problems in the log.
        """
        self.name = name
        self._check = check
        self._is_degraded = is_degraded
        self._level = level
        self._healthy_seconds = healthy_seconds
        self._interval = healthy_seconds if interval is None else interval
        self._lock = threading.Lock()
        self._pending: Future[bool] | None = None
        self._last_checked_at = self._last_healthy_at = float("-inf")
        self._problem = ""
        self._was_degraded = False

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
        return not self._problem

    @property
    def was_degraded(self) -> bool:
        """True if the last finished check found the service, but not as it should be."""
        return self._was_degraded

    @property
    def problem(self) -> str:
        """The code of what the last finished check has found, "" for nothing."""
        return self._problem

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
        problem, is_degraded = "", False
        try:
            self._check()
        except Exception as error:  # noqa: BLE001  any error means unhealthy
            problem = error.code if isinstance(error, AntlerError) else type(error).__name__
            is_degraded = self._is_degraded(error)
        is_healthy = is_degraded or not problem
        self._report(problem, is_degraded=is_degraded)
        # At once: a caller that sees the new time may not find this check still running.
        with self._lock:
            self._pending = None
            self._problem, self._was_degraded = problem, is_degraded
            if is_healthy:
                self._last_healthy_at = time.monotonic()
        pending.set_result(is_healthy)

    def _report(self, problem: str, *, is_degraded: bool) -> None:
        """Log a change."""
        if problem and problem != self._problem:
            state = "degraded" if is_degraded else "unhealthy"
            log.log(self._level, "%s: %s", state, self.name, extra=log_fields(problem=problem))
        elif self._problem and not problem:
            log.info("healthy again: %s", self.name)
