"""Signing in and out as a person does it: with the password, behind a proxy, at a provider."""

from __future__ import annotations

import re
from collections.abc import Iterator

import oidc_provider_mock
import pytest
from oidc_provider_mock import User
from playwright.sync_api import Page, expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer
from tests.support.header_proxy import HeaderProxy

PASSWORD, SECRET = "correct horse", "0123456789abcdef"
SAID = "Not for everybody"
ENGLISH = {"locale": "en-GB"}  # an option gives a page a browser of its own
PEOPLE = (
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


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[AppServer]:
    """The app with a password."""
    settings = {"ANTLER_ACCESS": "password", "ANTLER_PASSWORD": PASSWORD}
    app = AppServer(tmp_path_factory.mktemp("guarded"), settings)
    yield app
    app.close()


@pytest.fixture(scope="module")
def fronted(tmp_path_factory) -> Iterator[AppServer]:
    """The app behind a proxy."""
    app = AppServer(
        tmp_path_factory.mktemp("fronted"), {"ANTLER_ACCESS": "proxy", "ANTLER_PROXY_SECRET": SECRET}
    )
    yield app
    app.close()


@pytest.fixture(scope="module")
def provided(tmp_path_factory) -> Iterator[AppServer]:
    """The app with a provider to sign in at."""
    with oidc_provider_mock.run_server_in_thread(user_claims=PEOPLE) as provider:
        secrets = SECRETS.format(provider=f"http://localhost:{provider.server_port}")
        app = AppServer(tmp_path_factory.mktemp("provided"), {}, secrets)
        yield app
        app.close()


def nothing_of_it(page: Page) -> None:
    expect(page.get_by_text(SAID)).to_have_count(0)
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)


def asked(chat: ChatPage) -> ChatPage:
    """Ask something that is then listed."""
    chat.ask(SAID).wait_idle()
    expect(chat.rows).to_contain_text([SAID])
    return chat


def enter(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_the_password_lasts_over_a_reload_and_a_restart_until_the_sign_out(guarded, new_page):
    page = new_page(**ENGLISH)
    page.goto(f"{guarded.url}/settings")
    expect(page.get_by_text("cannot tell people apart")).to_be_visible()
    enter(page, "wrong horse")
    expect(page.get_by_role("alert")).to_have_text("Wrong password.")
    enter(page, PASSWORD)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page).to_have_url(re.compile("/settings$"))
    chat = asked(ChatPage(page, guarded.url).open("?model=demo-wrong-key"))
    page.reload()
    expect(chat.questions).to_have_text([SAID])
    guarded.kill()
    guarded.restart()
    page.reload()
    expect(chat.questions).to_have_text([SAID])
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.goto(f"{guarded.url}/settings")
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_history_stays_with_the_browser_behind_the_password(guarded, new_page):
    mine, theirs = new_page(**ENGLISH), new_page(**ENGLISH)
    for page in (mine, theirs):
        page.goto(guarded.url)
        enter(page, PASSWORD)
        expect(ChatPage(page, guarded.url).composer).to_be_visible()
    asked(ChatPage(mine, guarded.url).open("?model=demo-wrong-key"))
    theirs.goto(mine.url)
    expect(theirs.get_by_text("What can I help you with?")).to_be_visible()
    expect(ChatPage(theirs, guarded.url).rows).to_have_count(0)


def test_a_proxy_tells_who_it_is_and_only_the_proxy(fronted, new_page):
    named = {"X-Antler-Proxy": SECRET, "X-Forwarded-Email": "ann@example.org"}
    with HeaderProxy(fronted.port, named) as front:
        chat = asked(ChatPage(new_page(**ENGLISH), front.url).open("?model=demo-wrong-key"))
        conversation = chat.page.url.partition("?")[2]
        # Another browser, and a name of its own that the proxy replaces.
        forged = new_page(**ENGLISH, extra_http_headers={"X-Forwarded-Email": "bob@example.org"})
        again = ChatPage(forged, front.url).open()
        expect(again.rows).to_contain_text([SAID])
        again.page.get_by_role("link", name="Settings").click()
        expect(again.page.get_by_text("signed in as ann@example.org")).to_be_visible()
        front.headers["X-Forwarded-Email"] = "bob@example.org"
        other = ChatPage(new_page(**ENGLISH), front.url).open(f"?{conversation}")
        expect(other.page.get_by_text("What can I help you with?")).to_be_visible()
        expect(other.rows).to_have_count(0)
    past = new_page(**ENGLISH, extra_http_headers={"X-Forwarded-Email": "ann@example.org"})
    past.goto(f"{fronted.url}/?{conversation}")
    expect(past.get_by_text("accepts only requests that come through its own proxy")).to_be_visible()
    nothing_of_it(past)


def sign_in(page: Page, person: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=person, exact=True).click()


def visitor(new_page, app: AppServer) -> Page:
    """A page of a browser of its own, before the sign-in."""
    page = new_page(**ENGLISH)
    # The provider's look comes from elsewhere.
    page.context.route(re.compile("jsdelivr"), lambda route: route.abort())
    page.goto(app.url)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    nothing_of_it(page)
    return page


def end_session(page: Page) -> None:
    """What the provider asks at a sign-out."""
    page.get_by_role("button", name="End session").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_who_signed_in_at_the_provider_stays_so_over_a_reload_until_the_sign_out(provided, new_page):
    page = visitor(new_page, provided)
    sign_in(page, "ann")
    chat = ChatPage(page, provided.url)
    expect(chat.composer).to_be_visible()
    asked(chat.open("?model=demo-wrong-key"))
    page.reload()
    expect(chat.questions).to_have_text([SAID])
    elsewhere = visitor(new_page, provided)
    sign_in(elsewhere, "ann")
    expect(ChatPage(elsewhere, provided.url).rows).to_contain_text([SAID])
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("signed in as Ann")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    end_session(page)
    nothing_of_it(page)
    # The other browser is not concerned.
    elsewhere.reload()
    expect(ChatPage(elsewhere, provided.url).rows).to_contain_text([SAID])


def test_who_is_not_on_the_list_is_told_so_and_can_sign_out(provided, new_page):
    page = visitor(new_page, provided)
    sign_in(page, "eve")
    expect(page.get_by_role("heading", name="Access denied")).to_be_visible()
    expect(page.get_by_text("eve@example.com")).to_be_visible()
    expect(page.get_by_text("not on the access list of this server")).to_be_visible()
    nothing_of_it(page)
    page.goto(f"{provided.url}/settings")
    expect(page.get_by_role("heading", name="Access denied")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    end_session(page)


def test_signing_out_everywhere_ends_a_copied_cookie_too(provided, new_page):
    page = visitor(new_page, provided)
    sign_in(page, "ann")
    expect(ChatPage(page, provided.url).composer).to_be_visible()
    thief = visitor(new_page, provided)
    thief.context.add_cookies(page.context.cookies(provided.url))
    thief.reload()
    expect(ChatPage(thief, provided.url).composer).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Sign out of all devices").click()
    end_session(page)
    # Its page is still open: the next thing that it does is not done.
    thief.get_by_role("button", name="New chat").click()
    expect(thief.get_by_text("signed out of all devices")).to_be_visible()
    nothing_of_it(thief)
    thief.reload()
    expect(thief.get_by_text("signed out of all devices")).to_be_visible()
    page.wait_for_timeout(1_100)  # a token's date is in whole seconds
    sign_in(page, "ann")
    expect(ChatPage(page, provided.url).composer).to_be_visible()
