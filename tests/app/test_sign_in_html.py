"""The page that asks for the password, over HTTP: what it sets, where it leads, how often it may be tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.app.asking import Answer, ask
from tests.support.app_server import AppServer

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[AppServer]:
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD}
    running = AppServer(tmp_path_factory.mktemp("password"), settings)
    yield running
    running.close()


def typed(app: AppServer, password: str, wanted: str = "", **headers: str) -> Answer:
    form = urlencode({"password": password, "wanted": wanted}).encode()
    return ask(app, "/signin", "POST", form, Accept="text/html", **headers)


def test_the_password_opens_the_page_that_was_wanted(app):
    asked = ask(app, '/shared?s=a&"<b>', Accept="text/html")
    assert asked.status == 401
    assert 'value="shared?s=a&amp;&quot;&lt;b&gt;"' in asked.text
    assert "Everyone uses the same password" in asked.text
    wrong = typed(app, "wrong horse")
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    assert "Wrong password" in wrong.text
    opened = typed(app, PASSWORD, "shared?s=a")
    assert (opened.status, opened.headers["location"]) == (303, "/shared?s=a")
    given = opened.headers["set-cookie"]
    assert re.search(r"(?i)httponly", given) and re.search(r"(?i)samesite=lax", given)
    assert not re.search(r"(?i)secure", given)
    assert PASSWORD not in given
    value = given.partition(";")[0]
    assert ask(app, "/", Accept="text/html", Cookie=value).status == 200
    out = ask(app, "/signout", Cookie=value)
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (303, True)
    assert re.search(r"(?i)secure", typed(app, PASSWORD, X_Forwarded_Proto="https").headers["set-cookie"])


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "\\\\evil.example", "/\t/evil.example", "https://evil.example"]
)
def test_the_way_on_leads_to_this_server_alone(app, wanted):
    location = typed(app, PASSWORD, wanted).headers["location"]
    assert re.match(r"/(?![/\\\s])", location)


def test_the_page_to_sign_in_speaks_the_browsers_language(app):
    answer = ask(app, "/", Accept="text/html", Accept_Language="zh-CN,zh;q=0.9")
    assert "密码" in answer.text


def test_too_many_tries_make_an_address_wait_and_no_other(app):
    for _ in range(10):
        assert typed(app, "wrong horse", X_Forwarded_For="10.9.9.9").status == 401
    late = typed(app, PASSWORD, X_Forwarded_For="10.9.9.9")
    assert (late.status, "Try again in 10 min" in late.text, "set-cookie" in late.headers) == (
        429,
        True,
        False,
    )
    assert typed(app, PASSWORD, X_Forwarded_For="10.9.9.8").status == 303


def test_a_form_of_any_size_is_answered(app):
    assert typed(app, "x" * 100_000, X_Forwarded_For="10.9.9.7").status == 401
    assert ask(app, "/signin", "POST", b"\xff%ff=&&", X_Forwarded_For="10.9.9.7").status == 401


def test_no_password_is_in_the_log(app):
    typed(app, "wrong horse", X_Forwarded_For="10.9.9.6")
    log = app.log.read_text(encoding="utf-8")
    assert not [word for word in (PASSWORD, "wrong horse") if word in log]
