"""Authentication of every route of a running server, over HTTP and the websocket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lib.config.auth import user_from_claims
from lib.storage.store import Store
from lib.ui.auth import password, sign_in_html
from tests.app.http_client import ask
from tests.support.app_server import AppServer

PASSWORD, SECRET, COOKIE_SECRET = "correct horse", "0123456789abcdef", "c" * 32
SETTINGS = {
    "password": {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD},
    "proxy": {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET},
    "oidc": {"ANTLER_ACCESS": "oidc", "ANTLER_ALLOW": "@example.org"},
}
SECRETS = f"""[auth]
redirect_uri = "http://127.0.0.1:1/oauth2callback"
cookie_secret = "{COOKIE_SECRET}"
client_id = "antler"
client_secret = "none"
server_metadata_url = "http://127.0.0.1:1/.well-known/openid-configuration"
"""
FILE_PATHS = [
    ("GET", "/media/0a1b.png"),
    ("HEAD", "/media/0a1b.png"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("DELETE", "/_stcore/upload_file/session/file"),
    ("GET", "/component/antler/index.html"),
    ("GET", "/_stcore/bidi-components/antler/index.js"),
    ("GET", "/_stcore/script-health-check"),
    ("POST", "/_stcore/agent/interact"),
    ("GET", "/_stcore/agent/openapi.json"),
    ("GET", "/app/static/antler.svg"),
]
# Paths of the page itself, public in the mode whose page has the sign-in button (st.login).
PAGE_PATHS = [("GET", "/"), ("GET", "/settings"), ("GET", "/shared?s=abc"), ("GET", "/_stcore/host-config")]
REFUSAL_STATUS = {"password": 401, "proxy": 403, "oidc": 401}


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> Iterator[dict[str, AppServer]]:
    servers: dict[str, AppServer] = {}
    for mode, settings in SETTINGS.items():
        folder = tmp_path_factory.mktemp(mode)
        servers[mode] = AppServer(folder, settings, SECRETS if mode == "oidc" else "")
    yield servers
    for app in servers.values():
        app.close()


def claims(**changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "is_logged_in": True,
        "iss": "https://id.example",
        "sub": "7",
        "iat": now - 60,
        "exp": now + 3600,
        "email": "ann@example.org",
        "email_verified": True,
        "origin": "http://127.0.0.1:1",
        **changes,
    }


def cookie(secret: str = COOKIE_SECRET, **changes: object) -> str:
    """Return the cookie that Streamlit sets after a sign-in."""
    value = create_signed_value(secret, "_streamlit_user", json.dumps(claims(**changes)))
    return f"_streamlit_user={value.decode()}"


def valid_headers(mode: str) -> dict[str, str]:
    return {
        "password": {"Cookie": f"{password.COOKIE_NAME}={password.create_cookie(PASSWORD)}"},
        "proxy": {"X_Antler_Proxy": SECRET, "X_Forwarded_Email": "ann@example.org"},
        "oidc": {"Cookie": cookie()},
    }[mode]


INVALID_HEADERS = [
    ("password", {}),
    ("password", {"Cookie": f"{password.COOKIE_NAME}={password.create_cookie('battery staple')}"}),
    ("password", {"Cookie": f"{password.COOKIE_NAME}=IjAi.aaaa.bbbb"}),
    ("password", {"X_Antler_Proxy": SECRET, "X_Forwarded_Email": "ann@example.org"}),
    ("proxy", {}),
    ("proxy", {"X_Forwarded_Email": "ann@example.org"}),
    ("proxy", {"X_Antler_Proxy": "x" * 16, "X_Forwarded_Email": "ann@example.org"}),
    ("proxy", {"X_Antler_Proxy": SECRET}),
    ("oidc", {}),
    ("oidc", {"Cookie": cookie("d" * 32)}),
    ("oidc", {"Cookie": cookie(email="eve@example.com")}),
    ("oidc", {"Cookie": cookie(email_verified=False)}),
    ("oidc", {"Cookie": cookie(exp=1)}),
    ("oidc", {"Cookie": cookie(is_logged_in=False)}),
    ("oidc", {"X_Forwarded_Email": "ann@example.org"}),
]


@pytest.mark.parametrize(("mode", "headers"), INVALID_HEADERS)
def test_no_file_is_served_without_a_sign_in(apps, mode, headers):
    app = apps[mode]
    for method, path in FILE_PATHS if mode == "oidc" else [*FILE_PATHS, *PAGE_PATHS, ("GET", "/static/js/index.js")]:
        response = ask(app, path, method, **headers)
        assert (response.status, response.headers["cache-control"]) == (REFUSAL_STATUS[mode], "no-store"), path
        assert "content-security-policy" in response.headers


@pytest.mark.parametrize("mode", SETTINGS)
def test_signed_in_users_reach_files_and_pages(apps, mode):
    for method, path in FILE_PATHS:
        response = ask(apps[mode], path, method, **valid_headers(mode))
        assert "Sign in first" not in response.text
        assert response.status != 401, path
    for _, path in PAGE_PATHS:
        assert ask(apps[mode], path, Accept="text/html", **valid_headers(mode)).status == 200


@pytest.mark.parametrize("mode", SETTINGS)
@pytest.mark.parametrize("path", ["//media/0a1b.png", "/%6dedia/0a1b.png", "/static/../media/0a1b.png"])
def test_another_spelling_of_a_path_opens_no_file(apps, mode, path):
    response = ask(apps[mode], path)
    assert response.status in (REFUSAL_STATUS[mode], 400, 403, 404) or "<title>Streamlit" in response.text


@pytest.mark.parametrize("mode", SETTINGS)
def test_the_health_endpoint_needs_no_sign_in(apps, mode):
    assert ask(apps[mode], "/_stcore/health").status == 200


def test_with_oidc_the_shell_of_the_page_is_public(apps):
    for _, path in PAGE_PATHS:
        assert ask(apps["oidc"], path, Accept="text/html").status == 200


def open_websocket(app: AppServer, **headers: str) -> ClientConnection:
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    address = f"{app.url.replace('http', 'ws')}/_stcore/stream"
    return connect(address, origin=app.url, subprotocols=["streamlit"], additional_headers=request_headers)


@pytest.mark.parametrize(("mode", "headers"), [(mode, headers) for mode, headers in INVALID_HEADERS if mode != "oidc"])
def test_no_websocket_is_accepted_without_a_sign_in(apps, mode, headers):
    with pytest.raises(InvalidStatus) as refused:
        open_websocket(apps[mode], **headers)
    assert refused.value.response.status_code == 403


def rerun_message() -> bytes:
    message = BackMsg()
    message.rerun_script.query_string = ""
    return message.SerializeToString()


@pytest.mark.parametrize("mode", SETTINGS)
def test_a_websocket_is_accepted_from_a_signed_in_user(apps, mode):
    with open_websocket(apps[mode], **valid_headers(mode)) as websocket:
        websocket.send(rerun_message())
        assert websocket.recv(timeout=60)


def test_a_revocation_closes_the_websocket_before_any_callback_runs(apps):
    app = apps["oidc"]
    with (
        open_websocket(app, Cookie=cookie(sub="8")) as revoked,
        open_websocket(app, Cookie=cookie(sub="9")) as other,
    ):
        revoked.send(rerun_message())
        assert revoked.recv(timeout=60)
        store = Store(f"sqlite:///{app.folder}/data/antler.db")
        store.users.sign_out_everywhere(user_from_claims(claims(sub="8")).id, time.time())
        store.close()
        revoked.send(rerun_message())
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                revoked.recv(timeout=60)
        assert closed.value.rcvd.code == 1008
        other.send(rerun_message())
        assert other.recv(timeout=60)
    assert ask(app, "/media/0a1b.png", Cookie=cookie(sub="8")).status == 401
    assert ask(app, "/media/0a1b.png", Cookie=cookie(sub="9")).status == 404
    assert ask(app, "/media/0a1b.png", Cookie=cookie(sub="8", iat=int(time.time()) + 1)).status == 404


def test_a_client_without_its_session_gets_a_new_page(apps):
    address = f"{apps['oidc'].url.replace('http', 'ws')}/_stcore/stream"
    with connect(address, origin=apps["oidc"].url, subprotocols=["streamlit", "xsrf", "0123-session"]) as websocket:
        # The client sends no message.
        assert websocket.recv(timeout=60)


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [("", "/media/a", "/media/a"), ("chat", "/chat/media/a", "/media/a"), ("/chat/", "/chatter", "/chatter")],
)
def test_paths_are_relative_to_the_base_path(monkeypatch, base, path, expected):
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": base}.get)
    assert sign_in_html.path_below_base({"path": path}) == expected


def test_no_secret_is_in_a_log(apps):
    for app in apps.values():
        log = app.log.read_text(encoding="utf-8")
        assert not [secret for secret in (PASSWORD, SECRET, COOKIE_SECRET) if secret in log]
