"""Private parts of Streamlit that Antler relies on: each test names the feature that breaks without one."""

from __future__ import annotations

import importlib
import inspect
import re
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.file_util import get_static_dir
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.runtime import media_file_manager
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import ScriptRunner
from streamlit.testing.v1 import AppTest
from streamlit.web.server.starlette import starlette_routes, starlette_websocket
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value, generate_xsrf_token_string

from lib.ui.server import streamlit_private
from tests.support.script_messages import list_elements

COOKIE_SECRET = "c" * 32
# Module, name, parameters, and the feature that uses it.
NAMES = [
    ("streamlit.auth_util", "get_cookie_with_chunks", ["get_single_cookie_fn", "cookie_name"], "OIDC cookie"),
    ("streamlit.web.server.server_util", "get_cookie_secret", [], "OIDC cookie"),
    ("streamlit.web.server.server_util", "AUTH_COOKIE_NAME", None, "OIDC cookie"),
    (
        "streamlit.web.server.starlette.starlette_app_utils",
        "decode_signed_value",
        ["secret", "name", "value", "max_age_days"],
        "OIDC cookie",
    ),
    ("streamlit.runtime.pages_manager", "PagesManager", None, "sidebar after a restart"),
    ("streamlit.proto.BackMsg_pb2", "BackMsg", None, "page of a client whose session was dropped"),
    ("streamlit.proto.ForwardMsg_pb2", "ForwardMsg", None, "owners of sessions, uploads and downloads"),
    ("streamlit.web.server.starlette.starlette_app_utils", "decode_xsrf_token_string", ["cookie_value"], "browsers"),
    ("streamlit.web.server.starlette.starlette_server_config", "XSRF_COOKIE_NAME", None, "browsers"),
    ("streamlit.runtime", "Runtime", None, "owners of media"),
    ("streamlit.components.v2.component_registry", "BidiComponentDefinition", None, "scripts that browsers keep"),
    ("streamlit.runtime.context", "_get_client_context", None, "headers and cookies in page tests"),
]


def test_the_streamlit_version_is_the_tested_one():
    assert version("streamlit").startswith("1.67."), (
        "run all tests, then change the bound in requirements.txt and this test"
    )


@pytest.mark.parametrize(("module", "name", "parameters", "feature"), NAMES, ids=[row[1] for row in NAMES])
def test_a_private_name_exists(module, name, parameters, feature):
    value = getattr(importlib.import_module(module), name, None)
    assert value is not None, f"{module}.{name} does not exist: {feature} is broken"
    if parameters is not None:
        signature = list(inspect.signature(value).parameters)
        assert signature == parameters, f"{module}.{name} has other parameters: {feature} is broken"


def test_the_pages_directory_is_disabled_by_a_class_attribute():
    assert "uses_pages_directory" in vars(PagesManager), "pages/ would run without app.py after a restart"
    original = PagesManager.uses_pages_directory
    try:
        streamlit_private.disable_pages_directory()
        assert PagesManager.uses_pages_directory is False
    finally:
        PagesManager.uses_pages_directory = original


@pytest.mark.parametrize("size", [10, 9000])
def test_the_sign_in_cookie_is_read_completely_or_rejected(monkeypatch, size):
    monkeypatch.setattr(streamlit_private, "get_cookie_secret", lambda: COOKIE_SECRET)
    name, chunks = streamlit_private.AUTH_COOKIE_NAME, [b"a" * 3000] * (size // 3000)
    values = {name: f"chunks-{len(chunks)}".encode()} if chunks else {name: b"a" * size}
    values |= {f"{name}_{number}": chunk for number, chunk in enumerate(chunks, 1)}
    cookies = {key: create_signed_value(COOKIE_SECRET, key, value).decode() for key, value in values.items()}
    content = streamlit_private.read_auth_cookie(cookies)
    assert content == b"a" * size, "OIDC: the middleware cannot read the cookie of st.login"
    assert streamlit_private.read_auth_cookie({}) is None
    forged = {key: create_signed_value("d" * 32, key, value).decode() for key, value in values.items()}
    assert streamlit_private.read_auth_cookie(forged) is None


def test_a_rerun_message_requests_a_run():
    message = BackMsg.FromString(streamlit_private.rerun_message())
    assert message.WhichOneof("type") == "rerun_script", "a client without a session keeps its old page"


def test_the_session_to_resume_is_the_third_subprotocol():
    headers = [(b"host", b"a"), (b"sec-websocket-protocol", b"streamlit, xsrf, 0123-session")]
    scope = streamlit_private.without_session_id({"type": "websocket", "headers": headers})
    assert scope["headers"] == [(b"host", b"a"), (b"sec-websocket-protocol", b"streamlit, xsrf")]
    with_session = {"sec-websocket-protocol": "streamlit, xsrf, 0123-session"}
    assert starlette_websocket._parse_subprotocols(with_session)[2] == "0123-session", (
        "a signed-out client could resume the session of another user"
    )


def test_the_routes_that_hold_data_have_the_prefixes_that_are_protected():
    routes = {f"/{path}" for name, path in vars(starlette_routes).items() if name.startswith(("ROUTE_", "_ROUTE_"))}
    open_routes = {path for path in routes if not path.startswith(streamlit_private.DATA_PREFIXES)}
    assert open_routes == set(), "files of a session would be served without a sign-in"
    assert {streamlit_private.HEALTH_PATH, "/_stcore/host-config"} <= routes


def test_media_are_looked_up_by_the_session_that_uses_them(monkeypatch):
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(streamlit_private.Runtime, "instance", lambda: SimpleNamespace(media_file_mgr=manager))
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: "ann")
    path = manager.add(b"picture", "image/png", "0.1")
    file_id = streamlit_private.media_id_in(path)
    assert list(streamlit_private.sessions_with_media(file_id)) == ["ann"]
    assert list(streamlit_private.sessions_with_media("other")) == []
    manager.clear_session_refs("ann")
    assert list(streamlit_private.sessions_with_media(file_id)) == []


def test_a_download_outlives_the_runs_of_all_sessions(monkeypatch):
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(streamlit_private.Runtime, "instance", lambda: SimpleNamespace(media_file_mgr=manager))
    monkeypatch.setattr(media_file_manager, "_get_session_id", lambda: "ann")
    button = manager.add_deferred(lambda: b"text", "text/plain", "0.1", file_name="a.txt")
    file_id = streamlit_private.media_id_in(manager.execute_deferred(button))
    keys = [streamlit_private.keep_download(file_id) for _ in range(2)]
    manager.clear_session_refs("ann")
    for key in keys:
        for _ in range(3):
            manager.remove_orphaned_files()
        assert manager.read_file(file_id), "a download fails while sessions run"
        assert list(streamlit_private.sessions_with_media(file_id)) != ["ann"]
        streamlit_private.release_download(key)
    for _ in range(3):
        manager.remove_orphaned_files()
    assert manager.read_file(file_id) is None


def test_a_browser_is_known_by_its_token_in_any_mask():
    token = b"0123456789abcdef"
    cookies = [{"_streamlit_xsrf": generate_xsrf_token_string(token, 1_700_000_000)} for _ in range(2)]
    assert cookies[0] != cookies[1]
    assert [streamlit_private.browser_token(cookie) for cookie in cookies] == [token.hex()] * 2
    assert [streamlit_private.browser_token(cookie) for cookie in ({}, {"_streamlit_xsrf": "2|x"})] == ["", ""]


STREAM = """
import streamlit as st
from lib.ui.server.streamlit_private import StreamSlot

class Source:
    is_done = False

source, box = Source(), st.container()
slot = StreamSlot(lambda: box, None)
slot.write_stream(iter(["**a", " b", " c"]), source)
source.is_done = True
slot.write_stream(iter(["**a** d"]), source)
box.markdown("e")
assert slot.text == "**a** d"
"""


def test_a_stream_keeps_its_place_and_stays_open_until_its_source_is_done():
    sent = list_elements(STREAM)
    shown = [
        (message.delta.new_element.markdown.body, message.delta.new_element.markdown.unterminated_parsing)
        for message in sent
    ]
    growing = [("**a", True), ("**a b", True), ("**a b c", True)]
    assert shown == [*growing, ("**a** d", True), ("**a** d", False), ("e", False)]
    # What an element returns is its child: a place that moves there costs more with each frame.
    places = [tuple(message.metadata.delta_path) for message in sent]
    assert len(set(places[:5])) == 1 and places[5] != places[0]


def test_a_frame_of_a_growing_text_differs_from_that_of_streamlit_by_its_text_alone():
    first, second, third = list_elements(STREAM)[:3]
    assert second.hash not in ("", first.hash, third.hash), "the browser leaves an element with the same hash as it is"
    assert not second.metadata.cacheable
    second.delta.new_element.markdown.body, second.hash = first.delta.new_element.markdown.body, first.hash
    assert second == first


def test_a_run_that_shows_nothing_new_can_be_interrupted(monkeypatch):
    def count_checks(line: str) -> int:
        checks.clear()
        at = AppTest.from_string(f"from lib.ui.server.streamlit_private import check_interrupted\n{line}").run()
        assert not at.exception
        return len(checks)

    checks: list[ScriptRunner] = []
    monkeypatch.setattr(ScriptRunner, "_maybe_handle_execution_control_request", lambda run: checks.append(run))
    assert count_checks("check_interrupted()") == count_checks("pass") + 1


def test_the_page_takes_its_theme_from_the_color_scheme_of_the_browser():
    folder = Path(get_static_dir())
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("<head>") == 1, "the theme: the script at the top of the page has no place"
    scripts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.js")]
    asks = re.compile(r"window\.matchMedia\(.\(prefers-color-scheme: dark\).\)")
    listeners = [script for script in scripts if asks.search(script) and "addEventListener(`change`" in script]
    assert any(asks.search(script) for script in scripts), "the theme: Streamlit asks the browser in another way"
    assert listeners, "the theme: Streamlit does not follow a change without a reload"
    assert any("stActiveTheme" in script for script in scripts), "the theme: a choice that Streamlit stores would win"


def test_a_style_sheet_is_sent_as_streamlit_sends_it():
    def sent_by(call: str) -> bytes:
        script = f"import streamlit as st\nfrom lib.ui.server import streamlit_private\n{call}"
        at = AppTest.from_string(script, default_timeout=60).run()
        return bytes(at._tree.get("html")[0].proto.SerializeToString())

    css = "p { color: red }\n\n/* a */ b > i { top: 0 }"
    assert sent_by(f"streamlit_private.render_style_sheet({css!r})") == sent_by(f"st.html({f'<style>{css}</style>'!r})")
