"""Adapters for the parts of Streamlit that are not public API, and may change with each minor version."""

from __future__ import annotations

import hashlib
import re
import uuid
from asyncio import AbstractEventLoop
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, cast

from google.protobuf.message import DecodeError
from starlette.datastructures import Headers as HeaderView
from streamlit import dataframe_util
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.components.v2.component_registry import BidiComponentDefinition
from streamlit.delta_generator import DeltaGenerator
from streamlit.delta_generator_singletons import get_dg_singleton_instance
from streamlit.elements.lib import image_utils
from streamlit.elements.lib.layout_utils import LayoutConfig
from streamlit.file_util import get_static_dir
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Html_pb2 import Html
from streamlit.proto.Markdown_pb2 import Markdown
from streamlit.proto.TextAlignmentConfig_pb2 import TextAlignmentConfig
from streamlit.runtime import Runtime, websocket_session_manager
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import enqueue_message
from streamlit.web.server.server_util import AUTH_COOKIE_NAME, get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value, decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

# Routes of Streamlit's that hold data of sessions; `PAGE_SHELL_PATHS` are those that its page needs to load.
DATA_PREFIXES = ("/_stcore/", "/media/", "/component/", "/app/")
PAGE_SHELL_PATHS = frozenset({"/_stcore/stream", "/_stcore/host-config"})
HEALTH_PATH = "/_stcore/health"
METRICS_PATH = "/_stcore/metrics"
COMPONENTS_PREFIX = "/_stcore/bidi-components/"
MEDIA_PREFIX, UPLOAD_PREFIX = "/media/", "/_stcore/upload_file/"
_DOWNLOADS = "downloads"  # in place of a session, whose runs would end the references to its files
# Route to which `st.logout` sends the browser, and which deletes the cookie of `st.login`.
SIGN_OUT_PATH = "/auth/logout"
# Message types that a page of this app sends. Left out are those that change the process (clear_cache empties
# the caches of everybody, install_skills writes files, debug_… ends the server) or the developer's options.
RERUN = "rerun_script"
MESSAGE_TYPES = frozenset({RERUN, "stop_script", "app_heartbeat", "file_urls_request", "deferred_file"})

Headers = list[tuple[bytes, bytes]]
# An import of another module of Streamlit's page, as its build writes it.
_MODULE_IMPORT = re.compile(r"""\b(?:from|import)"\./([\w.-]+\.js)\"""")


def disable_pages_directory() -> None:
    """Keep Streamlit from running a file in pages/ without app.py until the first `st.navigation`.

    Clients that reconnect after a restart would otherwise lose the sidebar.
    """
    PagesManager.uses_pages_directory = False


def use_script_loops(new_loop: Callable[[], AbstractEventLoop]) -> None:
    """Give each session an event loop of another kind for its scripts."""

    class Session(AppSession):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._script_event_loop.close()
            self._script_event_loop = new_loop()

    module: Any = websocket_session_manager
    module.AppSession = Session


def load_data_frames() -> None:
    """Load the libraries of data frames, as the first chart or table does."""
    dataframe_util.is_dataframe_like({})


def static_folder() -> Path:
    """Return the folder of the files below /static/."""
    return Path(get_static_dir()) / "static"


def load_image_libraries() -> None:
    """Load the libraries of images, as `st.set_page_config` does for any icon."""
    image_utils.image_to_url("data:,", LayoutConfig(width="stretch"), False, "RGB", "auto", "")


def render_style_sheet(css: str) -> None:
    """Send a style sheet as `st.html` does, which first searches it for tags, in each run."""
    get_dg_singleton_instance().event_dg._enqueue("html", Html(body=f"<style>{css}</style>"))


class StreamSource(Protocol):
    """The source of the frames of a text."""

    is_done: bool


class StreamSlot:
    """A place for the text of `st.write_stream`, which empties its place before the first text and closes it at each
    end: here what was there before stays until a text replaces it, and a text that is not finished stays open.

    `slot` is the element to replace, or None to append one to the container that `open_container` returns.
    """

    def __init__(self, open_container: Callable[[], DeltaGenerator], slot: DeltaGenerator | None) -> None:
        self._open_container = open_container
        self._source: StreamSource | None = None
        self.slot = slot
        self.text = ""

    def write_stream(self, frames: Iterator[str], source: StreamSource) -> None:
        """Show a growing text; its `source` is done when nothing will follow the last frame."""
        self._source = source
        # Of any iterable but a tuple, Streamlit finds out by twenty questions that it is no data frame.
        DeltaGenerator.write_stream(cast(DeltaGenerator, self), tuple(frames))

    @property
    def dg(self) -> StreamSlot:
        return self

    def empty(self) -> StreamSlot:
        return self

    def _markdown(self, text: str, *, unterminated_parsing: bool = False) -> None:
        self.text = text
        if unterminated_parsing and self.slot and self.slot._cursor:
            _replace_growing_text(self.slot._cursor.delta_path, text)
            return
        shown = (self.slot or self._open_container())._markdown(text, unterminated_parsing=unterminated_parsing)
        # What an element returns is its child, and each ancestor costs time: the first one names the place for good.
        self.slot = self.slot or shown

    def markdown(self, text: str) -> None:
        if self._source and self._source.is_done:
            self._markdown(text)


def _build_growing_text() -> ForwardMsg:
    """Build the message of a growing text as `st.write_stream` sends it, without its place and text."""
    message = ForwardMsg()
    message.delta.new_element.text_alignment_config.alignment = TextAlignmentConfig.LEFT
    markdown = message.delta.new_element.markdown
    markdown.element_type, markdown.unterminated_parsing, markdown.wrap = Markdown.Type.NATIVE, True, True
    return message


_GROWING_TEXT = _build_growing_text()


def _replace_growing_text(delta_path: Sequence[int], text: str) -> None:
    """Send a text without outer indents in place of an element.

    Streamlit's own way reads the text of each frame several times, and makes an object for an element that is there.
    """
    message = ForwardMsg()
    message.CopyFrom(_GROWING_TEXT)
    message.metadata.delta_path[:] = delta_path
    message.delta.new_element.markdown.body = text.strip()
    # The browser leaves an element with the same hash as it is. Without one, Streamlit computes it from the whole
    # message, and lets the browser keep each frame of a long text.
    message.hash = f"{hash(text):x}"
    enqueue_message(message)


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


@lru_cache(maxsize=2)
def list_modules(names: tuple[str, ...], *, with_imports: bool = True) -> tuple[str, ...]:
    """Return the paths of modules of Streamlit's page by their names, such as an element's, and of those they import.

    Left out are those that the page links itself, and names that this version of Streamlit does not have.
    """
    folder = Path(get_static_dir())
    page, modules = (folder / "index.html").read_text(encoding="utf-8"), static_folder() / "js"
    found: dict[str, None] = {}
    waiting = [path.name for name in names for path in sorted(modules.glob(f"{name}.*.js"))]
    for name in waiting:  # which grows
        if name not in found and name not in page and (modules / name).is_file():
            found[name] = None
            if with_imports:
                waiting += _MODULE_IMPORT.findall((modules / name).read_text(encoding="utf-8"))
    return tuple(f"./static/js/{name}" for name in found)


def link_component_scripts(find_file_name: Callable[[str], str | None]) -> None:
    """Let the browser load the scripts of components from COMPONENTS_PREFIX, component name and file name.

    Those without a file name are sent with each message for the component, as Streamlit does it with all.
    """
    definition_class: Any = BidiComponentDefinition
    contents, url = definition_class.js_content.fget, definition_class.js_url.fget

    def read_contents(definition: BidiComponentDefinition) -> str | None:
        return None if find_file_name(definition.name) else contents(definition)

    def find_url(definition: BidiComponentDefinition) -> str | None:
        return find_file_name(definition.name) or url(definition)

    definition_class.js_content, definition_class.js_url = property(read_contents), property(find_url)


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


def keep_download(file_id: str) -> str:
    """Keep a file that was written when it was clicked. Returns a key for `release_download`.

    A session's own reference to a file ends when its next run begins, which may be a moment later; then the second run
    that ends in any session deletes the file, maybe before the browser has asked for it.
    """
    manager, key = Runtime.instance().media_file_mgr, uuid.uuid4().hex
    with manager._lock:
        manager._files_by_session_and_coord[_DOWNLOADS][key] = file_id
    return key


def release_download(key: str) -> None:
    """Let a kept file be deleted."""
    manager = Runtime.instance().media_file_mgr
    with manager._lock:
        manager._files_by_session_and_coord[_DOWNLOADS].pop(key, None)


def sessions_with_media(file_id: str) -> Collection[str]:
    """Return the ids of the sessions whose last script run uses a media file."""
    files_by_session = Runtime.instance().media_file_mgr._files_by_session_and_coord
    return [session_id for session_id, files in files_by_session.copy().items() if file_id in list(files.values())]


def add_media(data: bytes, media_type: str, coordinates: str) -> str:
    """Return the path of a media file that only this session's client can request, until a run does not add it again.

    `coordinates` name its place on the page.
    """
    return str(Runtime.instance().media_file_mgr.add(data, media_type, coordinates)) if Runtime.exists() else ""


def count_sessions() -> tuple[int, int]:
    """Return the number of sessions with an open page, and of those that a page may resume."""
    if not Runtime.exists():
        return 0, 0
    manager = Runtime.instance()._session_mgr
    connected = manager.num_active_sessions()
    return connected, manager.num_sessions() - connected


def close_session(session_id: str) -> None:
    """Release a session that no page is connected to. On the event loop."""
    if Runtime.exists() and not Runtime.instance().is_active_session(session_id):
        Runtime.instance().close_session(session_id)


def expire_sessions() -> None:
    """Release sessions that no page can resume any more; Streamlit waits for the next page. On the event loop."""
    if Runtime.exists():
        manager: Any = Runtime.instance()._session_mgr
        manager._session_storage._cache.expire()


def check_interrupted() -> None:
    """Let Streamlit end this run if there was a click, a navigation or a disconnect.

    It checks that at every element and at every access to the session state, which costs much more.
    """
    if context := get_script_run_ctx():
        context.yield_check()


def current_session_id() -> str:
    """Return the id of the session that this script run belongs to, "" outside of a run."""
    context = get_script_run_ctx()
    return str(context.session_id) if context else ""


def browser_token(cookies: Mapping[str, str]) -> str:
    """Return the secret that Streamlit has given to a browser, "" for a browser without cookies."""
    token, _ = decode_xsrf_token_string(cookies.get(XSRF_COOKIE_NAME, ""))
    return token.hex() if token else ""


def remove_uploads(file_ids: Collection[str]) -> None:
    """Free the memory of uploads of this session, which Streamlit keeps until the session ends."""
    context = get_script_run_ctx()
    if context is None or not isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        return
    for file_id in file_ids:
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)
