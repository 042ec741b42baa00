"""Whether another service answers: asked now and then, by one thread at a time."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from lib.config.log_setup import told

log = logging.getLogger(__name__)


class Probe:
    """Asks a service whether it is well. It is asked no more often than strangers can bear to make us ask."""

    def __init__(self, name: str, ask: Callable[[], None], lasting: float, pace: float | None = None) -> None:
        """`ask` raises where the service is not well.

        It is asked again after `pace` seconds, and is held to be well for `lasting` seconds after it was.
        """
        self._name = name
        self._ask = ask
        self._lasting = lasting
        self._pace = lasting if pace is None else pace
        self._lock = threading.Lock()
        self._asking: Future[bool] | None = None
        self._asked = self._well = float("-inf")
        self._was_well = True

    async def well(self, patience: float) -> bool:
        """Whether it is well, as far as that is known within `patience` seconds."""
        asking = self._begin()
        if asking and not self._lately():
            await asyncio.wait([asyncio.wrap_future(asking)], timeout=patience)
            return asking.done() and asking.result()
        return self._lately()

    def _lately(self) -> bool:
        return time.monotonic() - self._well <= self._lasting

    def _begin(self) -> Future[bool] | None:
        """The question that is being asked, if there is one or it is time for one."""
        with self._lock:
            if self._asking is None and time.monotonic() - self._asked > self._pace:
                self._asked = time.monotonic()
                self._asking = Future()
                threading.Thread(target=self._work, args=(self._asking,), name="probe", daemon=True).start()
            return self._asking

    def _work(self, asking: Future[bool]) -> None:
        try:
            self._ask()
        except Exception as error:  # noqa: BLE001  whatever it is, the service is not well
            if self._was_well:
                log.warning("not well: %s", self._name, extra=told(error=type(error).__name__))
            self._was_well = False
        else:
            self._well = time.monotonic()
            if not self._was_well:
                log.info("well again: %s", self._name)
            self._was_well = True
        finally:
            with self._lock:
                self._asking = None
            asking.set_result(self._was_well)
