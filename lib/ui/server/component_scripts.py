"""Scripts of components as files that the browser keeps: Streamlit would send each again with a change of its data."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache, cached_property

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.ui.auth.sign_in_html import path_below_base
from lib.ui.browser.component import scripts_by_component
from lib.ui.server import streamlit_private

_KEPT = "public, immutable, max-age=31536000"


@dataclass(frozen=True)
class _File:
    name: str
    body: bytes

    @cached_property
    def compressed(self) -> bytes:
        """The body in gzip, made when a browser asks for it: a page needs the names of all files first."""
        return gzip.compress(self.body, mtime=0)


def link_scripts() -> None:
    """Let the browser load the scripts of all components as files."""
    streamlit_private.link_component_scripts(find_file_name)


def find_file_name(component: str) -> str | None:
    """Return the name of the file with the script of a component, which changes with it; None for other components."""
    return _build_file(component).name if component in scripts_by_component else None


def find_path(component: str) -> str:
    """Return the path of the script of a component, below the page."""
    return f".{streamlit_private.COMPONENTS_PREFIX}{component}/{_build_file(component).name}"


class ComponentScriptsMiddleware:
    """ASGI middleware that serves the scripts, to everybody: they hold no data, and pages to sign in need some.

    A name of another version gets the script of this one: during an update, a page may be that of another process.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        component, name = _requested_file(scope)
        if component not in scripts_by_component:
            await self._app(scope, receive, send)
            return
        file, is_compressed = _build_file(component), "gzip" in Headers(scope=scope).get("accept-encoding", "")
        headers = {"Cache-Control": _KEPT if name == file.name else "no-cache", "Vary": "Accept-Encoding"}
        if is_compressed:
            headers["Content-Encoding"] = "gzip"
        response = Response(file.compressed if is_compressed else file.body, 200, headers, "text/javascript")
        await response(scope, receive, send)


def _requested_file(scope: Scope) -> tuple[str, str]:
    """Return the component and the file that are requested; "" for any other request."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return "", ""
    path = path_below_base(scope)
    if not path.startswith(streamlit_private.COMPONENTS_PREFIX):
        return "", ""
    component, _, name = path.removeprefix(streamlit_private.COMPONENTS_PREFIX).partition("/")
    return component, name


@cache
def _build_file(component: str) -> _File:
    body = scripts_by_component[component].encode()
    return _File(f"{hashlib.sha256(body).hexdigest()[:16]}.js", body)
