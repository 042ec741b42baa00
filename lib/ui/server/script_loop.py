"""Event loop of a session's scripts, which holds no descriptors before something uses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class ScriptLoop(asyncio.AbstractEventLoop):
    """An event loop that is opened by the first use of it.

    Streamlit has one for each session, for libraries that scripts may use; it stays open for two minutes after the page
    has lost its connection. An open one holds three descriptors, and this app's scripts use none.
    """

    def __init__(self, open_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> None:
        self._open_loop = open_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def opened(self) -> asyncio.AbstractEventLoop:
        """Return the loop that does the work."""
        with self._lock:
            if self._loop is None:
                if self._is_closed:
                    raise RuntimeError("Event loop is closed")
                self._loop = self._open_loop()
            return self._loop

    def is_running(self) -> bool:
        return self._loop is not None and self._loop.is_running()

    def is_closed(self) -> bool:
        return self._is_closed or (self._loop is not None and self._loop.is_closed())

    def close(self) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.close()
            self._is_closed = True


def _delegate(name: str) -> Callable[..., Any]:
    def call(self: ScriptLoop, *args: Any, **options: Any) -> Any:
        return getattr(self.opened(), name)(*args, **options)

    return call


_OWN = vars(ScriptLoop).keys()
for _name, _method in vars(asyncio.AbstractEventLoop).items():
    if callable(_method) and not _name.startswith("__") and _name not in _OWN:
        setattr(ScriptLoop, _name, _delegate(_name))
