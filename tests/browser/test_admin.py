"""Settings of an admin and their effect on other users, in browsers behind a proxy."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chat_page import OWN_BROWSER, ChatPage, open_tab
from tests.support.app_server import AppServer
from tests.support.header_proxy import HeaderProxy

SECRET = "0123456789abcdef"
SECRETS = '[groups]\nsales = ["bob@example.org"]\n'


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[AppServer]:
    """The app behind a proxy, with an admin and a group."""
    settings = {
        "ANTLER_ACCESS": "proxy",
        "ANTLER_PROXY_SECRET": SECRET,
        "ANTLER_ADMINS": "root@example.org",
    }
    running = AppServer(tmp_path_factory.mktemp("administered"), settings, SECRETS)
    yield running
    running.close()


@pytest.fixture
def proxy(app) -> Iterator[HeaderProxy]:
    with HeaderProxy(app.port, {"X-Antler-Proxy": SECRET}) as running_proxy:
        yield running_proxy


def open_as(proxy: HeaderProxy, new_page, name: str, query: str = "") -> Page:
    """Open the chat page in a new browser, as the user that the proxy names."""
    proxy.headers["X-Forwarded-Email"] = f"{name}@example.org"
    page = new_page(**OWN_BROWSER)
    page.goto(f"{proxy.url}/{query}")
    expect(ChatPage(page, proxy.url).composer).to_be_visible()
    return page


def open_admin_section(page: Page, section: str) -> Page:
    page.get_by_role("link", name="Admin", exact=True).click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    return open_section(page, section)


def open_section(page: Page, section: str) -> Page:
    open_tab(page, section)
    return page


def choose(page: Page, label: str, name: str) -> None:
    ChatPage(page, page.url).wait_at_rest()
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=name).click()
    expect(page.get_by_role("combobox", name=label)).to_have_value(name)


def test_an_admin_denies_models_to_a_group(proxy, new_page):
    root = open_as(proxy, new_page, "root")
    open_admin_section(root, "Permissions")
    choose(root, "Applies to", "Group sales")
    # The group's own: what is typed into the field of before goes with it.
    patterns = root.locator('[class*="st-key-patterns-group"] textarea')
    patterns.fill("demo-echo\ndemo-thin*")
    patterns.press("Control+Enter")
    expect(root.get_by_text(re.compile(r"^2 of \d+ models match:"))).to_be_visible()
    root.get_by_role("button", name="Save").click()
    expect(root.locator(".st-key-admin-models td").filter(has_text="demo-thin*")).to_be_visible()

    # Another user, of that group and no admin.
    bob = open_as(proxy, new_page, "bob")
    chat = ChatPage(bob, proxy.url).wait_at_rest()
    expect(chat.open_models().options).to_have_count(2)
    chat.model_search.fill("demo-slow")
    chat.options.last.click()
    expect(bob.get_by_text("You do not have permission to use demo-slow.")).to_be_visible()
    expect(chat.model).not_to_contain_text("demo-slow")
    expect(bob.get_by_role("link", name="Admin", exact=True)).to_have_count(0)


def test_a_user_limit_refuses_a_question_keeps_its_text_and_can_be_cleared(proxy, new_page):
    dora = ChatPage(open_as(proxy, new_page, "dora", "?model=demo-tour"), proxy.url)
    root = open_as(proxy, new_page, "root")
    open_admin_section(root, "Users")
    row = root.locator('[class*="st-key-user-"]').filter(has_text="dora@example.org")
    row.get_by_role("button", name="Usage limits").click()
    expect(root.get_by_role("combobox", name="Applies to")).to_have_value("dora@example.org")
    field = root.get_by_role("spinbutton", name="US dollars per day: block at")
    field.fill("0.0001")
    root.get_by_role("button", name="Save").click()
    table = root.locator(".st-key-admin-limits td")
    expect(table.filter(has_text="$0.00010")).to_be_visible()
    root.reload()
    choose(root, "Applies to", "dora@example.org")
    expect(field).to_have_value("0.0001")
    dora.composer.fill("Hello")
    for _ in range(2):
        dora.composer.press("Enter")
        expect(dora.page.get_by_text("Nothing was sent.")).to_be_visible()
        expect(dora.composer).to_have_value("Hello")
    expect(dora.answers).to_have_count(0)
    field.fill("")
    root.get_by_role("button", name="Save").click()
    expect(table).to_have_count(0)
    open_section(root, "Audit log")
    expect(root.locator("td").filter(has_text="Changed usage limits").first).to_be_visible()
