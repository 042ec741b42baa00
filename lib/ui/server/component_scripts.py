"""Scripts of components as files that the browser keeps: Streamlit would send each again with a change of its data."""

from __future__ import annotations

import hashlib
from functools import cache

from starlette.types import ASGIApp, Receive, Scope, Send

from lib.ui.auth.sign_in_html import path_below_base
from lib.ui.browser.component import scripts_by_component
from lib.ui.server import static_files, streamlit_private
from lib.ui.server.static_files import MemoryFile


def link_scripts() -> None:
    """Let the browser load the scripts of all components as files."""
    streamlit_private.link_component_scripts(find_file_name)


def find_file_name(component: str) -> str | None:
    """Return the name of the file with the script of a component, which changes with it; None for other components."""
    return _build_name(component) if component in scripts_by_component else None


def find_path(component: str) -> str:
    """Return the path of the script of a component, below the page."""
    return f".{streamlit_private.COMPONENTS_PREFIX}{component}/{_build_name(component)}"


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
        is_current = name == find_file_name(component)
        response = await _build_file(component).respond(scope, static_files.KEPT if is_current else "no-cache")
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
def _build_file(component: str) -> MemoryFile:
    return MemoryFile(scripts_by_component[component].encode(), "text/javascript")


@cache
def _build_name(component: str) -> str:
    return f"{hashlib.sha256(_build_file(component).body).hexdigest()[:16]}.js"
