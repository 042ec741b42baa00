"""A conversation of a thousand messages: as quick as a short one, and all of it within reach."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.replay import Canned

SAID = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
# The box of a text on the screen: its distance from the window's top, in CSS pixels.
TOP = "element => element.getBoundingClientRect().top"


@pytest.fixture
def long(app, new_page) -> ChatPage:
    chat = ChatPage(new_page(), app.url).open("?model=demo-crlf&wire=openai")
    HistorySeed(app, chat).add("Long", said=build_turns(500))
    chat.open("?model=demo-crlf").rows.get_by_role("button", name="Long").click()
    expect(chat.answers.last).to_contain_text("Answer 500")
    return chat.wait_idle()


def test_the_page_holds_a_window_and_earlier_messages_come_above_what_is_read(long):
    held = long.questions.count()
    assert held < 50
    first = long.questions.first
    number = first.inner_text()
    long.page.get_by_role("button", name="Show earlier messages").scroll_into_view_if_needed()
    before = first.evaluate(TOP)
    long.page.get_by_role("button", name="Show earlier messages").click()
    expect(long.questions).to_have_count(2 * held)
    long.wait_idle()
    again = long.questions.get_by_text(number, exact=True)
    expect(again).to_be_in_viewport()
    assert abs(again.evaluate(TOP) - before) < 200
    # What is asked now stands in the same window: nothing that is read moves away.
    long.choose_model("demo-crlf").ask("And now?").wait_idle()
    expect(long.questions).to_have_count(2 * held + 1)
    expect(long.answers.last).to_contain_text("demo-crlf")


def test_a_message_found_far_above_opens_a_window_around_it_and_not_all_that_follows(long):
    search = long.page.get_by_placeholder("Search")
    search.fill("Question 100")
    search.press("Enter")
    long.page.locator('[class*="st-key-hit-"]').get_by_role("button").last.click()
    expect(long.questions.get_by_text("Question 100", exact=True)).to_be_in_viewport()
    held = long.questions.count()
    assert held < 50
    long.page.get_by_role("button", name="Show later messages").click()
    expect(long.questions).to_have_count(2 * held)
    long.choose_model("demo-crlf").ask("And now?").wait_idle()
    expect(long.questions.last).to_have_text("And now?")
    expect(long.page.get_by_role("button", name="Show later messages")).to_have_count(0)
    assert long.questions.count() < 50


def test_all_of_a_long_conversation_is_sent(keyed, new_page, replay):
    replay.serve("/v1/chat/completions", Canned(SAID))
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai")
    HistorySeed(keyed, chat).add("Long", said=build_turns(500))
    chat.open().rows.get_by_role("button", name="Long").click()
    expect(chat.answers.last).to_contain_text("Answer 500")
    chat.choose_model("m-one").ask("The last question").wait_idle()
    messages = json.loads(replay.requests[-1].body)["messages"]
    assert len(messages) == 1001
    assert [messages[at]["content"] for at in (0, 998, 1000)] == [
        "Question 1",
        "Question 500",
        "The last question",
    ]
