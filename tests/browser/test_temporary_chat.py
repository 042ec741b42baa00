"""A temporary chat: all actions, and no rows in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, wait_until
from tests.browser.conftest import FAST_PACE, KEY, address
from tests.support.app_server import AppServer

NOTICE = "not saved and not in the list"
GREETING = "What can I help you with?"


@pytest.fixture
def own_app(tmp_path, server_pool) -> Iterator[AppServer]:
    """An app whose database no other test writes to."""
    gateway = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": server_pool.get_fake_gateway(FAST_PACE)}
    server = AppServer(tmp_path, {"DATABASE_URL": "sqlite:///talk.db", **gateway})
    yield server
    server.close()


def count_rows(folder: Path) -> dict[str, int]:
    """Return the number of rows by table."""
    with sqlite3.connect(folder / "talk.db") as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}


def start_temporary(chat: ChatPage) -> ChatPage:
    """Start a temporary chat from the empty page."""
    chat.page.get_by_role("button", name="Temporary chat").click()
    expect(chat.page.get_by_text(NOTICE)).to_be_visible()
    return chat


def test_a_temporary_chat_writes_usage_rows_only(own_app, new_page):
    chat = start_temporary(ChatPage(new_page(), own_app.url).open("?model=demo-repeats&wire=openai"))
    chat.wait_idle()
    before = count_rows(own_app.folder)
    assert "conversation" in before
    chat.ask("Tell me").wait_idle()
    expect(chat.answers.last).to_contain_text("Cut off: token limit reached")
    expect(chat.page.get_by_text(NOTICE)).to_be_visible()
    chat.answer_button("Continue").click()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle().answer_button("Regenerate").click()
    pager = chat.answers.last.locator('[class*="st-key-pager-"]')
    expect(pager.filter(has_text="2 / 2")).to_be_visible()
    chat.wait_idle().answer_button("Previous version").click()
    expect(pager.filter(has_text="1 / 2")).to_be_visible()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.open_parameters()
    chat.set_parameter("Temperature", "0.5")
    chat.page.keyboard.press("Escape")
    chat.wait_idle().choose_model("demo-holds").choose_wire("Anthropic format").wait_idle().ask("Hold on")
    expect(chat.answers.last).to_contain_text("You are reading")
    chat.press_stop().wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    expect(chat.answers.last).to_contain_text("demo-holds · Anthropic")
    expect(chat.questions).to_have_text(["Tell me", "Hold on"])
    expect(chat.page.get_by_role("button", name="Parameters · 1")).to_be_visible()
    expect(chat.rows).to_have_count(0)
    expect(chat.page).not_to_have_url(address("c="))
    # Four requests were made; none of their rows leads back here.
    wait_until(chat.page, lambda: count_rows(own_app.folder) == {**before, "ledger": before["ledger"] + 4})
    with sqlite3.connect(own_app.folder / "talk.db") as database:
        query = "SELECT conversation, node, request_id FROM ledger WHERE model LIKE 'demo-%'"
        assert set(database.execute(query)) == {(None, None, "")}


def test_a_temporary_chat_survives_another_page_and_is_not_in_another_tab_or_after_a_reload(demo, new_page):
    chat = start_temporary(ChatPage(new_page(), demo.url).open("?model=demo-endless")).ask("Forget me")
    expect(chat.answers.last).to_contain_text("Line 3")
    tab = ChatPage(new_page(), demo.url).open()
    expect(tab.rows).to_have_count(0)
    expect(tab.stop).to_have_count(0)
    tab.page.close()
    chat.press_stop().wait_idle()
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings")).to_be_visible()
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.questions).to_have_text(["Forget me"])
    chat.wait_idle().ask("And forget this")
    expect(chat.answers.last).to_contain_text("Line 3")
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.stop).to_have_count(0)
    start_temporary(chat).ask("Gone with the page").press_stop().wait_idle()
    chat.page.reload()
    expect(chat.page.get_by_text(GREETING)).to_be_visible()
    expect(chat.page.get_by_text(NOTICE)).to_have_count(0)
    expect(chat.rows).to_have_count(0)
