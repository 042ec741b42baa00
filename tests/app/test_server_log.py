"""The log of a server as text, with its gateway and its database in the file of secrets."""

from __future__ import annotations

import json

from tests.app.websocket_client import ask, open_websocket
from tests.support.app_server import AppServer
from tests.support.replay import JSON, Canned, Replay, soon

KEY, SECRET, EMAIL = "sk-9f3b7c1d5e8a2046bb7e", "0123456789abcdef", "ann@example.org"
QUESTION = "Nobody-else-may-read-this"
ECHO = json.dumps({"error": {"message": f"wrong key {KEY}", "type": "new_api_error", "code": ""}}).encode()


def test_a_refused_answer_is_logged_as_text_without_secrets(tmp_path):
    with Replay() as gateway:
        gateway.serve("/v1/models", Canned(b'{"data":[{"id":"m-one"}]}', headers=JSON))
        gateway.serve("/v1/chat/completions", Canned(ECHO, 401, {**JSON, "x-request-id": "req-77"}))
        secrets = f'[gateway]\napi_key = " {KEY} "\nbase_url = "{gateway.url}/"\n[storage]\nurl = "sqlite:///x/y.db"\n'
        settings = {
            "ANTLER_ACCESS": "proxy",
            "ANTLER_PROXY_SECRET": SECRET,
            "ANTLER_LOG": "text",
            "DEERAPI_RETRIES": "0",
        }
        app = AppServer(tmp_path, settings, secrets)
        try:
            with open_websocket(app, X_Antler_Proxy=SECRET, X_Forwarded_Email=EMAIL) as websocket:
                ask(websocket, QUESTION, "model=m-one&wire=openai")
                assert soon(lambda: "answer ended" in app.log.read_text(encoding="utf-8"))
            assert gateway.last_request("/v1/chat/completions").headers["authorization"] == f"Bearer {KEY}"
        finally:
            app.close()
    log = app.log.read_text(encoding="utf-8")
    assert "request_id=req-77" in log
    assert not [secret for secret in (KEY, SECRET, QUESTION, EMAIL) if secret in log]
    assert (tmp_path / "x/y.db").exists()
