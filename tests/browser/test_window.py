"""A conversation that fills its model's window: the warning before sending, each choice, and undo."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import FAST_PACE, KEY
from tests.support.app_server import AppServer, ServerAddress

LONG = "First " + "word " * 300
THIRD = "Third " + "word " * 100
OVER = "This chat needs"


@pytest.fixture(scope="session")
def app_with_utility_model(server_pool) -> ServerAddress:
    """The app with a cheap model for titles and summaries."""
    gateway = server_pool.get_fake_gateway(FAST_PACE)
    settings = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": gateway}
    return server_pool.get("utility-model", {**settings, "DEERAPI_CHEAP_MODEL": "demo-cheap@anthropic"})


def full(app: AppServer, new_page, wire: str = "openai") -> ChatPage:
    """A conversation that is held back with its third question, for it would not fit."""
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-short-memory&wire={wire}")
    chat.ask(LONG).wait_idle().ask("Second").wait_idle()
    held(chat, THIRD)
    return chat


def held(chat: ChatPage, text: str) -> None:
    """Press Enter, and see the question back in the box with the choice above it."""
    asked = chat.questions.count()
    chat.composer.fill(text)
    chat.composer.press("Enter")
    expect(choice(chat)).to_contain_text(f"Not sent. {OVER}")
    expect(chat.composer).to_have_value(text)
    chat.wait_idle()
    assert chat.questions.count() == asked


def choice(chat: ChatPage) -> Locator:
    return chat.page.locator(".st-key-too-long")


def button(chat: ChatPage, name: str) -> Locator:
    return choice(chat).get_by_role("button", name=name, exact=True)


def line(chat: ChatPage) -> Locator:
    return chat.page.locator(".st-key-window-line")


def sent(chat: ChatPage, count: int) -> None:
    """Press Enter on what waits in the box, and see it answered as one of so many questions."""
    expect(chat.page.get_by_text("Press Enter to send.")).to_be_visible()
    expect(chat.composer).to_have_value(THIRD)
    chat.composer.press("Enter")
    expect(chat.questions).to_have_count(count)
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    expect(choice(chat)).to_have_count(0)


def test_a_window_that_fills_is_told_in_one_line_and_the_oldest_can_be_left_out(app, new_page, any_wire):
    chat = full(app, new_page, any_wire)
    expect(choice(chat)).to_contain_text("the context window of demo-short-memory is 800.")
    expect(choice(chat)).to_contain_text("leave out the oldest question and its answer.")
    # What needs a cheap model is there, and says why it cannot be chosen.
    expect(button(chat, "Summarise the oldest messages")).to_be_disabled()
    expect(choice(chat)).to_contain_text("Summaries need a low-cost model")
    button(chat, "Leave out the oldest messages").click()
    expect(line(chat)).to_contain_text("Messages above are no longer sent to the model.")
    sent(chat, 3)
    # The line stands between what is not sent and what is, also for whoever comes back.
    chat.page.reload()
    expect(line(chat)).to_have_count(1)
    texts = chat.page.get_by_test_id("stMainBlockContainer").inner_text()
    assert texts.index("First word") < texts.index("Messages above are no longer") < texts.index("Second")
    # Taken back, all of it is sent again, and is too long again.
    line(chat).get_by_role("button", name="Send all messages again").click()
    expect(line(chat)).to_have_count(0)
    expect(choice(chat)).to_contain_text(OVER)
    expect(chat.questions).to_have_count(3)


def test_the_oldest_can_be_sent_as_a_summary_and_that_taken_back(app_with_utility_model, new_page, any_wire):
    chat = full(app_with_utility_model, new_page, any_wire)
    expect(choice(chat)).not_to_contain_text("Summaries need a low-cost model")
    button(chat, "Summarise the oldest messages").click()
    expect(line(chat)).to_contain_text("Messages above are sent to the model as a summary.")
    chat.page.get_by_text("Summary", exact=True).click()
    said = chat.page.get_by_test_id("stMainBlockContainer").get_by_text("In short: First word word")
    expect(said).to_be_visible()
    sent(chat, 3)
    line(chat).get_by_role("button", name="Send all messages again").click()
    expect(line(chat)).to_have_count(0)
    expect(said).to_have_count(0)
    expect(choice(chat)).to_contain_text(OVER)
