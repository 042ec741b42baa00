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

from lib.config.log_setup import log_fields
from lib.config.settings import ServerSettings
from lib.core.errors import SettingError
from lib.ui.session import resources
from lib.ui.text import translate

log = logging.getLogger(__name__)

FINAL_RENDER_SECONDS = 2.0  # seconds in which pages paint the end of their answers before they are cut off
EXIT_TIMEOUT = 10.0  # that the server may take to end by itself after that
_RETRY_AFTER = 2  # seconds after which a page that was turned away tries again by itself


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """From the server's start to its end: whatever that is, answers that still run are interrupted."""
    with _handle_sigterm(asyncio.get_running_loop()):
        try:
            yield
        finally:
            await asyncio.to_thread(_drain_generations, 0.0)


class DrainMiddleware:
    """ASGI middleware that, once the process is to stop, lets no page in: a balancer then asks another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        new = scope["type"] == "websocket" or (scope["type"] == "http" and _is_page_request(scope))
        if not new or not resources.generations().is_shutting_down:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _unavailable_response(scope)(scope, receive, send)
        else:
            await WebSocket(scope, receive, send).send_denial_response(Response(status_code=503))


def _is_page_request(scope: Scope) -> bool:
    """Whether somebody opens a page; what open pages still load is let through."""
    return scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")


def _unavailable_response(scope: Scope) -> Response:
    language = Headers(scope=scope).get("accept-language", "").lower()
    words = translate("zh" if language.startswith("zh") else "en", "closing.page")
    again = {"Retry-After": str(_RETRY_AFTER), "Refresh": str(_RETRY_AFTER), "Cache-Control": "no-store"}
    return HTMLResponse(f"<!doctype html><title>Antler</title><p>{escape(words)}</p>", 503, again)


@contextmanager
def _handle_sigterm(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Take the server's place as the one who is told to stop, and tell the server when all is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping = _Shutdown(loop, signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, stopping.on_signal)
    yield
    # Not put back: whoever serves us puts back what was there before it.


class _Shutdown:
    """What a process does when it is told to stop; told so twice, it ends at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server_handler: Any) -> None:
        self._loop = loop
        self._server_handler = server_handler
        self._is_signalled = False

    def on_signal(self, signum: int, _: FrameType | None) -> None:
        """The signal's handler, which may interrupt anything: it takes no lock."""
        if self._is_signalled:
            os._exit(128 + signum)
        self._is_signalled = True
        self._loop.call_soon_threadsafe(self._start, signum)

    def _start(self, signum: int) -> None:
        resources.generations().begin_shutdown()
        threading.Thread(target=self._drain_and_exit, args=(signum,), name="stopping", daemon=True).start()

    def _drain_and_exit(self, signum: int) -> None:
        patience = _drain_timeout()
        if _drain_generations(patience) and patience:
            time.sleep(FINAL_RENDER_SECONDS)
        self._loop.call_soon_threadsafe(self._forward_signal, signum)
        time.sleep(EXIT_TIMEOUT)
        log.warning("the server did not end by itself")
        os._exit(128 + signum)

    def _forward_signal(self, signum: int) -> None:
        if callable(self._server_handler):
            self._server_handler(signum, None)
        else:
            signal.signal(signum, signal.SIG_DFL)
            signal.raise_signal(signum)


def _drain_timeout() -> float:
    try:
        return resources.settings().server.drain_seconds
    except SettingError:
        return ServerSettings.drain_seconds


def _drain_generations(timeout: float) -> int:
    """Let the running answers come to their end; returns how many there were."""
    answers = resources.generations()
    answers.begin_shutdown()
    if running := len(answers):
        log.info("stopping", extra=log_fields(running=running, patience=timeout))
        left = answers.drain(timeout)
        log.info("stopped", extra=log_fields(running=running, interrupted=left))
    return running
