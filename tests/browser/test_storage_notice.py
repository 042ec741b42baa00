"""The notice on a host without persistent storage."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import ServerAddress

NOTICE = "The disk of this server is not persistent."


@pytest.fixture(scope="session")
def community_cloud(server_pool) -> ServerAddress:
    """The app with the environment that Community Cloud gives it."""
    return server_pool.get("community-cloud", {"HOSTNAME": "streamlit", "HOME": "/home/appuser"})


def test_the_notice_is_shown_until_dismissed_and_stays_in_the_settings(community_cloud, new_page):
    chat = ChatPage(new_page(), community_cloud.url).open("?model=demo-wrong-key")
    notice = chat.page.get_by_text(NOTICE)
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


def test_a_server_with_persistent_storage_shows_no_notice(chat):
    expect(chat.page.get_by_text(NOTICE)).to_have_count(0)
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.page.get_by_text(NOTICE)).to_have_count(0)
