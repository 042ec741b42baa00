"""The list of conversations: newest first, open, new, rename, delete and take back."""

from __future__ import annotations

import sqlite3

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer


@pytest.fixture
def talks(app, new_page) -> ChatPage:
    """Two conversations of this test, the second one shown."""
    chat = ChatPage(new_page(), app.url).open("?model=demo-wrong-key").ask("The older one").wait_idle()
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)
    return chat.ask("The newer one").wait_idle()


def test_the_newest_is_first_and_titled_by_its_question(talks):
    expect(talks.rows.nth(0)).to_contain_text("The newer one")
    expect(talks.rows.nth(1)).to_contain_text("The older one")


def test_a_click_opens_a_conversation(talks):
    talks.rows.nth(1).get_by_role("button", name="The older one").click()
    expect(talks.questions).to_have_text(["The older one"])


def test_a_conversation_opens_from_another_page(talks):
    talks.page.get_by_role("link", name="Settings").click()
    expect(talks.page.get_by_role("heading", name="Settings")).to_be_visible()
    talks.rows.nth(1).get_by_role("button", name="The older one").click()
    expect(talks.questions).to_have_text(["The older one"])


def test_a_rename_holds_and_shows_what_was_typed(talks):
    talks.choose_row_action("The newer one", "Rename")
    talks.page.get_by_role("textbox", name="Title").fill("A *starred* [name] $5 :smile:")
    talks.page.get_by_role("button", name="Save").click()
    expect(talks.rows.nth(0)).to_contain_text("A *starred* [name] $5 :smile:")
    talks.page.reload()
    expect(talks.rows.nth(0)).to_contain_text("A *starred* [name] $5 :smile:")
    expect(talks.questions).to_have_text(["The newer one"])


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


def test_a_database_that_refuses_leaves_the_page_and_the_words_in_place(tmp_path, new_page):
    app = AppServer(tmp_path, {"DATABASE_URL": "sqlite:///talk.db"})
    try:
        chat = ChatPage(new_page(), app.url).open("?model=demo-wrong-key").ask("Keep me").wait_idle()
        chat.composer.fill("Half a question")
        with sqlite3.connect(tmp_path / "talk.db") as database:
            database.execute(
                "CREATE TRIGGER full BEFORE UPDATE ON conversation BEGIN SELECT RAISE(ABORT, 'full'); END"
            )
        chat.choose_row_action("Keep me", "Delete")
        expect(chat.page.get_by_text("nothing was changed")).to_be_visible()
        expect(chat.rows).to_have_count(1)
        expect(chat.questions).to_have_text(["Keep me"])
        expect(chat.composer).to_have_value("Half a question")
    finally:
        app.close()


def test_a_deleted_conversation_can_be_taken_back(talks):
    count = talks.rows.count()
    talks.choose_row_action("The newer one", "Delete")
    expect(talks.page.get_by_text("Deleted “The newer one”")).to_be_visible()
    expect(talks.rows).to_have_count(count - 1)
    expect(talks.questions).to_have_count(0)
    talks.page.get_by_role("button", name="Undo").click()
    expect(talks.rows).to_have_count(count)
    expect(talks.questions).to_have_text(["The newer one"])
    expect(talks.page.get_by_role("button", name="Undo")).to_have_count(0)


def test_deleting_a_conversation_ends_its_answer(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-silent").ask("Delete me while I wait")
    expect(chat.stop).to_have_count(1)
    chat.choose_row_action("Delete me while I wait", "Delete")
    expect(chat.stop).to_have_count(0)
    chat.page.get_by_role("button", name="Undo").click()
    expect(chat.answers.last).to_contain_text("You stopped this answer")


def test_an_unknown_conversation_opens_as_a_new_one(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?c=there-is-no-such")
    expect(chat.page.get_by_text("What can I help you with?")).to_be_visible()
    chat.ask("Start afresh").wait_idle()
    expect(chat.questions).to_have_count(1)


def test_settings_opens_first_on_a_fresh_server(tmp_path, new_page):
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
