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


@pytest.fixture(scope="session")
def password_app(server_pool) -> ServerAddress:
    """The app with a password."""
    return server_pool.get("password", {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD})


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


def test_a_password_sign_in_lasts_until_the_sign_out(password_app, new_page):
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
    # The cookie is that of the browser: it holds for a page that is loaded anew.
    chat = ask_and_list(ChatPage(page, password_app.url).open("?model=demo-wrong-key"))
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


def test_the_proxy_names_the_user_and_links_have_audiences(proxied_app, new_page):
    named = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
    with HeaderProxy(proxied_app.port, named) as front:
        page = new_page()
        # A name of the browser's own, which the proxy replaces.
        page.set_extra_http_headers({"X-Forwarded-Email": "bob@example.org"})
        chat = ask_and_list(ChatPage(page, front.url).open("?model=demo-wrong-key"))
        check_audiences(chat)
        chat.open_settings("Account")
        expect(page.get_by_text("signed in as ann@example.org")).to_be_visible()
        page.close()


def sign_in(page: Page, user: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=user, exact=True).click()


def end_session(page: Page) -> None:
    """Confirm the provider's question at a sign-out."""
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_oidc_sign_in_survives_a_reload_until_the_sign_out_and_a_refused_user_can_sign_out(oidc_app, new_page):
    audit = Audit()
    page = new_page(**OWN_BROWSER)
    # The provider's look comes from elsewhere.
    page.context.route(re.compile("jsdelivr"), lambda route: route.abort())
    page.goto(f"{oidc_app.url}/?model=demo-wrong-key")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect_no_chat(page)
    audit.check(page, "sign-in page")
    # The provider sends the browser to the start page, which opens the address that was asked for.
    sign_in(page, "ann")
    chat = ChatPage(page, oidc_app.url)
    expect(chat.model).to_contain_text("demo-wrong-key")
    ask_and_list(chat.wait_idle())
    page.reload()
    expect(chat.questions).to_have_text([QUESTION])
    chat.open_settings("Account")
    expect(page.get_by_text("signed in as Ann")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    end_session(page)
    expect_no_chat(page)

    sign_in(page, "eve")
    expect(page.get_by_role("heading", name="Access denied")).to_be_visible()
    audit.check(page, "access denied")
    assert audit.findings == [], "\n".join(audit.findings)
    expect(page.get_by_text("eve@example.com")).to_be_visible()
    expect(page.get_by_text("not on the access list of this server")).to_be_visible()
    expect_no_chat(page)
    page.get_by_role("button", name="Sign out").click()
    end_session(page)
