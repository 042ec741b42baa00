"""Graceful shutdown: no new answers, running answers are drained, then the process exits."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from types import FrameType
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from lib.config.log_setup import log_fields
from lib.config.settings import ServerSettings
from lib.core.errors import SettingError
from lib.ui.server.auth_middleware import is_page_request
from lib.ui.session import resources
from lib.ui.text.i18n import language_from_header, translate

log = logging.getLogger(__name__)

FINAL_RENDER_SECONDS = 2.0  # seconds in which pages render the end of their answers
EXIT_TIMEOUT = 10.0  # seconds after which a server that does not exit is ended
_RETRY_AFTER = 2  # seconds after which a refused page tries again


class DrainMiddleware:
    """ASGI middleware that refuses new pages during a shutdown; a load balancer then asks another replica."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_new_client = scope["type"] == "websocket" or (scope["type"] == "http" and is_page_request(scope))
        if not is_new_client or not resources.generations().is_shutting_down:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _unavailable_response(scope)(scope, receive, send)
        else:
            await WebSocket(scope, receive, send).send_denial_response(Response(status_code=503))


def _unavailable_response(scope: Scope) -> Response:
    language = language_from_header(Headers(scope=scope).get("accept-language", ""))
    message = escape(translate(language, "closing.page"))
    headers = {"Retry-After": str(_RETRY_AFTER), "Refresh": str(_RETRY_AFTER), "Cache-Control": "no-store"}
    return HTMLResponse(f"<!doctype html><title>Antler</title><p>{message}</p>", 503, headers)


@contextmanager
def handle_sigterm(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Handle SIGTERM in place of the server, and pass it on after the drain."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping = _Shutdown(loop, signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, stopping.on_signal)
    yield
    # The handler is not restored: the server restores the one from before its own.


class _Shutdown:
    """Shutdown after the first SIGTERM; a second one exits at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server_handler: Any) -> None:
        self._loop = loop
        self._server_handler = server_handler
        self._is_signalled = False

    def on_signal(self, signum: int, _: FrameType | None) -> None:
        """Handle the signal, without a lock: it can interrupt any code."""
        if self._is_signalled:
            os._exit(128 + signum)
        self._is_signalled = True
        self._loop.call_soon_threadsafe(self._start, signum)

    def _start(self, signum: int) -> None:
        resources.generations().begin_shutdown()
        threading.Thread(target=self._drain_and_exit, args=(signum,), name="shutdown", daemon=True).start()

    def _drain_and_exit(self, signum: int) -> None:
        timeout = _drain_timeout()
        if drain_generations(timeout) and timeout:
            time.sleep(FINAL_RENDER_SECONDS)
        self._loop.call_soon_threadsafe(self._forward_signal, signum)
        time.sleep(EXIT_TIMEOUT)
        log.warning("the server did not exit by itself")
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


def drain_generations(timeout: float) -> int:
    """Wait for running answers at most `timeout` seconds, then interrupt them; return how many there were."""
    registry = resources.generations()
    registry.begin_shutdown()
    if running := len(registry):
        log.info("stopping", extra=log_fields(running=running, patience=timeout))
        interrupted = registry.drain(timeout)
        log.info("stopped", extra=log_fields(running=running, interrupted=interrupted))
    return running
