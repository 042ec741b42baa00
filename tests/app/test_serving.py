"""Health, readiness, metrics and shutdown of a running server."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.app_server import AppServer, free_port

KEY = "sk-9f3b7c1d5e8a2046bb7e"
TOKEN = "t-5577c1d5e8a20"


def get(url: str, **headers: str) -> tuple[int, str]:
    """Return the status and the body."""
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=request_headers), timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[AppServer]:
    server = AppServer(tmp_path_factory.mktemp("served"), {})
    yield server
    server.close()


@pytest.fixture
def start_servers(tmp_path) -> Iterator[list[AppServer]]:
    """A list of servers; those that a test adds are closed after it."""
    servers: list[AppServer] = []
    yield servers
    for server in servers:
        server.close()


def test_a_working_server_is_healthy_and_ready(app):
    assert get(f"{app.url}/health") == (200, "ok")
    # The first check opens the database, which can take longer than the endpoint waits.
    wait_until(lambda: get(f"{app.url}/ready")[0] == 200)
    status, body = get(f"{app.url}/ready")
    assert (status, json.loads(body)) == (
        200,
        {"ready": True, "open": True, "database": True, "gateway": True},
    )


def test_the_endpoints_are_also_below_the_base_path(start_servers, tmp_path):
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse"}
    app = AppServer(tmp_path / "below", {**settings, "STREAMLIT_SERVER_BASE_URL_PATH": "/team/chat"})
    start_servers.append(app)
    for base in ("", "/team/chat"):
        assert get(f"{app.url}{base}/health") == (200, "ok")
        wait_until(lambda url=f"{app.url}{base}/ready": get(url)[0] == 200)
        assert json.loads(get(f"{app.url}{base}/ready")[1])["database"] is True
        assert "antler_answers_running" in get(f"{app.url}{base}/metrics")[1]
    # Everything else needs a sign-in, and Streamlit's metrics follow the rule of the app's.
    assert get(f"{app.url}/team/chat/media/a.png")[0] == 401
    metrics = f"{app.url}/team/chat/_stcore/metrics"
    assert [get(metrics)[0], get(metrics, X_Forwarded_For="10.9.9.9")[0]] == [200, 403]


def test_readiness_follows_the_database(app):
    assert get(f"{app.url}/ready")[0] == 200
    database = app.folder / "data/antler.db"
    moved_database = database.rename(database.with_name("elsewhere.db"))
    try:
        wait_until(lambda: get(f"{app.url}/ready")[0] == 503)
        assert json.loads(get(f"{app.url}/ready")[1]) | {"gateway": True} == {
            "ready": False,
            "open": True,
            "database": False,
            "gateway": True,
        }
        assert get(f"{app.url}/health")[0] == 200
    finally:
        moved_database.rename(database)
    wait_until(lambda: get(f"{app.url}/ready")[0] == 200)


def wait_until(condition) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition was not true in time")


def test_an_unreachable_gateway_makes_the_server_unready_without_details(start_servers, tmp_path):
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "ANTLER_METRICS_TOKEN": TOKEN,
    }
    start_servers.append(app := AppServer(tmp_path, settings))
    status, body = get(f"{app.url}/ready")
    assert (status, json.loads(body)["gateway"], json.loads(body)["database"]) == (503, False, True)
    responses = body + get(f"{app.url}/health")[1] + get(f"{app.url}/metrics", Authorization=f"Bearer {TOKEN}")[1]
    for secret in (KEY, TOKEN, settings["DEERAPI_BASE_URL"], "antler.db", str(tmp_path)):
        assert secret not in responses
    assert KEY not in app.log.read_text() and TOKEN not in app.log.read_text()


def test_metrics_are_served_to_local_requests_only(app):
    status, body = get(f"{app.url}/metrics")
    assert status == 200 and "\nantler_answers_running 0.0\n" in body
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert get(f"{app.url}/metrics", **{header: "127.0.0.1"})[0] == 403
    assert get(f"{app.url}/metrics", Host="antler.example")[0] == 403
    assert get(f"{app.url}/metrics", Host=f"localhost:{app.port}")[0] == 200


def test_a_token_permits_remote_access_to_metrics(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {"ANTLER_METRICS_TOKEN": TOKEN}))
    assert get(f"{app.url}/metrics")[0] == 403
    assert get(f"{app.url}/metrics", Authorization="Bearer é")[0] == 403
    assert get(f"{app.url}/metrics", Authorization=f"Bearer {TOKEN}x")[0] == 403
    remote_headers = {
        "Authorization": f"Bearer {TOKEN}",
        "X-Forwarded-For": "203.0.113.7",
        "Host": "antler.example",
    }
    assert get(f"{app.url}/metrics", **remote_headers)[0] == 200


def test_invalid_settings_leave_the_server_healthy_and_unready(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {"DEERAPI_RETRIES": "many", "DEERAPI_API_KEY": KEY}))
    assert get(f"{app.url}/health")[0] == 200
    assert get(f"{app.url}/ready")[0] == 503
    assert get(f"{app.url}/metrics")[0] == 403


def test_an_invalid_secrets_file_is_not_quoted_in_the_log(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {}, secrets=f"[gateway]\napi_key = {KEY}\n"))
    assert get(f"{app.url}/health")[0] == 200
    log = app.log.read_text()
    assert "Failed to load secrets" in log and KEY not in log


def test_an_idle_server_exits_at_sigterm(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {"ANTLER_DRAIN_SECONDS": "3600"}))
    app.terminate()
    assert app.wait() == -signal.SIGTERM
    assert "did not end by itself" not in app.log.read_text()
    assert Path(app.folder).exists()
