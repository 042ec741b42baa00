"""A conversation that fills the context window: the question stays, and the oldest messages are left out."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.support.app_server import ServerAddress

FIRST = "First " + "word " * 300
THIRD = "Third " + "word " * 100
TOO_LONG = "This chat needs"


def fill_window(app: ServerAddress, new_page, wire: str) -> ChatPage:
    """Return a conversation whose third question is held back, because it would not fit."""
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-short-memory&wire={wire}")
    chat.ask(FIRST).wait_idle().ask("Second").wait_idle()
    ask_too_long(chat, THIRD)
    return chat


def ask_too_long(chat: ChatPage, text: str) -> None:
    """Ask a question that is held back: it stays in the composer, with the choice above it."""
    questions = chat.questions.count()
    chat.composer.fill(text)
    chat.composer.press("Enter")
    expect(choices(chat)).to_contain_text(f"Not sent. {TOO_LONG}")
    expect(chat.composer).to_have_value(text)
    chat.wait_idle()
    expect(chat.questions).to_have_count(questions)


def choices(chat: ChatPage) -> Locator:
    return chat.page.locator(".st-key-too-long")


def button(chat: ChatPage, name: str) -> Locator:
    return choices(chat).get_by_role("button", name=name, exact=True)


def divider(chat: ChatPage) -> Locator:
    return chat.page.locator(".st-key-window-line")


def send_again(chat: ChatPage, count: int) -> None:
    """Send the question in the composer, and wait for its answer as the last of `count`."""
    expect(chat.page.get_by_text("Press Enter to send.")).to_be_visible()
    expect(chat.composer).to_have_value(THIRD)
    chat.composer.press("Enter")
    expect(chat.questions).to_have_count(count)
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    expect(choices(chat)).to_have_count(0)


def test_leaving_out_the_oldest_messages_sends_the_rest_until_undone(app, new_page, any_wire):
    chat = fill_window(app, new_page, any_wire)
    expect(choices(chat)).to_contain_text("the context window of demo-short-memory is 800.")
    expect(choices(chat)).to_contain_text("leave out the oldest question and its answer.")
    # What needs a cheap model is there, and says why it cannot be chosen.
    expect(button(chat, "Summarise the oldest messages")).to_be_disabled()
    expect(choices(chat)).to_contain_text("Summaries need a low-cost model")
    button(chat, "Leave out the oldest messages").click()
    expect(divider(chat)).to_contain_text("Messages above are no longer sent to the model.")
    send_again(chat, 3)
    # The line stands between what is not sent and what is, also for whoever comes back.
    chat.page.reload()
    expect(divider(chat)).to_have_count(1)
    expect(chat.questions).to_have_count(3)
    chat.wait_idle()
    texts = chat.page.get_by_test_id("stMainBlockContainer").inner_text()
    assert texts.index("First word") < texts.index("Messages above are no longer") < texts.index("Second")
    # Taken back, all of it is sent again, and is too long again.
    divider(chat).get_by_role("button", name="Send all messages again").click()
    expect(divider(chat)).to_have_count(0)
    expect(choices(chat)).to_contain_text(TOO_LONG)
    expect(chat.questions).to_have_count(3)
