"""A running server as a program asks it: one request, its answer, no redirection followed."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass

from tests.support.app_server import AppServer


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection."""

    def redirect_request(self, *_):
        return None


def ask(app: AppServer, path: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(app.url + path, data, named, method=method)
    try:
        answer = urllib.request.build_opener(Stay).open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, answer.read().decode("utf-8", "replace"))
