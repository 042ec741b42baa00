"""A conversation of a thousand messages: a window of them on the page, all of them in the request."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.replay import Canned

ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
# The box of a text on the screen: its distance from the window's top, in CSS pixels.
TOP = "element => element.getBoundingClientRect().top"


@pytest.fixture
def chat(app, new_page) -> ChatPage:
    chat = ChatPage(new_page(), app.url).open("?model=demo-crlf&wire=openai")
    HistorySeed(app, chat).add("Long", messages=build_turns(500))
    chat.open("?model=demo-crlf").rows.get_by_role("button", name="Long").click()
    expect(chat.answers.last).to_contain_text("Answer 500")
    return chat.wait_idle()


def test_earlier_messages_are_added_above_without_moving_the_view(chat):
    count = chat.questions.count()
    assert count < 50
    first = chat.questions.first
    number = first.inner_text()
    chat.page.get_by_role("button", name="Show earlier messages").scroll_into_view_if_needed()
    before = first.evaluate(TOP)
    chat.page.get_by_role("button", name="Show earlier messages").click()
    expect(chat.questions).to_have_count(2 * count)
    chat.wait_idle()
    again = chat.questions.get_by_text(number, exact=True)
    expect(again).to_be_in_viewport()
    assert abs(again.evaluate(TOP) - before) < 200
    # What is asked now stands in the same window: nothing that is read moves away.
    chat.choose_model("demo-crlf").ask("And now?").wait_idle()
    expect(chat.questions).to_have_count(2 * count + 1)
    expect(chat.answers.last).to_contain_text("demo-crlf")


def test_a_search_result_opens_a_window_around_the_message(chat):
    search = chat.page.get_by_placeholder("Search")
    search.fill("Question 100")
    search.press("Enter")
    chat.page.locator('[class*="st-key-hit-"]').get_by_role("button").last.click()
    expect(chat.questions.get_by_text("Question 100", exact=True)).to_be_in_viewport()
    count = chat.questions.count()
    assert count < 50
    chat.page.get_by_role("button", name="Show later messages").click()
    expect(chat.questions).to_have_count(2 * count)
    chat.choose_model("demo-crlf").ask("And now?").wait_idle()
    expect(chat.questions.last).to_have_text("And now?")
    expect(chat.page.get_by_role("button", name="Show later messages")).to_have_count(0)
    assert chat.questions.count() < 50


def test_all_messages_of_a_long_conversation_are_sent(keyed, new_page, replay):
    replay.serve("/v1/chat/completions", Canned(ANSWER))
    chat = ChatPage(new_page(), keyed.url).open("?model=m-one&wire=openai")
    HistorySeed(keyed, chat).add("Long", messages=build_turns(500))
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
