"""Content security policy: same-origin websockets, and hosts that must not change the policy."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from lib.ui.server import csp_middleware
from lib.ui.server.csp_middleware import SecurityHeadersMiddleware, content_security_policy


def connect_sources(policy: str) -> list[str]:
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    return directives["connect-src"].split()


@pytest.mark.parametrize("host", ["antler.example.org", "localhost:8501", "127.0.0.1:80", "[::1]:8501"])
def test_websockets_of_the_requests_own_host_are_allowed(host):
    # Safari before 15.4 does not match them with 'self'.
    assert connect_sources(content_security_policy(host)) == [
        "'self'",
        "blob:",
        f"ws://{host}",
        f"wss://{host}",
    ]


@pytest.mark.parametrize("host", ["", "*", "a.org; script-src *", "a.org evil.org", "a.org\n", "a.org/path"])
def test_an_invalid_host_is_left_out_of_the_policy(host):
    assert connect_sources(content_security_policy(host)) == ["'self'", "blob:"]


def test_every_response_has_the_policy_of_its_host():
    app = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse("ok"))],
        middleware=[Middleware(SecurityHeadersMiddleware)],
    )
    headers = TestClient(app, base_url="http://chat.example.org").get("/").headers
    assert headers["content-security-policy"] == content_security_policy("chat.example.org")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_a_pdf_may_be_shown_by_the_viewer_of_the_browser_and_load_nothing():
    app = Starlette(
        routes=[Route("/media/a.pdf", lambda _: Response(b"%PDF-1.7", media_type="application/pdf"))],
        middleware=[Middleware(SecurityHeadersMiddleware)],
    )
    policy = TestClient(app).get("/media/a.pdf").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "object-src 'self'" in policy and "frame-ancestors 'none'" in policy


def test_the_policy_is_as_tight_as_streamlit_allows(monkeypatch):
    directives = dict(directive.split(" ", 1) for directive in content_security_policy("a.org").split("; "))
    scripts = directives.pop("script-src").split()
    # One inline script is in the page of the tested version, two are this program's; nothing may be evaluated.
    assert scripts[:2] == ["'self'", "blob:"]
    assert [source[:8] for source in scripts[2:]] == ["'sha256-"] * 3
    assert directives == {
        "default-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "style-src": "'self' 'unsafe-inline'",
        "connect-src": "'self' blob: ws://a.org wss://a.org",
        "frame-src": "'none'",
        "frame-ancestors": "'none'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
    }
    monkeypatch.setattr(csp_middleware.resources, "host", lambda: SimpleNamespace(is_community_cloud=True))
    assert "frame-ancestors 'self' https://*.streamlit.app https://share.streamlit.io" in content_security_policy(
        "a.org"
    )
