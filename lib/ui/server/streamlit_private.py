"""Adapters for the parts of Streamlit that are not public API, and may change with each minor version."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from starlette.datastructures import Headers as HeaderView
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.file_util import get_static_dir
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value, decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

# Routes of Streamlit's that hold data of sessions; `PAGE_SHELL_PATHS` are those that its page needs to load.
DATA_PREFIXES = ("/_stcore/", "/media/", "/component/", "/app/")
PAGE_SHELL_PATHS = frozenset({"/_stcore/stream", "/_stcore/host-config"})
HEALTH_PATH = "/_stcore/health"
METRICS_PATH = "/_stcore/metrics"
MEDIA_PREFIX, UPLOAD_PREFIX = "/media/", "/_stcore/upload_file/"
# Route to which `st.logout` sends the browser, and which deletes the cookie of `st.login`.
SIGN_OUT_PATH = "/auth/logout"
# Message types that a page of this app sends. Left out are those that change the process (clear_cache empties
# the caches of everybody, install_skills writes files, debug_… ends the server) or the developer's options.
RERUN = "rerun_script"
MESSAGE_TYPES = frozenset({RERUN, "stop_script", "app_heartbeat", "file_urls_request", "deferred_file"})

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


@lru_cache(maxsize=1)
def inline_script_digests() -> tuple[str, ...]:
    """Return the digests of the scripts inside of Streamlit's page, as a content security policy names them."""
    page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return tuple(f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in scripts)


def message_type(data: bytes) -> str:
    """Return the type of a message from a client; "" for one that Streamlit cannot read."""
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return ""
    name = message.WhichOneof("type") or ""
    if name == "backend_operation_request":
        return message.backend_operation_request.WhichOneof("payload") or ""
    return str(name)


def resumed_session_id(scope: Mapping[str, Any]) -> str:
    """Return the id of the session that a websocket asks to resume, "" for a new one."""
    subprotocols = HeaderView(raw=scope["headers"]).get("sec-websocket-protocol", "").split(",")
    return subprotocols[2].strip() if len(subprotocols) > 2 else ""


def session_id_in(data: bytes) -> str:
    """Return the id of the session that a message to a client names, "" if it names none."""
    message = ForwardMsg.FromString(data)
    return str(message.new_session.initialize.session_id) if message.HasField("new_session") else ""


def upload_ids_in(data: bytes) -> list[str] | None:
    """Return the file ids of a message to a client that allows uploads; None for another message."""
    message = ForwardMsg.FromString(data)
    if not message.HasField("file_urls_response"):
        return None
    return [file.file_id for file in message.file_urls_response.file_urls]


def download_id_in(data: bytes) -> str | None:
    """Return the media file id of a download that was written when it was clicked; None for another message."""
    message = ForwardMsg.FromString(data)
    if not message.HasField("backend_operation_response"):
        return None
    return media_id_in(str(message.backend_operation_response.deferred_file.url))


def media_id_in(path: str) -> str:
    """Return the file id in the path of a media file, below any base path."""
    return path.rpartition(MEDIA_PREFIX)[2].partition(".")[0]


def sessions_with_media(file_id: str) -> Collection[str]:
    """Return the ids of the sessions whose last script run uses a media file."""
    files_by_session = Runtime.instance().media_file_mgr._files_by_session_and_coord
    return [session_id for session_id, files in files_by_session.copy().items() if file_id in list(files.values())]


def browser_token(cookies: Mapping[str, str]) -> str:
    """Return the secret that Streamlit has given to a browser, "" for a browser without cookies."""
    token, _ = decode_xsrf_token_string(cookies.get(XSRF_COOKIE_NAME, ""))
    return token.hex() if token else ""
