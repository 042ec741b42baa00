"""Top of each page: scripts that run before the first frame, and links to the modules that its first elements need.

The scripts are for the chosen theme, for questions that are sent early, and for the browser's identity. The links in
Streamlit's page are relative, so that it is only sent at the top level; a nested address is redirected there.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.core.errors import SettingError
from lib.ui.auth.browser_id import SECRET_SCRIPT
from lib.ui.auth.sign_in_html import base_path, path_below_base
from lib.ui.browser.component import scripts_by_component
from lib.ui.server import component_scripts, speech, streamlit_private
from lib.ui.session import resources

_SCRIPT = "\n".join(
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in ("theme.js", "held_questions.js", "idle_modules.js")
)
_HEAD, _HEAD_END = b"<head>", b"</head>"
_APP_SCRIPT = b'<script type="module"'  # of Streamlit's page, which a page to sign in does not have
# Headers of a request by which the response could be compressed, a part, or none.
_DROPPED_HEADERS = frozenset({b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range"})

# The elements of the chat page. Streamlit loads the module of each when the first element of its kind arrives, and the
# modules that it needs after that: linked, they are there before.
_ELEMENTS = ("BidiComponent", "Html", "Button", "TextInput", "ImageList", "FileUploader", "ChatInput", "PageLink")
# The components of the chat page, whose scripts are files too.
_COMPONENTS = tuple(
    f"antler.{name}"
    for name in (
        *("language", "keys", "focus", "landmarks", "selected_text", "browser_id", "typed_texts", "answer_status"),
        *("message_tools", "drafts", "model_select", "tray", "prompt_menu", "model_list", "scroll", "list_keys"),
        *("shortcuts", "connection"),
    )
)
# Those of code, formulas and emoji in texts, which a script loads when the page is at rest.
_IDLE_MODULES = ("StreamlitSyntaxHighlighter", "rehype-katex", "remark-emoji")
# Paths that open no page.
_FILE_PREFIXES = (*streamlit_private.DATA_PREFIXES, speech.PREFIX, "/static/", "/auth/")
# The access modes in which a browser is its user.
_MODES_WITH_BROWSERS = ("local", "viewers", "password")

# The digests of the scripts, as a content security policy names them.
SCRIPT_DIGESTS = tuple(
    f"sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}" for script in (_SCRIPT, SECRET_SCRIPT)
)


class PageHeadMiddleware:
    """ASGI middleware that adds scripts and links to the responses to page requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and _accepts_page(scope):
            headers = [(name, value) for name, value in scope["headers"] if name not in _DROPPED_HEADERS]
            sender = _PageSender(scope, receive, send)
            await self._app({**scope, "headers": headers}, receive, sender.send)
        else:
            await self._app(scope, receive, send)


class _PageSender:
    """Sends a response, with scripts and links if it is an HTML page."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
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
        is_app = _APP_SCRIPT in body
        if is_app and (page := _find_page_above(self._scope)):
            response = RedirectResponse(page, 302, {"Cache-Control": "no-cache"})
            await response(self._scope, self._receive, self._send)
            return
        body = body.replace(_HEAD, _HEAD + _build_scripts(is_app=is_app).encode(), 1)
        if is_app:
            body = body.replace(_HEAD_END, _build_links().encode() + _HEAD_END, 1)
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


def _find_page_above(scope: Scope) -> str:
    """Return the path of the page at the top level that a nested path is below, with its query; "" for another path."""
    path = path_below_base(scope)
    name, *nested = path.strip("/").split("/")
    if not nested or path.startswith(_FILE_PREFIXES):
        return ""
    query = scope.get("query_string", b"").decode("latin-1")
    return base_path() + quote(name) + (f"?{query}" if query else "")


def _is_page(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    is_html = headers.get("content-type", "").startswith("text/html")
    return is_html and "content-encoding" not in headers


def _build_scripts(*, is_app: bool) -> str:
    scripts = (_SCRIPT, SECRET_SCRIPT) if is_app and _has_browser_users() else (_SCRIPT,)
    return "".join(f"<script>{script}</script>" for script in scripts)


def _build_links() -> str:
    """Build the links to the modules, which are loaded after those of Streamlit's page itself."""
    scripts = [component_scripts.find_path(name) for name in _COMPONENTS if name in scripts_by_component]
    modules = (*streamlit_private.list_modules(_ELEMENTS), *scripts)
    links = "".join(f'<link rel="modulepreload" crossorigin href="{path}">' for path in modules)
    idle = " ".join(streamlit_private.list_modules(_IDLE_MODULES, with_imports=False))
    return f'{links}<meta name="antler-idle-modules" content="{idle}">'


def _has_browser_users() -> bool:
    try:
        return resources.settings().access.mode in _MODES_WITH_BROWSERS
    except SettingError:
        return False
