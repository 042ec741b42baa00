"""Theme middleware: the script is in every HTML page, allowed by the policy, and never in another response."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lib.ui.server.csp_middleware import SecurityHeadersMiddleware
from lib.ui.server.theme_middleware import ThemeMiddleware

PAGE = "<!DOCTYPE html><html><head><title>Ünicode</title></head><body>" + "x" * 2000 + "</body></html>"
ACCEPT = {"accept": "text/html,*/*", "accept-encoding": "gzip", "if-none-match": '"e"', "range": "bytes=0-9"}


def serve_page(request) -> Response:
    if "if-none-match" in request.headers or "range" in request.headers:
        return Response(status_code=304)
    headers = {"etag": '"e"', "last-modified": "Sun, 29 Nov 2026 00:00:00 GMT", "cache-control": "no-cache"}
    return HTMLResponse(PAGE, headers=headers)


def serve_pieces(_request) -> Response:
    return StreamingResponse((PAGE[start : start + 5] for start in range(0, len(PAGE), 5)), media_type="text/html")


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/", serve_page),
        Route("/pieces", serve_pieces),
        Route("/refused", lambda _: HTMLResponse(PAGE, 401)),
        Route("/text", lambda _: PlainTextResponse("<head>")),
    ]
    middleware = [Middleware(SecurityHeadersMiddleware), Middleware(ThemeMiddleware), Middleware(GZipMiddleware)]
    return TestClient(Starlette(routes=routes, middleware=middleware))


@pytest.mark.parametrize("path", ["/", "/pieces", "/refused"])
def test_the_script_is_the_first_of_a_page_and_the_policy_allows_it(client, path):
    response = client.get(path, headers=ACCEPT)
    (script,) = re.findall(r"<head><script>(.*?)</script>", response.text, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in response.headers["content-security-policy"]
    assert response.text.replace(f"<script>{script}</script>", "") == PAGE
    assert int(response.headers["content-length"]) == len(response.content)
    assert not response.headers.keys() & {"etag", "last-modified", "content-encoding"}


def test_other_responses_and_requests_are_passed_on(client):
    assert client.get("/text", headers=ACCEPT).text == "<head>"
    assert client.get("/", headers={"accept": "*/*"}).text == PAGE
    assert client.get("/", headers={**ACCEPT, "accept": "*/*"}).status_code == 304
    assert client.get("/missing", headers=ACCEPT).status_code == 404
    assert client.head("/", headers={"accept": "text/html"}).text == ""
