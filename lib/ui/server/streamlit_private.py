"""Adapters for the parts of Streamlit that are not public API, and may change with each minor version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

# Routes of Streamlit's that hold data of sessions; `PAGE_SHELL_PATHS` are those that its page needs to load.
DATA_PREFIXES = ("/_stcore/", "/media/", "/component/", "/app/")
PAGE_SHELL_PATHS = frozenset({"/_stcore/stream", "/_stcore/host-config"})
HEALTH_PATH = "/_stcore/health"

Headers = list[tuple[bytes, bytes]]


def disable_pages_directory() -> None:
    """Keep Streamlit from running a file in pages/ without app.py until the first `st.navigation`.

    Clients that reconnect after a restart would otherwise lose the sidebar.
    """
    PagesManager.uses_pages_directory = False


def submitted_chat_input(widget_key: str) -> str:
    """Return the text that this run received from the chat input with that key, also when the session has not
    rendered the input yet and Streamlit will drop the text; "" without one.
    """
    context = get_script_run_ctx()
    if context is None:
        return ""
    for state in context.session_state.get_widget_states():
        if state.id.endswith(f"-{widget_key}") and state.chat_input_value.data:
            return str(state.chat_input_value.data)
    return ""


def read_auth_cookie(cookies: Mapping[str, str]) -> bytes | None:
    """Return the content of the cookie that `st.login` signs; None if it is missing or invalid."""
    secret = get_cookie_secret()

    def read_cookie(name: str) -> bytes | None:
        value = cookies.get(name)
        return decode_signed_value(secret, name, value) if value else None

    return get_cookie_with_chunks(read_cookie, AUTH_COOKIE_NAME)


def rerun_message() -> bytes:
    """A websocket message in which a client requests a run of the script."""
    message = BackMsg()
    message.rerun_script.query_string = ""
    return bytes(message.SerializeToString())


def without_session_id(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ASGI scope of a websocket without the id of the session to resume: its third subprotocol."""
    headers: Headers = [
        (name, b",".join(value.split(b",")[:2]) if name == b"sec-websocket-protocol" else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}
