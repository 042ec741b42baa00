"""HTTP client of the tests: one request to a running server, without following redirects."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass

from tests.support.app_server import AppServer

# Paths of files and data of sessions.
FILE_PATHS = [
    ("GET", "/media/0a1b.png"),
    ("HEAD", "/media/0a1b.png"),
    ("GET", "/speech/token/answer/0"),
    ("DELETE", "/speech/token"),
    ("PUT", "/_stcore/upload_file/session/file"),
    ("DELETE", "/_stcore/upload_file/session/file"),
    ("GET", "/component/antler/index.html"),
    ("GET", "/_stcore/bidi-components/antler/index.js"),
    ("GET", "/_stcore/script-health-check"),
    ("POST", "/_stcore/agent/interact"),
    ("GET", "/_stcore/agent/openapi.json"),
    ("GET", "/app/static/antler.svg"),
]


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    text: str


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirect handler that follows no redirect."""

    def redirect_request(self, *_):
        return None


def ask(app: AppServer, path: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(app.url + path, data, named, method=method)
    try:
        answer = urllib.request.build_opener(NoRedirect).open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        response_headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, response_headers, answer.read().decode("utf-8", "replace"))
