"""Authentication of every route of a running server, over HTTP and the websocket."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from lib.config.auth import user_from_claims
from lib.storage.store import Store
from lib.ui.auth import oidc, password, sign_in_html
from tests.app.http_client import FILE_PATHS, ask
from tests.app.websocket_client import open_websocket, open_websocket_at, rerun_message
from tests.support.app_server import ServerAddress

Found = TypeVar("Found")
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
# Paths of the page itself, public in the mode whose page has the sign-in button (st.login).
PAGE_PATHS = [("GET", "/"), ("GET", "/settings"), ("GET", "/shared?s=abc"), ("GET", "/_stcore/host-config")]
REFUSAL_STATUS = {"password": 401, "proxy": 403, "oidc": 401}


@pytest.fixture(scope="session")
def apps(server_pool) -> dict[str, ServerAddress]:
    """A server of each mode; all workers share them, so that each test that signs users out has its own."""
    return {
        mode: server_pool.get(f"auth-{mode}", settings, SECRETS if mode == "oidc" else "")
        for mode, settings in SETTINGS.items()
    }


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


@pytest.mark.parametrize(("mode", "headers"), [(mode, headers) for mode, headers in INVALID_HEADERS if mode != "oidc"])
def test_no_websocket_is_accepted_without_a_sign_in(apps, mode, headers):
    with pytest.raises(InvalidStatus) as refused:
        open_websocket(apps[mode], **headers)
    assert refused.value.response.status_code == 403


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


@contextmanager
def open_session(app: ServerAddress, resumes: str = "", **headers: str) -> Iterator[ClientConnection]:
    """Open a websocket that asks to resume a session, and request a run."""
    protocols = ["streamlit", "xsrf", *([resumes] if resumes else [])]
    with open_websocket_at(app.url, *protocols, **headers) as websocket:
        websocket.send(rerun_message())
        yield websocket


def receive_until(websocket: ClientConnection, find: Callable[[ForwardMsg], Found]) -> Found:
    """Return what `find` returns for the first message for which it returns something."""
    while True:
        if found := find(ForwardMsg.FromString(websocket.recv(timeout=60))):
            return found


def session_id(websocket: ClientConnection) -> str:
    return receive_until(websocket, lambda message: message.new_session.initialize.session_id)


def user_headers(mode: str, name: str) -> dict[str, str]:
    """Return the headers of a user: in the mode without accounts, of a browser."""
    return {
        "password": {"Cookie": f"{password.COOKIE_NAME}={password.create_cookie(PASSWORD)}"},
        "proxy": {"X_Antler_Proxy": SECRET, "X_Forwarded_Email": f"{name}@example.org"},
        "oidc": {"Cookie": cookie(sub=name)},
    }[mode]


@pytest.mark.parametrize("mode", SETTINGS)
def test_a_session_is_resumed_by_its_own_user_only(apps, mode):
    ann, bob = user_headers(mode, "ann"), user_headers(mode, "bob")
    with open_session(apps[mode], **ann) as first:
        anns_id = session_id(first)
    with open_session(apps[mode], anns_id, **bob) as stolen:
        assert session_id(stolen) != anns_id
    with open_session(apps[mode], anns_id, **ann) as resumed:
        assert session_id(resumed) == anns_id
        # Also while it is connected.
        with open_session(apps[mode], anns_id, **bob) as stolen:
            assert session_id(stolen) != anns_id


@pytest.mark.parametrize("mode", SETTINGS)
def test_a_page_may_not_send_messages_that_change_the_process(apps, mode):
    message = BackMsg(clear_cache=True)
    app = apps[mode]
    with open_session(app, **user_headers(mode, "carl")) as websocket:
        websocket.send(message.SerializeToString())
        websocket.send(rerun_message())
        receive_until(websocket, lambda message: message.HasField("script_finished"))
    assert "refused: clear_cache" in app.log.read_text(encoding="utf-8")


def test_before_a_sign_in_a_page_may_only_request_runs(apps):
    app = apps["oidc"]
    message = BackMsg()
    message.file_urls_request.file_names.append("a.json")
    with open_session(app) as websocket:
        websocket.send(message.SerializeToString())
        websocket.send(rerun_message())
        receive_until(websocket, lambda message: message.HasField("script_finished"))
    assert "refused: file_urls_request" in app.log.read_text(encoding="utf-8")


def upload(app: ServerAddress, path: str, **headers: str) -> int:
    """Upload a small file as Streamlit's page does, and return the status."""
    xsrf = ask(app, "/_stcore/health").headers["set-cookie"].partition(";")[0]
    cookies = "; ".join(filter(None, (xsrf, headers.pop("Cookie", ""))))
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}\r\n--b--\r\n'
    extra = {"Content_Type": "multipart/form-data; boundary=b", "X_Xsrftoken": xsrf.partition("=")[2]}
    return ask(app, path, "PUT", body, Cookie=cookies, **extra, **headers).status


def upload_without_length(app: ServerAddress, path: str, **headers: str) -> int:
    """Start an upload of unknown size, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("PUT", path, iter([b"x"]), {**named, "Transfer-Encoding": "chunked"}, encode_chunked=True)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("mode", SETTINGS)
def test_uploads_need_a_file_id_that_their_session_was_given(apps, mode):
    app, ann, bob = apps[mode], user_headers(mode, "ann"), user_headers(mode, "bob")
    request = BackMsg()
    request.file_urls_request.file_names.append("a.json")
    with open_session(app, **ann) as websocket:
        anns_id = session_id(websocket)
        websocket.send(request.SerializeToString())
        urls = receive_until(websocket, lambda message: list(message.file_urls_response.file_urls))
        path = urls[0].upload_url
        assert path == f"/_stcore/upload_file/{anns_id}/{urls[0].file_id}"
        unknown = f"/_stcore/upload_file/{anns_id}/another-id"
        assert [upload(app, p, **ann) for p in (path, unknown)] == [204, 403]
        assert upload(app, path, **bob) == 403
        assert upload_without_length(app, path, **ann) == 403
        assert ask(app, path, "DELETE", **bob).status == 403


def test_a_download_is_served_to_its_own_user_only(apps):
    app, ann, bob = apps["proxy"], user_headers("proxy", "ann"), user_headers("proxy", "bob")
    settings, download = BackMsg(), BackMsg()
    settings.rerun_script.page_name = "settings"
    settings.rerun_script.query_string = "tab=data"
    with open_session(app, **ann) as websocket, open_session(app, **bob) as bobs:
        websocket.send(settings.SerializeToString())
        anns_id = session_id(websocket)
        file_id = receive_until(websocket, lambda m: m.delta.new_element.download_button.deferred_file_id)
        download.backend_operation_request.request_id = "r"
        download.backend_operation_request.session_id = anns_id
        download.backend_operation_request.deferred_file.file_id = file_id
        websocket.send(download.SerializeToString())
        path = receive_until(websocket, lambda m: m.backend_operation_response.deferred_file.url)
        assert path.startswith("/media/")
        # A file is deleted once two runs have ended that do not use it.
        for connection in (websocket, websocket, bobs, bobs):
            connection.send(rerun_message())
            receive_until(connection, lambda message: message.HasField("script_finished"))
        assert [ask(app, path, **headers).status for headers in (bob, ann)] == [404, 200]
        assert ask(app, path, "HEAD", **bob).status == 404
        assert ask(app, path.replace("/media/", "/media/../media/"), **bob).status != 200


def test_the_speech_of_a_session_is_served_to_its_own_user_only(apps):
    app, ann, bob = apps["proxy"], user_headers("proxy", "ann"), user_headers("proxy", "bob")

    def address(message: ForwardMsg) -> str:
        found = re.search(r'"url": *"(/speech/[^"]+)"', message.delta.new_element.bidi_component.json)
        return found[1] if found else ""

    with open_session(app, **ann) as websocket, open_session(app, **bob):
        websocket.send(rerun_message())
        path = receive_until(websocket, address)
        assert [ask(app, f"{path}/answer", **headers).status for headers in (bob, ann)] == [404, 200]
        assert [ask(app, path, "DELETE", **headers).status for headers in (bob, ann)] == [404, 204]
        assert ask(app, f"{path}/answer/0", **ann).status == 404


def test_a_get_request_signs_nobody_out(apps):
    signed_in = cookie(sub="dora", iat=int(time.time()) - 5)
    refused = ask(apps["oidc"], "/auth/logout", Cookie=signed_in)
    assert (refused.status, refused.headers["location"], "set-cookie" in refused.headers) == (303, "/", False)
    assert ask(apps["oidc"], "/media/0a1b.png", Cookie=signed_in).status == 404
    password_cookie = valid_headers("password")
    answer = ask(apps["password"], "/signout", **password_cookie)
    assert (answer.status, "set-cookie" in answer.headers) == (303, False)
    assert ask(apps["password"], "/", Accept="text/html", **password_cookie).status == 200


def test_a_sign_out_with_oidc_revokes_the_cookie_and_lets_the_browser_delete_it(apps):
    app, values = apps["oidc"], claims(sub="emma")
    header = create_signed_value(COOKIE_SECRET, "_streamlit_user", json.dumps(values)).decode()
    signed_in = f"_streamlit_user={header}"
    assert ask(app, "/media/0a1b.png", Cookie=signed_in).status == 404
    store = Store(f"sqlite:///{app.folder}/data/antler.db")
    store.sign_ins.revoke(oidc._sign_in_id(values), time.time() + 60)
    store.close()
    assert ask(app, "/media/0a1b.png", Cookie=signed_in).status == 401
    answer = ask(app, "/auth/logout", Cookie=signed_in)
    assert answer.status == 302
    assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize("mode", SETTINGS)
def test_the_metrics_of_streamlit_follow_the_rule_of_the_apps(apps, mode):
    for path in ("/metrics", "/_stcore/metrics"):
        assert ask(apps[mode], path).status == 200
        assert ask(apps[mode], path, X_Forwarded_For="10.9.9.9").status == 403
        assert ask(apps[mode], path, X_Forwarded_For="10.9.9.9", **valid_headers(mode)).status == 403


def test_a_client_without_its_session_gets_a_new_page(apps):
    with open_websocket_at(apps["oidc"].url, "streamlit", "xsrf", "0123-session") as websocket:
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
