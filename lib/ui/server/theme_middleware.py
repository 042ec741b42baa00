"""Script at the top of each page, where it runs before the first frame: the chosen theme, and questions sent early."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SCRIPT = "\n".join(
    (Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("theme.js", "held_questions.js")
)
_HEAD = b"<head>"
# Headers of a request by which the response could be compressed, a part, or none.
_DROPPED_HEADERS = frozenset({b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range"})

# The digest of the script, as a content security policy names it.
SCRIPT_DIGEST = f"sha256-{b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}"


class ThemeMiddleware:
    """ASGI middleware that adds the script to the responses to page requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and _accepts_page(scope):
            headers = [(name, value) for name, value in scope["headers"] if name not in _DROPPED_HEADERS]
            await self._app({**scope, "headers": headers}, receive, _PageSender(send).send)
        else:
            await self._app(scope, receive, send)


class _PageSender:
    """Sends a response, with the script if it is an HTML page."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None  # of a page that is not complete yet
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._start, self._body)

    async def _send_page(self, start: Message, body: bytes) -> None:
        body = body.replace(_HEAD, _HEAD + f"<script>{_SCRIPT}</script>".encode(), 1)
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(body))
        # They are those of the file, which does not change with the script.
        for name in ("ETag", "Last-Modified"):
            if name in headers:
                del headers[name]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _accepts_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    is_html = headers.get("content-type", "").startswith("text/html")
    return is_html and "content-encoding" not in headers
