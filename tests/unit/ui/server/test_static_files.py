"""Files of Streamlit's page from memory: the same as Streamlit sends, compressed for browsers elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes

from lib.ui.server import static_files, streamlit_private

FOLDER = streamlit_private.static_folder()
LOCAL = {"base_url": "http://127.0.0.1:8501", "client": ("127.0.0.1", 50_000)}
REMOTE = {"base_url": "http://antler.example.org", "client": ("192.0.2.7", 50_000)}


def build_client(**options) -> TestClient:
    routes = [Route("/{path:path}", lambda request: PlainTextResponse(f"other {request.url.path}"))]
    middleware = [Middleware(static_files.StaticFilesMiddleware)]
    return TestClient(Starlette(routes=routes, middleware=middleware), **options)


def find_path(pattern: str) -> str:
    path = next(path for path in sorted(FOLDER.glob(pattern)) if path.stat().st_size <= static_files.MAX_BYTES)
    return f"/static/{path.relative_to(FOLDER).as_posix()}"


def content_of(path: str) -> bytes:
    return (FOLDER / path.removeprefix("/static/")).read_bytes()


@pytest.mark.parametrize("pattern", ["js/index.*.js", "css/index.*.css"])
def test_a_file_is_sent_as_streamlit_sends_it(pattern):
    path = find_path(pattern)
    original = TestClient(Starlette(routes=create_streamlit_static_assets_routes(None)), **LOCAL).get(path)
    response = build_client(**LOCAL).get(path)
    assert response.content == original.content == content_of(path)
    for name in ("cache-control", "content-type"):
        assert response.headers[name] == original.headers[name]
    assert "content-encoding" not in response.headers


def test_a_file_is_compressed_for_a_browser_elsewhere_that_can_read_it():
    path = find_path("js/index.*.js")
    size = len(content_of(path))
    proxied = {"X-Forwarded-For": "192.0.2.7"}
    for options, headers, is_compressed in (
        (REMOTE, {"Accept-Encoding": "gzip, br"}, True),
        (REMOTE, {"Accept-Encoding": "br"}, False),
        (LOCAL, {"Accept-Encoding": "gzip"} | proxied, True),
        (LOCAL, {"Accept-Encoding": "gzip"}, False),
    ):
        response = build_client(**options).get(path, headers=headers)
        assert response.content == content_of(path)
        assert response.headers["vary"] == "Accept-Encoding"
        assert response.headers.get("content-encoding") == ("gzip" if is_compressed else None)
        assert (int(response.headers["content-length"]) < 0.4 * size) == is_compressed


@pytest.mark.parametrize(
    "path", ["/", "/static/", "/static/js/none.js", "/static/../index.html", "/js/index.js", "/static/js"]
)
def test_other_requests_are_passed_on(path):
    assert build_client(**LOCAL).get(path).text.startswith("other ")


def test_other_methods_and_large_files_are_passed_on():
    client, path = build_client(**LOCAL), find_path("js/index.*.js")
    assert client.post(path).status_code == 405
    assert client.head(path).headers["content-length"] == str(len(content_of(path)))
    large = [path for path in FOLDER.glob("js/*.js") if path.stat().st_size > static_files.MAX_BYTES]
    assert client.get(f"/static/js/{large[0].name}").text.startswith("other ")


def test_a_file_is_read_once(monkeypatch):
    client, path = build_client(**LOCAL), find_path("js/index.*.js")
    expected = client.get(path).content
    monkeypatch.setattr(Path, "read_bytes", None)
    assert client.get(path).content == expected
