"""A conversation that fills its model's window: the warning before sending, each choice, and undo."""

from __future__ import annotations

import re

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
    expect(choice(chat)).to_contain_text("demo-short-memory reads 800.")
    expect(choice(chat)).to_contain_text("the oldest turns have to be left out: 1.")
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


def test_near_the_windows_end_one_quiet_line_says_so(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-short-memory&wire=openai")
    chat.ask(LONG).wait_idle().ask("Second").wait_idle()
    chat.page.reload()
    told = chat.page.get_by_text("of the context window of demo-short-memory.")
    expect(told).to_have_text(re.compile(r"fills (8|9)\d % of"))
    expect(choice(chat)).to_have_count(0)
    # A model whose window is not known says nothing.
    chat.choose_model("demo-tour")
    expect(told).to_have_count(0)


def test_it_can_be_sent_all_the_same_and_the_gateway_has_the_last_word(app, new_page):
    chat = full(app, new_page)
    button(chat, "Send anyway").click()
    expect(chat.page.get_by_text("Press Enter to send.")).to_be_visible()
    chat.composer.press("Enter")
    expect(chat.questions).to_have_count(3)
    expect(chat.answers.last).to_contain_text("too long for the model's context window")
    chat.wait_idle()
    # The next one is looked at again.
    held(chat, "And now?")


def test_a_question_that_is_too_long_alone_says_so_and_offers_no_way_that_is_none(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-short-memory&wire=openai")
    held(chat, "word " * 900)
    expect(choice(chat)).to_contain_text(
        "Shorten your message, or choose a model with a larger context window"
    )
    for name in (
        "Leave out the oldest messages",
        "Summarise the oldest messages",
        "New chat from the latest messages",
    ):
        expect(button(chat, name)).to_be_disabled()
    # With a model that reads more it goes.
    chat.choose_model("demo-tour")
    expect(choice(chat)).to_have_count(0)
    chat.composer.press("Enter")
    expect(chat.questions).to_have_count(1)


def test_a_new_chat_can_begin_with_the_last_turns(app, new_page):
    chat = full(app, new_page)
    old = chat.page.url
    button(chat, "New chat from the latest messages").click()
    expect(chat.page).not_to_have_url(old)
    expect(chat.questions).to_have_text(["Second"])
    sent(chat, 2)
    chat.page.goto(old)
    expect(chat.questions).to_have_count(2)
    expect(line(chat)).to_have_count(0)


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


def test_a_new_chat_can_begin_with_a_summary(app_with_utility_model, new_page):
    chat = full(app_with_utility_model, new_page)
    old = chat.page.url
    button(chat, "New chat from a summary").click()
    expect(chat.page).not_to_have_url(old)
    expect(chat.questions.first).to_contain_text("Here is a summary of our conversation")
    expect(chat.questions.nth(1)).to_have_text("Second")
    sent(chat, 3)


def test_the_title_comes_from_the_cheap_model(app_with_utility_model, new_page):
    chat = (
        ChatPage(new_page(), app_with_utility_model.url)
        .open("?model=demo-tour&wire=openai")
        .ask("What is a tide?")
        .wait_idle()
    )
    chat.page.reload()
    expect(chat.rows.first).to_contain_text("In short: What is a tide?")


@pytest.mark.parametrize("cheap", ["demo-silent", "demo-no-balance"])
def test_a_summary_that_does_not_come_can_be_cancelled_and_says_why(tmp_path, server_pool, new_page, cheap):
    app = AppServer(
        tmp_path / "app",
        {
            "DEERAPI_API_KEY": KEY,
            "DEERAPI_BASE_URL": server_pool.get_fake_gateway(FAST_PACE),
            "DEERAPI_CHEAP_MODEL": cheap,
        },
    )
    try:
        chat = full(app, new_page)
        button(chat, "Summarise the oldest messages").click()
        if cheap == "demo-silent":
            expect(chat.page.get_by_text("Summarising the oldest messages")).to_be_visible()
            chat.page.locator(".st-key-summing-cancel button").click()
        else:
            expect(choice(chat)).to_contain_text("The summary failed. Nothing was changed.")
            expect(choice(chat)).to_contain_text("The API key has no credit left.")
        expect(button(chat, "Leave out the oldest messages")).to_be_enabled()
        expect(chat.composer).to_have_value(THIRD)
        expect(line(chat)).to_have_count(0)
        button(chat, "Leave out the oldest messages").click()
        sent(chat, 3)
    finally:
        app.close()
