"""Actions on a conversation in the sidebar: rename and delete, also while an answer arrives."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer


@pytest.fixture
def chat(app, new_page) -> ChatPage:
    """Two conversations, the second one shown."""
    chat = ChatPage(new_page(), app.url).open("?model=demo-wrong-key").ask("The older one").wait_idle()
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)
    return chat.ask("The newer one").wait_idle()


def test_a_renamed_conversation_shows_its_title_as_plain_text(chat):
    chat.choose_row_action("The newer one", "Rename")
    chat.page.get_by_role("textbox", name="Title").fill("A *starred* [name] $5 :smile:")
    chat.page.get_by_role("button", name="Save").click()
    expect(chat.rows.nth(0)).to_contain_text("A *starred* [name] $5 :smile:")
    chat.page.reload()
    expect(chat.rows.nth(0)).to_contain_text("A *starred* [name] $5 :smile:")
    expect(chat.questions).to_have_text(["The newer one"])


def test_a_rename_works_while_an_answer_arrives_and_can_be_cancelled(demo, new_page):
    chat = ChatPage(new_page(), demo.url).open("?model=demo-endless").ask("Name me")
    expect(chat.answers.last).to_contain_text("Line 3")
    chat.choose_row_action("Name me", "Rename")
    chat.page.get_by_role("textbox", name="Title").fill("Not this")
    chat.page.get_by_role("button", name="Cancel").click()
    expect(chat.rows.first).to_contain_text("Name me")
    chat.choose_row_action("Name me", "Rename")
    chat.page.get_by_role("textbox", name="Title").fill("Named")
    chat.page.get_by_role("textbox", name="Title").press("Enter")
    expect(chat.rows.first).to_contain_text("Named")
    chat.press_stop().wait_idle()


def test_deleting_a_conversation_stops_its_answer(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-silent").ask("Delete me while I wait")
    expect(chat.stop).to_have_count(1)
    chat.choose_row_action("Delete me while I wait", "Delete")
    expect(chat.stop).to_have_count(0)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.answers.last).to_contain_text("You stopped this answer")


def test_the_settings_page_can_be_the_first_page_of_a_server(tmp_path, new_page):
    app = AppServer(tmp_path, {})
    try:
        page = new_page()
        page.goto(f"{app.url}/settings")
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        page.get_by_role("link", name="Back to chat").click()
        expect(ChatPage(page, app.url).composer).to_be_visible()
    finally:
        app.close()
