"""Top of a page: scripts and links are in every HTML page, allowed by the policy, and never in another response."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.file_util import get_static_dir

from lib.config.auth import AccessSettings
from lib.ui.auth import sign_in_html
from lib.ui.server import page_head_middleware
from lib.ui.server.csp_middleware import SecurityHeadersMiddleware
from lib.ui.server.page_head_middleware import PageHeadMiddleware

SIGN_IN_PAGE = "<!DOCTYPE html><html><head><title>Ünicode</title></head><body>" + "x" * 2000 + "</body></html>"
PAGE = SIGN_IN_PAGE.replace("</head>", '<script type="module" src="./static/js/index.js"></script></head>')
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
        Route("/unknown", lambda request: HTMLResponse(PAGE + request.url.query)),
        Route("/base/unknown", lambda _: HTMLResponse(PAGE)),
        Route("/sign-in/page", lambda _: HTMLResponse(SIGN_IN_PAGE)),
        Route("/auth/{path:path}", serve_page),
        Route("/static/{path:path}", serve_page),
        Route("/_stcore/{path:path}", serve_page),
        Route("/unknown/{path:path}", serve_page),
        Route("/base/unknown/{path:path}", serve_page),
        Route("/refused", lambda _: HTMLResponse(SIGN_IN_PAGE, 401)),
        Route("/text", lambda _: PlainTextResponse("<head>")),
    ]
    middleware = [Middleware(SecurityHeadersMiddleware), Middleware(PageHeadMiddleware), Middleware(GZipMiddleware)]
    return TestClient(Starlette(routes=routes, middleware=middleware))


@pytest.mark.parametrize(("path", "page"), [("/", PAGE), ("/pieces", PAGE), ("/refused", SIGN_IN_PAGE)])
def test_scripts_are_the_first_of_a_page_and_the_policy_allows_them(client, path, page):
    response = client.get(path, headers=ACCEPT)
    scripts = re.findall(r"<script>(.*?)</script>", response.text, re.DOTALL)
    for script in scripts:
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in response.headers["content-security-policy"]
    assert response.text.startswith("<!DOCTYPE html><html><head><script>")
    added = r"<script>.*?</script>|<link rel=.modulepreload.[^>]*>|<meta name=.antler[^>]*>"
    assert re.sub(added, "", response.text, flags=re.DOTALL) == page
    assert int(response.headers["content-length"]) == len(response.content)
    assert not response.headers.keys() & {"etag", "last-modified", "content-encoding"}


def test_other_responses_and_requests_are_passed_on(client):
    assert client.get("/text", headers=ACCEPT).text == "<head>"
    assert client.get("/", headers={"accept": "*/*"}).text == PAGE
    assert client.get("/", headers={**ACCEPT, "accept": "*/*"}).status_code == 304
    assert client.get("/missing", headers=ACCEPT).status_code == 404
    assert client.head("/", headers={"accept": "text/html"}).text == ""


@pytest.mark.parametrize("nested", ["/unknown/a", "/unknown/a/b/c", "/unknown//a%2Fb"])
def test_a_nested_address_leads_to_the_page_above_it_where_relative_links_hold(client, nested):
    response = client.get(f"http://testserver{nested}?q=1", headers=ACCEPT)
    assert [(first.status_code, first.headers["cache-control"]) for first in response.history] == [(302, "no-cache")]
    assert response.url == "http://testserver/unknown?q=1"
    assert response.text.endswith("q=1")


def test_a_page_of_a_nested_app_and_other_files_are_not_redirected(client, monkeypatch):
    for path in ("/static/js/a.js", "/auth/a/b", "/_stcore/a/b", "/sign-in/page"):
        assert client.get(path, headers=ACCEPT).history == []
    assert client.get("/unknown/a", headers={"accept": "*/*"}).history == []
    monkeypatch.setattr(sign_in_html.st, "get_option", lambda _: "base")
    assert client.get("/base/unknown", headers=ACCEPT).history == []
    assert client.get("/base/unknown/a/b", headers=ACCEPT).url == "http://testserver/base/unknown"


def test_modules_are_linked_that_streamlit_has(client):
    head = client.get("/", headers=ACCEPT).text
    linked = re.findall(r'<link rel="modulepreload" crossorigin href="\./(static/js/([\w-]+)\.[^"]+)">', head)
    (idle,) = re.findall(r'<meta name="antler-idle-modules" content="([^"]+)">', head)
    assert {name for _, name in linked} >= set(page_head_middleware._ELEMENTS)
    paths = [Path(get_static_dir()) / path for path in (*(path for path, _ in linked), *idle.split(" "))]
    assert all(path.is_file() for path in paths)
    assert tuple(path.name.partition(".")[0] for path in paths[len(linked) :]) == page_head_middleware._IDLE_MODULES


@pytest.mark.parametrize(("mode", "has_identity"), [("local", True), ("viewers", True), ("proxy", False)])
def test_an_identity_is_created_only_where_browsers_are_users(client, monkeypatch, mode, has_identity):
    access = replace(AccessSettings(), mode=mode)
    monkeypatch.setattr(page_head_middleware.resources, "settings", lambda: SimpleNamespace(access=access))
    assert ("antlerIdentity" in client.get("/", headers=ACCEPT).text) is has_identity


def test_a_page_to_sign_in_has_the_theme_alone(client):
    text = client.get("/refused", headers=ACCEPT).text
    assert "antlerTheme" in text
    assert "antlerIdentity" not in text
    assert "modulepreload" not in text
