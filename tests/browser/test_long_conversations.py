"""A conversation of a thousand messages: a window of them on the page, all of them in the request."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, wait_until
from tests.browser.history_seed import HistorySeed, build_turns
from tests.support.replay import Canned

ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\n'
# The box of a text on the screen: its distance from the window's top, in CSS pixels.
TOP = "element => element.getBoundingClientRect().top"


def test_a_window_of_messages_is_shown_and_all_of_them_are_sent(keyed, new_page, replay):
    replay.serve("/v1/chat/completions", Canned(ANSWER))
    history = HistorySeed(keyed, ChatPage(new_page(), keyed.url))
    history.add("Long", messages=build_turns(500))
    chat = history.open("?model=m-one&wire=openai")
    page = chat.page
    chat.row_button("Long").click()
    expect(chat.answers.last).to_contain_text("Answer 500")
    chat.wait_idle()

    # Earlier messages are added above, and the view does not move.
    count = chat.questions.count()
    assert count < 50
    first = chat.questions.first
    number = first.inner_text()
    page.get_by_role("button", name="Show earlier messages").scroll_into_view_if_needed()
    chat.wait_scrolled()
    before = first.evaluate(TOP)
    page.get_by_role("button", name="Show earlier messages").click()
    expect(chat.questions).to_have_count(2 * count)
    chat.wait_idle()
    again = chat.questions.get_by_text(number, exact=True)
    expect(again).to_be_in_viewport()
    wait_until(page, lambda: abs(again.evaluate(TOP) - before) < 200)
    # What is asked now is in the same window, so that nothing that is read moves away.
    chat.ask("And now?").wait_idle()
    expect(chat.questions).to_have_count(2 * count + 1)
    expect(chat.answers.last).to_contain_text("Yes.")
    messages = replay.last_request("/v1/chat/completions").json["messages"]
    assert len(messages) == 1001
    assert [messages[at]["content"] for at in (0, 998, 1000)] == ["Question 1", "Question 500", "And now?"]

    # A search result opens a window around its message.
    search = page.get_by_role("searchbox", name="Search")
    search.fill("Question 100")
    search.press("Enter")
    page.locator('[class*="st-key-hit-"]').get_by_role("button").last.click()
    expect(chat.questions.get_by_text("Question 100", exact=True)).to_be_in_viewport()
    # The page still scrolls to the message: a button that moves under the pointer is not clicked.
    chat.wait_at_rest()
    count = chat.questions.count()
    assert count < 50
    page.get_by_role("button", name="Show later messages").click()
    expect(chat.questions).to_have_count(2 * count)
    chat.wait_idle().ask("And then?").wait_idle()
    expect(chat.questions.last).to_have_text("And then?")
    expect(page.get_by_role("button", name="Show later messages")).to_have_count(0)
    assert chat.questions.count() < 50
