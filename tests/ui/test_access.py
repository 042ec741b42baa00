"""The matrix of access: in each mode, on each page, who comes in, and what everybody else is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime import context
from streamlit.testing.v1 import AppTest

from lib.chat import sharing
from lib.core.admission import Access, oidc_person, proxied
from lib.core.types import Conversation, Message, Node, Text
from lib.storage.store import Store
from lib.ui import browser, session, state

ROOT = Path(__file__).parents[2]
PASSWORD, SECRET, SAID = "correct horse", "0123456789abcdef", "Said in confidence"
AUTH = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "s" * 32, "client_id": "antler"}
CLAIMS = MappingProxyType(
    {
        "is_logged_in": True,
        "iss": "https://id.example",
        "sub": "7",
        "iat": int(time.time()) - 60,
        "exp": int(time.time()) + 36_000,
        "email": "ann@example.org",
        "email_verified": True,
    }
)
FROM_PROXY = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
ALLOW = ("@example.org",)
BROWSER = "browser:0123"
OWNERS = (
    BROWSER,
    oidc_person(CLAIMS).id,
    proxied(lambda name: [FROM_PROXY[name]], Access("proxy", proxy_secret=SECRET)).id,
)
KEYED = {"DEERAPI_API_KEY": "sk-123", "DEERAPI_BASE_URL": "http://127.0.0.1:9", "DEERAPI_RETRIES": "0"}
MODES: Mapping[str, dict[str, str]] = MappingProxyType(
    {
        "local": {},
        "viewers": {"ANTLER_ACCESS": "viewers"},
        "password": {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD},
        "oidc": {"ANTLER_ACCESS": "oidc", "ANTLER_ALLOW": ",".join(ALLOW)},
        "proxy": {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_ALLOW": ",".join(ALLOW)},
    }
)


@dataclass(frozen=True)
class Who:
    """What comes with somebody's handshake, what st.login knows of them, and where the server is bound."""

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = "127.0.0.1"
    environ: Mapping[str, str] = field(default_factory=dict)


def signed(**changed: Any) -> Who:
    return Who(user={**CLAIMS, **changed})


# By mode: who is asking, and the title that they see in place of the page; "" for the page itself.
MATRIX: list[tuple[str, str, Who, str]] = [
    ("local", "a demo, bound anywhere", Who(address=None), ""),
    ("local", "a key on loopback", Who(environ=KEYED), ""),
    ("local", "a key on all addresses", Who(environ=KEYED, address=None), "open to everybody"),
    ("local", "a key on one address", Who(environ=KEYED, address="10.0.0.1"), "open to everybody"),
    (
        "local",
        "a key behind a proxy",
        Who({"X-Forwarded-For": "10.0.0.9"}, environ=KEYED),
        "open to everybody",
    ),
    (
        "local",
        "a key by a stranger's host",
        Who({"Host": "evil.example"}, environ=KEYED),
        "open to everybody",
    ),
    ("local", "a key by its own name", Who({"Host": "localhost:8501"}, environ=KEYED), ""),
    ("viewers", "a key on all addresses", Who(environ=KEYED, address=None), ""),
    ("password", "nobody", Who(), "Sign in"),
    ("password", "a made-up cookie", Who(cookies={session.COOKIE: "IjAi.aaaa.bbbb"}), "Sign in"),
    (
        "password",
        "another's cookie",
        Who(cookies={session.COOKIE: session.made("battery staple")}),
        "Sign in",
    ),
    ("password", "who knows it", Who(cookies={session.COOKIE: session.made(PASSWORD)}, address=None), ""),
    ("oidc", "nobody", Who(), "Sign in"),
    ("oidc", "who has signed out", Who(user={**CLAIMS, "is_logged_in": False}), "Sign in"),
    ("oidc", "a proxy's header", Who(headers=FROM_PROXY), "Sign in"),
    ("oidc", "a stranger", signed(email="eve@example.com"), "You cannot come in"),
    ("oidc", "an unverified address", signed(email_verified=False), "You cannot come in"),
    ("oidc", "a thin token", signed(email=None, email_verified=None), "You cannot come in"),
    ("oidc", "who signed in long ago", signed(exp=int(time.time()) - 1), "Sign in"),
    ("oidc", "the right person", Who(user=CLAIMS, address=None), ""),
    ("proxy", "nobody", Who(), "You cannot come in"),
    ("proxy", "a forged header", Who({"X-Forwarded-Email": "ann@example.org"}), "You cannot come in"),
    ("proxy", "the proxy without a name", Who({"X-Antler-Proxy": SECRET}), "You cannot come in"),
    ("proxy", "a wrong secret", Who({**FROM_PROXY, "X-Antler-Proxy": "x" * 16}), "You cannot come in"),
    ("proxy", "a stranger", Who({**FROM_PROXY, "X-Forwarded-Email": "eve@x.com"}), "You cannot come in"),
    ("proxy", "another's sign-in", Who(user=CLAIMS), "You cannot come in"),
    ("proxy", "the right person", Who(FROM_PROXY, address=None), ""),
]
# What only the page itself shows.
PAGES = {"chat": (SAID,), "settings": ("Settings",), "shared": ("Hers", SAID)}


@dataclass
class Server:
    """A server that nobody has asked anything yet."""

    store: Store
    token: str
    enter: Callable[..., AppTest]


@pytest.fixture
def server(store, database_url, monkeypatch):
    def enter(mode: str, who: Who, page: str, *, app: bool = True) -> AppTest:
        for name, value in {**MODES[mode], **who.environ, "DATABASE_URL": database_url}.items():
            monkeypatch.setenv(name, value)
        shaken = SimpleNamespace(headers=list(who.headers.items()), cookies=who.cookies, remote_ip="10.0.0.9")
        monkeypatch.setattr(context, "_get_client_context", lambda: shaken)
        st.config.set_option("server.address", who.address)
        at = AppTest.from_file(ROOT / ("app.py" if app else f"pages/{page}.py"), default_timeout=60)
        if app and page != "chat":
            at.switch_page(f"pages/{page}.py")
        at.user = dict(who.user)
        at.session_state["access.told"] = browser.Told(BROWSER, "browser")
        at.query_params.update({"s": token} if page == "shared" else {"c": f"c-{owner(mode)}"})
        return at.run()

    for name in ("ANTLER_ACCESS", "DEERAPI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(state, "_secrets", lambda: {"auth": AUTH})
    for kept in (state.settings, state.store, state._gateway, session._attempts):
        kept.clear()
    for who in OWNERS:
        talk = Conversation(f"c-{who}", "Hers", 1.0, f"q-{who}")
        asked = Node(f"q-{who}", None, Message("user", (Text(SAID),)), 1.0)
        store.begin(who, talk, [asked])
        token = sharing.make(store, who, talk, [asked])
    yield Server(store, token, enter)
    st.config.set_option("server.address", None)
    for kept in (state.settings, state.store, state._gateway):
        kept.clear()


def owner(mode: str) -> str:
    return next((one for one in OWNERS if one.startswith(mode)), BROWSER)


def texts(at: AppTest) -> str:
    return "\n".join(str(getattr(one, "value", "")) for one in at._tree)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("mode", "who", "title"),
    [(mode, who, title) for mode, _, who, title in MATRIX],
    ids=[f"{mode}: {name}" for mode, name, _, _ in MATRIX],
)
def test_a_page_is_for_who_may_come_in(server, mode, who, title, page):
    at = server.enter(mode, who, page)
    shown = texts(at)
    if not title:
        assert all(words in shown for words in PAGES[page]), shown
        assert not at.exception
        return
    assert title in at.title[0].value
    assert not [words for words in (SAID, "Hers") if words in shown]
    assert (len(at.chat_input), len(at.sidebar.button), len(at.title)) == (0, 0, 1)


@pytest.mark.parametrize("page", [*PAGES, "usage", "admin"])
@pytest.mark.parametrize("mode", ["password", "oidc", "proxy"])
def test_the_first_request_to_a_page_without_the_app_is_refused_too(server, mode, page):
    at = server.enter(mode, Who(), page, app=False)
    assert at.title[0].value in ("Sign in", "You cannot come in")
    assert SAID not in texts(at)
    assert not at.exception


@pytest.mark.parametrize("mode", ["password", "proxy", "oidc"])
def test_a_mode_that_is_not_whole_lets_nobody_in(server, monkeypatch, mode):
    monkeypatch.setattr(state, "_secrets", lambda: {"access": {"mode": mode}})
    at = server.enter("local", Who(user=CLAIMS, headers=FROM_PROXY), "chat")
    assert "Antler cannot start" in at.error[0].value
    assert SAID not in texts(at)


def test_a_header_that_streamlit_trusts_lets_nobody_in(server, monkeypatch):
    option = st.get_option
    trusted = {"server.trustedUserHeaders": {"X-Forwarded-Email": "email"}}
    monkeypatch.setattr(st, "get_option", lambda name: trusted.get(name) or option(name))
    at = server.enter("oidc", Who(user=CLAIMS), "chat")
    assert "trustedUserHeaders" in at.error[0].value
    assert SAID not in texts(at)


def test_who_is_refused_is_told_as_whom_and_why_and_can_sign_out(server):
    at = server.enter("oidc", signed(email="eve@example.com", name="Eve"), "chat")
    shown = texts(at)
    assert "Eve" in shown and "eve@example" in shown.replace("\\", "")
    assert "not on the list" in shown
    assert [button.label for button in at.button] == ["Sign out"]


def test_a_revocation_ends_a_sign_in_at_the_next_run_and_a_new_one_counts(server):
    at = server.enter("oidc", Who(user=CLAIMS), "chat")
    assert SAID in texts(at)
    server.store.sign_out(owner("oidc"), time.time())
    at.run()
    assert at.title[0].value == "Sign in"
    assert "signed out everywhere" in at.info[0].value
    assert SAID not in texts(at)
    at.user = {**CLAIMS, "iat": int(time.time()) + 1}
    assert SAID in texts(at.run())


def test_signing_out_everywhere_refuses_the_copied_sign_in(server):
    at = server.enter("oidc", Who(user=CLAIMS), "settings")
    at.button("signout-everywhere").click().run()
    assert server.store.revoked_before(owner("oidc")) > CLAIMS["iat"]
    copied = server.enter("oidc", Who(user=CLAIMS), "chat")
    assert copied.title[0].value == "Sign in"


def test_who_comes_is_remembered_and_another_in_the_same_session_finds_nothing(server):
    at = server.enter("oidc", Who(user={**CLAIMS, "name": "Ann"}), "chat")
    at.session_state["shares"] = {"c": "token"}
    at.user = {**CLAIMS, "sub": "8", "email": "bob@example.org"}
    at.run()
    assert SAID not in texts(at)
    assert "shares" not in at.session_state


def test_the_password_is_asked_in_the_page_where_no_cookie_arrives(server):
    at = server.enter("password", Who(), "chat")
    at.text_input[0].input("wrong horse")
    at.button[0].click().run()
    assert "not the password" in at.error[0].value
    assert SAID not in texts(at)
    at.text_input[0].input(PASSWORD)
    at.button[0].click().run()
    assert SAID in texts(at)
    assert SAID in texts(at.run())


def test_the_form_in_the_page_says_how_long_to_wait(server):
    at = server.enter("password", Who(), "chat")
    for _ in range(11):
        at.text_input[0].input("wrong horse")
        at.button[0].click().run()
    assert "Wait 10 min" in at.error[0].value
    at.text_input[0].input(PASSWORD)
    at.button[0].click().run()
    assert SAID not in texts(at)
