"""A server whose disk goes with it says so, once, and again in the settings."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer

WORDS = "The disk of this server is not persistent."


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """The app with the environment that Community Cloud gives it."""
    started = AppServer(tmp_path_factory.mktemp("cloud"), {"HOSTNAME": "streamlit", "HOME": "/home/appuser"})
    yield started
    started.close()


def test_it_says_so_until_it_is_put_away(cloud, new_page):
    chat = ChatPage(new_page(), cloud.url).open("?model=demo-wrong-key")
    notice = chat.page.get_by_text(WORDS)
    expect(notice).to_have_count(1)
    expect(chat.page.get_by_role("alert")).to_contain_text("Postgres")
    expect(chat.page.get_by_role("alert")).to_contain_text("export")
    chat.page.get_by_role("button", name="Got it").click()
    expect(notice).to_have_count(0)
    chat.ask("Still there?").wait_idle()
    expect(notice).to_have_count(0)
    chat.page.get_by_role("link", name="Settings").click()
    expect(notice).to_have_count(1)
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.questions).to_have_text(["Still there?"])
    expect(notice).to_have_count(0)


def test_other_servers_say_nothing_of_it(chat):
    expect(chat.page.get_by_text(WORDS)).to_have_count(0)
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.page.get_by_text(WORDS)).to_have_count(0)
