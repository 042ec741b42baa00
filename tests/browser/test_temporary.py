"""A temporary chat: it can do what others can, and is kept nowhere."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer

ABOUT = "not saved and not in the list"
GREETING = "What can I help you with?"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    started = AppServer(tmp_path_factory.mktemp("temporary"), {"DATABASE_URL": "sqlite:///talk.db"})
    yield started
    started.close()


def rows(folder: Path) -> dict[str, int]:
    """How many rows each table of the database has."""
    with sqlite3.connect(folder / "talk.db") as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in found}


def temporary(chat: ChatPage) -> ChatPage:
    """Begin a temporary chat from the empty page."""
    chat.page.get_by_role("button", name="Temporary chat").click()
    expect(chat.page.get_by_text(ABOUT)).to_be_visible()
    return chat


def test_a_whole_temporary_chat_writes_no_row_but_those_of_its_cost(app, new_page):
    chat = temporary(ChatPage(new_page(), app.url).open("?model=demo-repeats&wire=openai"))
    before = rows(app.folder)
    assert "conversation" in before
    chat.ask("Tell me").wait_idle()
    expect(chat.answers.last).to_contain_text("Cut off: token limit reached")
    expect(chat.page.get_by_text(ABOUT)).to_be_visible()
    chat.answer_button("Continue").click()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle().answer_button("Regenerate").click()
    pager = chat.answers.last.locator('[class*="st-key-pager-"]')
    expect(pager).to_contain_text("2 / 2")
    chat.wait_idle().answer_button("Previous version").click()
    expect(pager).to_contain_text("1 / 2")
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.open_parameters()
    chat.set_parameter("Temperature", "0.5")
    chat.page.keyboard.press("Escape")
    chat.wait_idle().choose_model("demo-endless").choose_wire("Anthropic format").wait_idle().ask(
        "Count for me"
    )
    expect(chat.answers.last).to_contain_text("Line 3")
    chat.press_stop().wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    expect(chat.answers.last).to_contain_text("demo-endless · Anthropic")
    expect(chat.questions).to_have_text(["Tell me", "Count for me"])
    expect(chat.page.get_by_role("button", name="Parameters · 1")).to_be_visible()
    expect(chat.rows).to_have_count(0)
    assert "c=" not in chat.page.url
    # Four requests were made; none of their rows leads back here.
    assert rows(app.folder) == {**before, "ledger": before["ledger"] + 4}
    with sqlite3.connect(app.folder / "talk.db") as database:
        query = "SELECT conversation, node, request_id FROM ledger WHERE model LIKE 'demo-%'"
        assert set(database.execute(query)) == {(None, None, "")}


def test_another_page_and_back_finds_it_and_a_reload_does_not(app, new_page):
    chat = temporary(ChatPage(new_page(), app.url).open("?model=demo-wrong-key")).ask("Forget me").wait_idle()
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.questions).to_have_text(["Forget me"])
    chat.page.reload()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.page.get_by_text(ABOUT)).to_have_count(0)
    expect(chat.rows).to_have_count(0)


def test_nobody_else_reaches_an_answer_that_arrives_there(app, new_page):
    chat = temporary(ChatPage(new_page(), app.url).open("?model=demo-endless")).ask("Count for me")
    expect(chat.answers.last).to_contain_text("Line 3")
    tab = ChatPage(new_page(), app.url).open()
    expect(tab.rows).to_have_count(0)
    expect(tab.stop).to_have_count(0)
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.stop).to_have_count(0)
