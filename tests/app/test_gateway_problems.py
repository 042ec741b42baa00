"""A gateway that cannot serve is reported before the first question: on the page, in the log, and as not ready."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from lib.ui.server import health
from tests.app.chat_app import ChatApp
from tests.support.app_server import free_port
from tests.support.replay import JSON, Canned

HTML = {"Content-Type": "text/html"}
WEB_PAGE = Canned(b"<!doctype html><title>Welcome</title>", headers=HTML)
REFUSAL = b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
REFUSED_KEY = Canned(REFUSAL, 401, JSON)
REFUSED_WITH_200 = Canned(REFUSAL, headers=JSON)
MODELS = Canned(b'{"data": [{"id": "m-one"}]}', headers=JSON)

# The response to the list of models, the code, words on the page, and whether the server counts as ready.
FAULTS: dict[str, tuple[Canned, str, str, bool]] = {
    "wrong key": (REFUSED_KEY, "key_refused", "rejected the API key", True),
    "wrong key with status 200": (REFUSED_WITH_200, "key_refused", "rejected the API key", True),
    "web page": (WEB_PAGE, "unreadable", "such as a web page", True),
    "web page with an error status": (Canned(WEB_PAGE.body, 502, HTML), "gateway_down", "not working", True),
}


def read_until(is_reached: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
    """Return status and body of the readiness check in the first state that is waited for."""
    deadline = time.monotonic() + 60
    while True:
        response = asyncio.run(health.ready(Request({"type": "http"})))
        body = json.loads(response.body)
        if is_reached(body):
            return response.status_code, body
        assert time.monotonic() < deadline, body
        time.sleep(0.02)


def check(caplog, code: str, words: str, *, is_ready: bool) -> None:
    chat = ChatApp(model="m-one", wire="openai").wait_for(words)
    assert chat.questions == []
    status, body = read_until(lambda body: "problems" in body and body["database"])
    assert (status, body) == (
        200 if is_ready else 503,
        {
            "ready": is_ready,
            "open": True,
            "database": True,
            "gateway": False,
            "degraded": is_ready,
            "problems": {"gateway": code},
        },
    )
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text for text in warnings if "gateway" in text] == [
        text for text in warnings if f"does not list its models: {code}" in text
    ]
    assert len([text for text in warnings if "gateway" in text]) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_gateway_that_responds_otherwise_degrades_the_server(keyed, caplog, fault):
    response, code, words, is_ready = FAULTS[fault]
    keyed.serve("/v1/models", response)
    check(caplog, code, words, is_ready=is_ready)


@pytest.mark.parametrize("fault", ["connection refused", "unknown name"])
def test_a_gateway_that_is_not_reached_makes_the_server_unready(keyed, environ, caplog, fault):
    if fault == "unknown name":
        lookup = socket.getaddrinfo

        def look_up(host, *args, **options):
            if host == "gateway.example":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return lookup(host, *args, **options)

        environ.setattr(socket, "getaddrinfo", look_up)
        environ.setenv("DEERAPI_BASE_URL", "http://gateway.example")
    else:
        environ.setenv("DEERAPI_BASE_URL", f"http://127.0.0.1:{free_port()}")
    check(caplog, "unreachable", "The gateway cannot be reached", is_ready=False)


@pytest.mark.parametrize("response", [MODELS, Canned(b"{}", 404, JSON), Canned(b"{}", 429, JSON)])
def test_a_gateway_without_a_list_or_with_too_many_requests_is_ready(keyed, response):
    keyed.serve("/v1/models", response)
    status, body = read_until(lambda body: body["database"] and body["gateway"])
    assert (status, body) == (200, {"ready": True, "open": True, "database": True, "gateway": True})
