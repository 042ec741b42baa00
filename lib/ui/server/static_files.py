"""Scripts and style sheets of Streamlit's page, from memory and compressed.

Streamlit reads each from the disk for each request and sends it as it is: two and a half megabytes for a first visit.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.config import auth
from lib.ui.auth.sign_in_html import path_below_base
from lib.ui.server import streamlit_private

KEPT = "public, immutable, max-age=31536000"  # for a browser: a name changes with its content
MAX_BYTES = 2_000_000  # of a file in memory: larger ones are charts and maps
_PREFIX = "/static/"
_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}


class MemoryFile:
    """The content of a file, and its compressed form."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self.body = body
        self._media_type = media_type

    @cached_property
    def compressed(self) -> bytes:
        """The content in gzip, made when it is asked for first."""
        return gzip.compress(self.body, compresslevel=6, mtime=0)

    async def respond(self, scope: Scope, cache_control: str = KEPT) -> Response:
        """Return the response to a request: compressed, unless the browser cannot read it or is on this machine."""
        headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        if not _is_compressed_for(HTTPConnection(scope)):
            return Response(self.body, 200, headers, self._media_type)
        # The compression of the largest takes a tenth of a second.
        body = await run_in_threadpool(lambda: self.compressed)
        return Response(body, 200, {**headers, "Content-Encoding": "gzip"}, self._media_type)


def _is_compressed_for(connection: HTTPConnection) -> bool:
    headers, client = connection.headers, connection.client
    is_local = auth.is_local_request(client.host if client else "", headers.get)
    return "gzip" in headers.get("accept-encoding", "") and not is_local


class StaticFilesMiddleware:
    """ASGI middleware that serves the scripts and style sheets of Streamlit's page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files: dict[str, MemoryFile] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = await self._find(scope) if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") else None
        if file is None:
            await self._app(scope, receive, send)
        else:
            response = await file.respond(scope)
            await response(scope, receive, send)

    async def _find(self, scope: Scope) -> MemoryFile | None:
        path = path_below_base(scope)
        if path not in self._files and (source := _list_sources().get(path)):
            self._files[path] = MemoryFile(await run_in_threadpool(source.read_bytes), _MEDIA_TYPES[source.suffix])
        return self._files.get(path)


@cache
def _list_sources() -> Mapping[str, Path]:
    """Return the files by their paths below the page."""
    folder = streamlit_private.static_folder()
    sources = (path for suffix in _MEDIA_TYPES for path in folder.rglob(f"*{suffix}"))
    return {_PREFIX + path.relative_to(folder).as_posix(): path for path in sources if path.stat().st_size <= MAX_BYTES}
