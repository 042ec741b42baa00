"""Text in the composer: kept in the browser until it is sent, and sent again until the server has stored it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.chat_page import NOTHING_TYPED, ChatPage, wait_until
from tests.browser.conftest import address
from tests.support.app_server import AppServer

DRAFT = "Half a thought 🌊 שלום\n\n  and a line  "
LONG_DRAFT = "0123456789" * 10_000
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });"""

# Types and sends as soon as there is an input, once.
ENTER_AT_ONCE = """if (!sessionStorage.getItem("sentEarly")) new MutationObserver((_, observer) => {
  const box = document.querySelector('[data-testid="stChatInputTextArea"]');
  if (!box) return;
  observer.disconnect();
  sessionStorage.setItem("sentEarly", "yes");
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, "Sent early");
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  window.heldCount = window.antlerHeld.texts.length;
}).observe(document, { childList: true, subtree: true });"""


def read_storage(page: Page, name: str = "localStorage") -> str:
    """Return what the browser keeps of the composer."""
    kept = "([key]) => key.startsWith('antler.draft.') || key.startsWith('antler.question.')"
    return str(page.evaluate(f"JSON.stringify(Object.entries({name}).filter({kept}))"))


def open_settings(chat: ChatPage) -> None:
    chat.page.get_by_role("link", name="Settings").click()
    expect(chat.page.get_by_role("heading", name="Settings", exact=True)).to_be_visible()


def open_conversation(chat: ChatPage) -> None:
    chat.row_button("").click()


def new_chat(chat: ChatPage) -> None:
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.questions).to_have_count(0)


def test_a_question_sent_before_its_script_is_ready_is_sent_once_and_each_chat_keeps_its_draft(chat):
    chat.open("?model=demo-echo")
    chat.composer.fill(DRAFT)
    chat.page.wait_for_function("() => Object.values(localStorage).some((text) => text.includes('Half a thought'))")
    chat.page.add_init_script(ENTER_AT_ONCE)
    chat.page.reload()
    expect(chat.questions).to_have_text(["Sent early"])
    expect(chat.composer).to_have_value(DRAFT)
    chat.wait_idle()
    expect(chat.answers).to_have_count(1)
    expect(chat.questions).to_have_count(1)
    assert chat.page.evaluate("() => window.heldCount") == 1
    check_drafts(chat)


def check_drafts(chat: ChatPage) -> None:
    """Check that each chat keeps its draft through reloads, pages and tabs."""
    url = chat.page.url
    open_settings(chat)
    chat.page.get_by_role("link", name="Back to chat").click()
    expect(chat.composer).to_have_value(DRAFT)
    new_chat(chat)
    expect(chat.composer).to_have_value("")
    chat.composer.fill(LONG_DRAFT)
    open_conversation(chat)
    expect(chat.composer).to_have_value(DRAFT)
    # Another tab continues the draft, and changes nothing in this one.
    other = ChatPage(chat.page.context.new_page(), chat.url)
    other.page.goto(url)
    expect(other.composer).to_have_value(DRAFT)
    other.composer.fill("Typed in the other tab")
    other.page.reload()
    expect(other.composer).to_have_value("Typed in the other tab")
    chat.page.reload()
    expect(chat.composer).to_have_value(DRAFT)
    # What was sent is no draft any more, in its own chat only.
    other.composer.press("Enter")
    expect(other.questions).to_have_text(["Sent early", "Typed in the other tab"])
    expect(other.composer).to_have_value("")
    other.page.goto(f"{chat.url}/?q=What%20is%20this%3F")
    expect(other.composer).to_have_value(f"{LONG_DRAFT}\n\nWhat is this?")
    expect(other.page).not_to_have_url(address("q="))
    expect(other.questions).to_have_count(0)
    other.page.close()


def test_a_draft_leaves_no_trace_where_nothing_may_be_kept(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-echo")
    chat.composer.fill("A secret")
    chat.page.get_by_role("button", name="Temporary chat").click()
    expect(chat.page.get_by_text("not saved and not in the list")).to_be_visible()
    expect(chat.composer).to_have_value("A secret")
    chat.wait_idle().composer.press("Control+End")
    chat.composer.press_sequentially(" of mine")
    chat.page.wait_for_function("() => JSON.stringify(Object.values(sessionStorage)).includes('secret of mine')")
    assert "secret" not in read_storage(chat.page)
    chat.composer.press("Enter")
    expect(chat.questions).to_have_text(["A secret of mine"])
    chat.wait_idle()
    assert "secret" not in read_storage(chat.page) + read_storage(chat.page, "sessionStorage")
    # A browser that stores nothing keeps a draft as long as the page.
    chat.page.close()
    strict = new_page()
    strict.add_init_script(NO_STORAGE)
    private = ChatPage(strict, app.url).open("?model=demo-echo").wait_idle()
    private.composer.fill("Only here")
    open_settings(private)
    private.page.get_by_role("link", name="Back to chat").click()
    expect(private.composer).to_have_value("Only here")
    private.composer.press("Enter")
    expect(private.questions).to_have_text(["Only here"])


def count_questions(folder: Path) -> int:
    with sqlite3.connect(folder / "talk.db") as database:
        return int(database.execute("SELECT count(*) FROM node WHERE role = 'user'").fetchone()[0])


def test_a_question_to_a_server_that_dies_is_stored_once_by_the_next_one(tmp_path, new_page):
    app = AppServer(tmp_path, {"DATABASE_URL": "sqlite:///talk.db"})
    try:
        chat = ChatPage(new_page(), app.url).open("?model=demo-echo").ask("Before").wait_idle()
        # The message reaches a process that never reads it.
        os.kill(app.pid, signal.SIGSTOP)
        chat.composer.fill("Sent into the void")
        chat.composer.press("Enter")
        expect(chat.composer).to_have_value("")
        ((name, record),) = json.loads(read_storage(chat.page))
        app.kill()
        app.restart()
        expect(chat.questions).to_have_text(["Before", "Sent into the void"])
        expect(chat.answers).to_have_count(2)
        chat.wait_idle()
        expect(chat.composer).to_have_value("")
        wait_until(chat.page, lambda: read_storage(chat.page) == "[]")
        # A page that has not heard of the result asks for it under the same key.
        chat.page.evaluate("([name, record]) => localStorage.setItem(name, record)", [name, record])
        chat.page.reload()
        chat.page.wait_for_function("(name) => !localStorage.getItem(name)", arg=name)
        expect(chat.questions).to_have_text(["Before", "Sent into the void"])
        assert count_questions(tmp_path) == 2
    finally:
        app.close()


def test_what_is_typed_in_an_editor_survives_another_page_and_a_reload(history):
    history.add("Tides", messages=["When is high tide?", "At noon."])
    chat, page = history.open(), history.chat.page
    edit, prompt = (page.get_by_role("textbox", name=name, exact=True) for name in ("Edit", "Prompt"))

    def open_editor() -> None:
        expect(chat.questions).to_have_text(["When is high tide?"])
        chat.wait_idle().questions.first.hover()
        page.get_by_role("button", name="Edit question 1").click()

    open_conversation(chat)
    open_editor()
    chat.fill_opened("Edit", "When is low tide?")
    open_settings(chat)
    page.get_by_role("link", name="Back to chat").click()
    expect(edit).to_have_value("When is low tide?")
    page.reload()
    open_editor()
    expect(edit).to_have_value("When is low tide?")
    edit.press("Control+Enter")
    expect(chat.questions).to_have_text(["When is low tide?"])
    page.wait_for_function(NOTHING_TYPED)

    page.get_by_role("link", name="Prompts").click()
    page.get_by_role("button", name="New prompt").click()
    expect(prompt).to_be_visible()
    chat.wait_idle()
    prompt.fill("Sum up {{notes}}")
    page.reload()
    page.get_by_role("button", name="New prompt").click()
    expect(prompt).to_have_value("Sum up {{notes}}")
    expect(page.get_by_text("Asked when used: notes.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(prompt).to_have_count(0)
    page.get_by_role("button", name="New prompt").click()
    expect(prompt).to_have_value("")
