"""A temporary chat: on other pages, in other tabs, and after a reload."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import address

NOTICE = "not saved and not in the list"
GREETING = "What can I help you with?"


def start_temporary(chat: ChatPage) -> ChatPage:
    """Start a temporary chat from the empty page."""
    chat.page.get_by_role("button", name="Temporary chat").click()
    expect(chat.page.get_by_text(NOTICE)).to_be_visible()
    return chat


def test_a_temporary_chat_survives_another_page_and_is_not_in_another_tab_or_after_a_reload(demo, new_page):
    chat = start_temporary(ChatPage(new_page(), demo.url).open("?model=demo-endless")).ask("Forget me")
    expect(chat.answers.last).to_contain_text("Line 3")
    tab = ChatPage(new_page(), demo.url).open()
    expect(tab.rows).to_have_count(0)
    expect(tab.stop).to_have_count(0)
    tab.page.close()
    chat.press_stop().wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.questions).to_have_text(["Forget me"])
    chat.page.reload()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.page.get_by_text(NOTICE)).to_have_count(0)
    expect(chat.rows).to_have_count(0)
    # A new chat ends it with its answer.
    start_temporary(chat.wait_idle()).ask("And forget this")
    expect(chat.stop).to_have_count(1)
    expect(chat.page).not_to_have_url(address("c="))
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.stop).to_have_count(0)
    expect(chat.rows).to_have_count(0)
