"""A process that is told to stop: no new answers, the running ones come to their end, then it is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import escape
from types import FrameType
from typing import Any

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from lib.config.log_setup import told
from lib.config.settings import Serving
from lib.core.errors import SettingError
from lib.ui.session import resources
from lib.ui.text.i18n import LANGUAGES

log = logging.getLogger(__name__)

FAREWELL = 2.0  # seconds in which pages paint the end of their answers before they are cut off
LAST_SECONDS = 10.0  # that the server may take to end by itself after that
_AGAIN = 2  # seconds after which a page that was turned away tries again by itself


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """From the server's start to its end: whatever that is, answers that still run are interrupted."""
    with _listening(asyncio.get_running_loop()):
        try:
            yield
        finally:
            await asyncio.to_thread(_drain, 0.0)


class TurnAway:
    """ASGI middleware that, once the process is to stop, lets no page in: a balancer then asks another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        new = scope["type"] == "websocket" or (scope["type"] == "http" and _is_visit(scope))
        if not new or not resources.answers().closing:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _page(scope)(scope, receive, send)
        else:
            await WebSocket(scope, receive, send).send_denial_response(Response(status_code=503))


def _is_visit(scope: Scope) -> bool:
    """Whether somebody opens a page; what open pages still load is let through."""
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _page(scope: Scope) -> Response:
    language = Headers(scope=scope).get("accept-language", "").lower()
    words = LANGUAGES["zh" if language.startswith("zh") else "en"]["closing.page"]
    again = {"Retry-After": str(_AGAIN), "Refresh": str(_AGAIN), "Cache-Control": "no-store"}
    return HTMLResponse(f"<!doctype html><title>Antler</title><p>{escape(words)}</p>", 503, again)


@contextmanager
def _listening(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Take the server's place as the one who is told to stop, and tell the server when all is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping = _Stopping(loop, signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, stopping.told)
    yield
    # Not put back: whoever serves us puts back what was there before it.


class _Stopping:
    """What a process does when it is told to stop; told so twice, it ends at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server: Any) -> None:
        self._loop = loop
        self._server = server
        self._told = False

    def told(self, number: int, _: FrameType | None) -> None:
        """The signal's handler, which may interrupt anything: it takes no lock."""
        if self._told:
            os._exit(128 + number)
        self._told = True
        self._loop.call_soon_threadsafe(self._begin, number)

    def _begin(self, number: int) -> None:
        resources.answers().close()
        threading.Thread(target=self._stop, args=(number,), name="stopping", daemon=True).start()

    def _stop(self, number: int) -> None:
        patience = _patience()
        if _drain(patience) and patience:
            time.sleep(FAREWELL)
        self._loop.call_soon_threadsafe(self._end, number)
        time.sleep(LAST_SECONDS)
        log.warning("the server did not end by itself")
        os._exit(128 + number)

    def _end(self, number: int) -> None:
        if callable(self._server):
            self._server(number, None)
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


def _patience() -> float:
    try:
        return resources.settings().serving.drain
    except SettingError:
        return Serving.drain


def _drain(seconds: float) -> int:
    """Let the running answers come to their end; returns how many there were."""
    answers = resources.answers()
    answers.close()
    if running := len(answers):
        log.info("stopping", extra=told(running=running, patience=seconds))
        left = answers.drain(seconds)
        log.info("stopped", extra=told(running=running, interrupted=left))
    return running
