"""Password form over HTTP: its cookie, its redirect and the rate limit of attempts."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from tests.app.http_client import Response, ask
from tests.support.app_server import ServerAddress

PASSWORD = "correct horse"


@pytest.fixture(scope="session")
def app(server_pool) -> ServerAddress:
    """A server with a password that all workers share."""
    return server_pool.get("sign-in-html", {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD})


def submit(app: ServerAddress, password: str, return_path: str = "", **headers: str) -> Response:
    form = urlencode({"password": password, "wanted": return_path}).encode()
    return ask(app, "/signin", "POST", form, Accept="text/html", **headers)


def test_the_right_password_redirects_to_the_requested_page(app):
    form = ask(app, '/shared?s=a&"<b>', Accept="text/html")
    assert form.status == 401
    assert 'value="shared?s=a&amp;&quot;&lt;b&gt;"' in form.text
    assert "Everyone uses the same password" in form.text
    wrong = submit(app, "wrong horse")
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    assert "Wrong password" in wrong.text
    signed_in = submit(app, PASSWORD, "shared?s=a")
    assert (signed_in.status, signed_in.headers["location"]) == (303, "/shared?s=a")
    cookie = signed_in.headers["set-cookie"]
    assert re.search(r"(?i)httponly", cookie) and re.search(r"(?i)samesite=lax", cookie)
    assert not re.search(r"(?i)secure", cookie)
    assert PASSWORD not in cookie
    cookie_pair = cookie.partition(";")[0]
    assert ask(app, "/", Accept="text/html", Cookie=cookie_pair).status == 200
    assert re.search(r"(?i)secure", submit(app, PASSWORD, X_Forwarded_Proto="https").headers["set-cookie"])


SAME_ORIGIN = [
    {"Origin": "{url}"},
    {"Origin": "{url}", "Sec_Fetch_Site": "same-origin"},
    {"Origin": "null", "Sec_Fetch_Site": "same-origin"},
    {},
]
OTHER_ORIGIN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "{url}.evil.example"},
    {"Origin": "{url}", "Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "none"},
]


def sign_in(app: ServerAddress) -> str:
    return submit(app, PASSWORD, X_Forwarded_For="10.1.1.1").headers["set-cookie"].partition(";")[0]


def test_the_form_of_another_tab_leads_to_its_page_and_keeps_the_cookie(app):
    cookie = sign_in(app)
    for path, location in (("usage?a=b", "/usage?a=b"), ("//evil.example", "/evil.example"), ("", "/")):
        answer = submit(app, PASSWORD, path, Cookie=cookie)
        assert (answer.status, answer.headers["location"], "set-cookie" in answer.headers) == (303, location, False)
    assert ask(app, "/signin", Accept="text/html", Cookie=cookie).headers["location"] == "/"


@pytest.mark.parametrize("headers", SAME_ORIGIN)
def test_a_sign_out_revokes_the_cookie_also_where_it_was_copied_to(app, headers):
    headers = {name: value.replace("{url}", app.url) for name, value in headers.items()}
    cookie, other = sign_in(app), sign_in(app)
    assert ask(app, "/", Accept="text/html", Cookie=cookie).status == 200
    answer = ask(app, "/signout", "POST", b"", Cookie=cookie, **headers)
    assert (answer.status, "Max-Age=0" in answer.headers["set-cookie"]) == (303, True)
    assert ask(app, "/", Accept="text/html", Cookie=cookie).status == 401
    assert ask(app, "/", Accept="text/html", Cookie=other).status == 200


@pytest.mark.parametrize("headers", OTHER_ORIGIN)
def test_another_site_signs_nobody_in_or_out(app, headers):
    headers = {name: value.replace("{url}", app.url) for name, value in headers.items()}
    cookie = sign_in(app)
    answer = ask(app, "/signout", "POST", b"", Cookie=cookie, **headers)
    assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    assert ask(app, "/", Accept="text/html", Cookie=cookie).status == 200
    assert submit(app, PASSWORD, **headers).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_post_request_signs_out(app, method):
    cookie = sign_in(app)
    answer = ask(app, "/signout", method, Cookie=cookie, Accept="text/html")
    assert (answer.status, "set-cookie" in answer.headers) == (303, False)
    assert ask(app, "/", Accept="text/html", Cookie=cookie).status == 200


@pytest.mark.parametrize(
    "return_path", ["//evil.example/", "\\\\evil.example", "/\t/evil.example", "https://evil.example"]
)
def test_the_redirect_stays_on_this_server(app, return_path):
    location = submit(app, PASSWORD, return_path).headers["location"]
    assert re.match(r"/(?![/\\\s])", location)


def test_the_form_is_in_the_browsers_language(app):
    response = ask(app, "/", Accept="text/html", Accept_Language="zh-CN,zh;q=0.9")
    assert "密码" in response.text


def test_throttled_attempts_affect_one_address_only(app):
    for _ in range(10):
        assert submit(app, "wrong horse", X_Forwarded_For="10.9.9.9").status == 401
    throttled = submit(app, PASSWORD, X_Forwarded_For="10.9.9.9")
    assert (throttled.status, "Try again in 10 min" in throttled.text, "set-cookie" in throttled.headers) == (
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
    assert not [secret for secret in (PASSWORD, "wrong horse") if secret in log]
