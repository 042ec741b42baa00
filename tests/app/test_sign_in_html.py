"""Password form over HTTP: its cookie, its redirect and the rate limit of attempts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.app.http_client import Response, ask
from tests.support.app_server import AppServer

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[AppServer]:
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD}
    running = AppServer(tmp_path_factory.mktemp("password"), settings)
    yield running
    running.close()


def submit(app: AppServer, password: str, return_path: str = "", **headers: str) -> Response:
    form = urlencode({"password": password, "wanted": return_path}).encode()
    return ask(app, "/signin", "POST", form, Accept="text/html", **headers)


def test_the_right_password_redirects_to_the_requested_page(app):
    asked = ask(app, '/shared?s=a&"<b>', Accept="text/html")
    assert asked.status == 401
    assert 'value="shared?s=a&amp;&quot;&lt;b&gt;"' in asked.text
    assert "Everyone uses the same password" in asked.text
    wrong = submit(app, "wrong horse")
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    assert "Wrong password" in wrong.text
    opened = submit(app, PASSWORD, "shared?s=a")
    assert (opened.status, opened.headers["location"]) == (303, "/shared?s=a")
    given = opened.headers["set-cookie"]
    assert re.search(r"(?i)httponly", given) and re.search(r"(?i)samesite=lax", given)
    assert not re.search(r"(?i)secure", given)
    assert PASSWORD not in given
    value = given.partition(";")[0]
    assert ask(app, "/", Accept="text/html", Cookie=value).status == 200
    out = ask(app, "/signout", Cookie=value)
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (303, True)
    assert re.search(r"(?i)secure", submit(app, PASSWORD, X_Forwarded_Proto="https").headers["set-cookie"])


@pytest.mark.parametrize(
    "return_path", ["//evil.example/", "\\\\evil.example", "/\t/evil.example", "https://evil.example"]
)
def test_the_redirect_stays_on_this_server(app, return_path):
    location = submit(app, PASSWORD, return_path).headers["location"]
    assert re.match(r"/(?![/\\\s])", location)


def test_the_form_is_in_the_browsers_language(app):
    answer = ask(app, "/", Accept="text/html", Accept_Language="zh-CN,zh;q=0.9")
    assert "密码" in answer.text


def test_throttled_attempts_affect_one_address_only(app):
    for _ in range(10):
        assert submit(app, "wrong horse", X_Forwarded_For="10.9.9.9").status == 401
    late = submit(app, PASSWORD, X_Forwarded_For="10.9.9.9")
    assert (late.status, "Try again in 10 min" in late.text, "set-cookie" in late.headers) == (
        429,
        True,
        False,
    )
    assert submit(app, PASSWORD, X_Forwarded_For="10.9.9.8").status == 303


def test_a_form_of_any_size_gets_a_response(app):
    assert submit(app, "x" * 100_000, X_Forwarded_For="10.9.9.7").status == 401
    assert ask(app, "/signin", "POST", b"\xff%ff=&&", X_Forwarded_For="10.9.9.7").status == 401


def test_no_password_is_in_the_log(app):
    submit(app, "wrong horse", X_Forwarded_For="10.9.9.6")
    log = app.log.read_text(encoding="utf-8")
    assert not [word for word in (PASSWORD, "wrong horse") if word in log]
