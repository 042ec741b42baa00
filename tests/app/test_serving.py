"""Health, readiness, metrics and shutdown of a running server."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from lib.chat.usage.metrics import GAUGES
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


@pytest.fixture
def start_servers(tmp_path) -> Iterator[list[AppServer]]:
    """A list of servers; those that a test adds are closed after it."""
    servers: list[AppServer] = []
    yield servers
    for server in servers:
        server.close()


def test_a_server_is_ready_with_its_database_serves_metrics_locally_and_exits_at_sigterm(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {"ANTLER_DRAIN_SECONDS": "3600"}))
    check_readiness(app)
    check_local_metrics(app)
    app.terminate()
    assert app.wait() == -signal.SIGTERM
    assert "did not end by itself" not in app.log.read_text()


def check_readiness(app: AppServer) -> None:
    assert get(f"{app.url}/health") == (200, "ok")
    wait_until_ready(f"{app.url}/ready")
    database = app.folder / "data/antler.db"
    moved_database = database.rename(database.with_name("elsewhere.db"))
    try:
        wait_until(lambda: get(f"{app.url}/ready")[0] == 503)
        state = json.loads(get(f"{app.url}/ready")[1])
        assert (state["ready"], state["open"], state["database"]) == (False, True, False)
        assert get(f"{app.url}/health")[0] == 200
    finally:
        moved_database.rename(database)
    wait_until_ready(f"{app.url}/ready")


def test_the_endpoints_are_also_below_the_base_path(start_servers, tmp_path):
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": "correct horse"}
    app = AppServer(tmp_path / "below", {**settings, "STREAMLIT_SERVER_BASE_URL_PATH": "/team/chat"})
    start_servers.append(app)
    for base in ("", "/team/chat"):
        assert get(f"{app.url}{base}/health") == (200, "ok")
        wait_until_ready(f"{app.url}{base}/ready")
        assert "antler_answers_running" in get(f"{app.url}{base}/metrics")[1]
    # Everything else needs a sign-in, and Streamlit's metrics follow the rule of the app's.
    assert get(f"{app.url}/team/chat/media/a.png")[0] == 401
    metrics = f"{app.url}/team/chat/_stcore/metrics"
    assert [get(metrics)[0], get(metrics, X_Forwarded_For="10.9.9.9")[0]] == [200, 403]


def wait_until_ready(url: str) -> None:
    """Wait for all checks: each can take longer than the endpoint waits, the first one opens the database."""
    ready = {"ready": True, "open": True, "database": True, "gateway": True}
    wait_until(lambda: json.loads(get(url)[1]) == ready)


def wait_until(condition) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("the condition was not true in time")


def test_an_unreachable_gateway_makes_the_server_unready_and_a_token_shows_metrics(start_servers, tmp_path):
    settings = {
        "DEERAPI_API_KEY": KEY,
        "DEERAPI_BASE_URL": f"http://127.0.0.1:{free_port()}",
        "ANTLER_METRICS_TOKEN": TOKEN,
    }
    start_servers.append(app := AppServer(tmp_path, settings))
    wait_until(lambda: json.loads(get(f"{app.url}/ready")[1])["database"])
    status, body = get(f"{app.url}/ready")
    assert (status, json.loads(body)["gateway"]) == (503, False)
    responses = body + get(f"{app.url}/health")[1] + get(f"{app.url}/metrics", Authorization=f"Bearer {TOKEN}")[1]
    for secret in (KEY, TOKEN, settings["DEERAPI_BASE_URL"], "antler.db", str(tmp_path)):
        assert secret not in responses
    assert KEY not in app.log.read_text() and TOKEN not in app.log.read_text()

    # The token permits remote access to the metrics.
    assert get(f"{app.url}/metrics")[0] == 403
    assert get(f"{app.url}/metrics", Authorization="Bearer é")[0] == 403
    assert get(f"{app.url}/metrics", Authorization=f"Bearer {TOKEN}x")[0] == 403
    remote_headers = {
        "Authorization": f"Bearer {TOKEN}",
        "X-Forwarded-For": "203.0.113.7",
        "Host": "antler.example",
    }
    assert get(f"{app.url}/metrics", **remote_headers)[0] == 200


def check_local_metrics(app: AppServer) -> None:
    status, body = get(f"{app.url}/metrics")
    assert status == 200 and "\nantler_answers_running 0.0\n" in body
    assert {name for name in GAUGES if f"\nantler_{name} " not in body} == set()
    assert "\nantler_gateway_up 1.0\n" in body
    for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"):
        assert get(f"{app.url}/metrics", **{header: "127.0.0.1"})[0] == 403
    assert get(f"{app.url}/metrics", Host="antler.example")[0] == 403
    assert get(f"{app.url}/metrics", Host=f"localhost:{app.port}")[0] == 200


def test_invalid_settings_leave_the_server_healthy_and_unready(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {"DEERAPI_RETRIES": "many", "DEERAPI_API_KEY": KEY}))
    assert get(f"{app.url}/health")[0] == 200
    assert get(f"{app.url}/ready")[0] == 503
    assert get(f"{app.url}/metrics")[0] == 403


def test_an_invalid_secrets_file_is_not_quoted_in_the_log(start_servers, tmp_path):
    start_servers.append(app := AppServer(tmp_path, {}, f"[gateway]\napi_key = {KEY}\n"))
    assert get(f"{app.url}/health")[0] == 200
    log = app.log.read_text()
    assert "Failed to load secrets" in log and KEY not in log
