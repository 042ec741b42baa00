"""Signing in and out: with a password, behind a proxy, with an identity provider."""

from __future__ import annotations

import re
from collections.abc import Iterator

import oidc_provider_mock
import pytest
from oidc_provider_mock import User
from playwright.sync_api import Page, expect

from tests.browser.accessibility import Audit
from tests.browser.chat_page import OWN_BROWSER, ChatPage
from tests.support.app_server import AppServer, ServerAddress
from tests.support.header_proxy import HeaderProxy

PASSWORD, SECRET = "correct horse", "0123456789abcdef"
QUESTION = "Not for everybody"
USERS = (
    User(sub="ann", claims={"email": "ann@example.org", "email_verified": True, "name": "Ann"}),
    User(sub="eve", claims={"email": "eve@example.com", "email_verified": True, "name": "Eve"}),
)
SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "antler"
client_secret = "any"
server_metadata_url = "{provider}/.well-known/openid-configuration"

[access]
mode = "oidc"
allow = ["@example.org"]
"""


@pytest.fixture
def password_app(tmp_path_factory) -> Iterator[AppServer]:
    """The app with a password."""
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD}
    app = AppServer(tmp_path_factory.mktemp("password_app"), settings)
    yield app
    app.close()


@pytest.fixture(scope="session")
def proxied_app(server_pool) -> ServerAddress:
    """The app behind a proxy, with links for the team and public ones."""
    settings = {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET, "ANTLER_PUBLIC_LINKS": "on"}
    return server_pool.get("proxied", settings)


@pytest.fixture(scope="module")
def oidc_app(tmp_path_factory) -> Iterator[AppServer]:
    """The app with an identity provider."""
    with oidc_provider_mock.run_server_in_thread(user_claims=USERS) as provider:
        secrets = SECRETS.format(provider=f"http://localhost:{provider.server_port}")
        app = AppServer(tmp_path_factory.mktemp("oidc_app"), {}, secrets)
        yield app
        app.close()


def expect_no_chat(page: Page) -> None:
    expect(page.get_by_text(QUESTION)).to_have_count(0)
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)


def ask_and_list(chat: ChatPage) -> ChatPage:
    """Ask a question and wait for it in the sidebar."""
    chat.ask(QUESTION).wait_idle()
    expect(chat.rows).to_contain_text([QUESTION])
    return chat


def enter_password(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_password_sign_in_survives_reload_and_restart_until_the_sign_out(password_app, new_page):
    page = new_page()
    page.goto(f"{password_app.url}/settings")
    expect(page.get_by_text("cannot tell people apart")).to_be_visible()
    enter_password(page, "wrong horse")
    expect(page.get_by_role("alert")).to_have_text("Wrong password.")
    audit = Audit()
    audit.check(page, "password form")
    assert audit.findings == [], "\n".join(audit.findings)
    enter_password(page, PASSWORD)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page).to_have_url(re.compile("/settings$"))
    chat = ask_and_list(ChatPage(page, password_app.url).open("?model=demo-wrong-key"))
    page.reload()
    expect(chat.questions).to_have_text([QUESTION])
    # Another browser behind the same password has another history.
    other = ChatPage(new_page(**OWN_BROWSER), password_app.url)
    other.page.goto(page.url)
    enter_password(other.page, PASSWORD)
    expect(other.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(other.rows).to_have_count(0)
    password_app.kill()
    password_app.restart()
    page.reload()
    expect(chat.questions).to_have_text([QUESTION])
    chat.open_settings("Account")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(f"{password_app.url}/settings")
    expect(page.get_by_label("Password")).to_be_visible()


def check_audiences(chat: ChatPage) -> None:
    """Create a link for each audience in the panel that shares the open chat, and audit it."""
    audit, page = Audit(), chat.page
    chat.wait_at_rest()
    page.get_by_role("button", name="Share", exact=True).press("Enter")
    for audience, meaning in (("Team", "who can sign in here"), ("Public", "without signing in")):
        chat.panel.get_by_role("radio", name=audience).click()
        expect(chat.panel).to_contain_text(meaning)
        chat.panel.get_by_role("button", name="Create link").click()
        expect(chat.panel).to_contain_text(f"{audience} · Copy the link now")
        audit.check(page, f"link of the audience {audience}", '[data-testid="stPopoverBody"]')
    assert audit.findings == [], "\n".join(audit.findings)
    page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)


def test_only_the_proxy_names_the_user(proxied_app, new_page):
    named = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
    with HeaderProxy(proxied_app.port, named) as front:
        chat = ask_and_list(ChatPage(new_page(**OWN_BROWSER), front.url).open("?model=demo-wrong-key"))
        conversation = chat.page.url.partition("?")[2]
        check_audiences(chat)
        # Another browser, and a name of its own that the proxy replaces.
        forged = new_page(**OWN_BROWSER)
        forged.set_extra_http_headers({"X-Forwarded-Email": "bob@example.org"})
        again = ChatPage(forged, front.url).open()
        expect(again.rows).to_contain_text([QUESTION])
        again.open_settings("Account")
        expect(again.page.get_by_text("signed in as ann@example.org")).to_be_visible()
        front.headers["X-Forwarded-Email"] = "bob@example.org"
        other = ChatPage(new_page(**OWN_BROWSER), front.url).open(f"?{conversation}")
        expect(other.page.get_by_text("What can I help you with?")).to_be_visible()
        expect(other.rows).to_have_count(0)
    past = new_page(**OWN_BROWSER)
    past.set_extra_http_headers({"X-Forwarded-Email": "ann@example.org"})
    past.goto(f"{proxied_app.url}/?{conversation}")
    expect(past.get_by_text("accepts only requests that come through its own proxy")).to_be_visible()
    expect_no_chat(past)


def sign_in(page: Page, user: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=user, exact=True).click()


def open_sign_in_page(new_page, app: AppServer, path: str = "") -> Page:
    """Open a page in a new browser, before the sign-in."""
    page = new_page(**OWN_BROWSER)
    # The provider's look comes from elsewhere.
    page.context.route(re.compile("jsdelivr"), lambda route: route.abort())
    page.goto(f"{app.url}{path}")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect_no_chat(page)
    return page


def end_session(page: Page) -> None:
    """Confirm the provider's question at a sign-out."""
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_oidc_sign_in_survives_a_reload_until_the_sign_out(oidc_app, new_page):
    # The provider sends the browser to the start page, which opens the address that was asked for.
    page = open_sign_in_page(new_page, oidc_app, "/?model=demo-wrong-key")
    sign_in(page, "ann")
    chat = ChatPage(page, oidc_app.url)
    expect(chat.model).to_contain_text("demo-wrong-key")
    ask_and_list(chat.wait_idle())
    page.reload()
    expect(chat.questions).to_have_text([QUESTION])
    elsewhere = open_sign_in_page(new_page, oidc_app, f"/?{page.url.partition('?')[2]}")
    sign_in(elsewhere, "ann")
    expect(ChatPage(elsewhere, oidc_app.url).questions).to_have_text([QUESTION])
    chat.open_settings("Account")
    expect(page.get_by_text("signed in as Ann")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    end_session(page)
    expect_no_chat(page)
    # The other browser is not concerned, nor is a copy of its cookie.
    ChatPage(elsewhere, oidc_app.url).open_settings("Account")
    page.context.add_cookies(elsewhere.context.cookies(oidc_app.url))
    page.goto(oidc_app.url)
    expect(chat.rows).to_contain_text([QUESTION])

    # A sign-out everywhere revokes the copy, too: the next thing that an open page does is not done.
    elsewhere.get_by_role("button", name="Sign out of all devices").click()
    end_session(elsewhere)
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("signed out of all devices")).to_be_visible()
    expect_no_chat(page)


def test_a_user_who_is_not_allowed_can_sign_out(oidc_app, new_page):
    page = open_sign_in_page(new_page, oidc_app)
    audit = Audit()
    audit.check(page, "sign-in page")
    sign_in(page, "eve")
    expect(page.get_by_role("heading", name="Access denied")).to_be_visible()
    audit.check(page, "access denied")
    assert audit.findings == [], "\n".join(audit.findings)
    expect(page.get_by_text("eve@example.com")).to_be_visible()
    expect(page.get_by_text("not on the access list of this server")).to_be_visible()
    expect_no_chat(page)
    page.goto(f"{oidc_app.url}/settings")
    expect(page.get_by_role("heading", name="Access denied")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    end_session(page)
