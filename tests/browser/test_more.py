"""What can be done with an answer: go on, page, ask again, wait or not, and see all that was told."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

OPENING = "You are reading demo-"


def shown(chat: ChatPage, page: str) -> None:
    expect(chat.answers.last.locator('[class*="st-key-pager-"]')).to_contain_text(page)


def test_an_answer_that_was_cut_goes_on_as_one_seamless_text(app, new_page, wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-repeats&wire={wire}").ask("Tell me").wait_idle()
    expect(chat.answers.last).to_contain_text("Cut off: token limit reached")
    chat.answer_button("Continue").click()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    expect(chat.answers).to_have_count(1)
    expect(chat.questions).to_have_text(["Tell me"])
    text = chat.answers.last.inner_text()
    assert text.count(OPENING) == text.count("A short text follows") == text.count("café") == 1
    expect(chat.answer_button("Continue")).to_have_count(0)
    expect(chat.answers.last).not_to_contain_text("Cut off")
    # It is one answer to whoever comes back.
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    assert chat.answers.last.inner_text().count("café") == 1
    # An answer that a broken connection cut is gone on with in the same way.
    chat.choose_model("demo-breaks").ask("And this?").wait_idle()
    expect(chat.answers.last).to_contain_text("Interrupted")
    before = chat.answers.last.locator("p").first.inner_text()
    chat.answer_button("Continue").click()
    expect(chat.answers.last.locator("p").first).not_to_have_text(before)
    chat.wait_idle()
    assert chat.answers.last.inner_text().replace("\n", " ").startswith(before[:60])


def test_a_higher_limit_asks_again_with_twice_the_room(app, new_page):
    chat = (
        ChatPage(new_page(), app.url).open("?model=demo-cut-by-length&wire=openai").ask("Tell me").wait_idle()
    )
    chat.answer_button("Retry with a higher limit").click()
    shown(chat, "2 / 2")
    chat.wait_idle()
    chat.open_parameters()
    expect(chat.field("Max tokens")).to_have_value("60")


def test_alternatives_are_paged_through_and_the_conversation_goes_on_from_the_one_shown(app, new_page):
    chat = ChatPage(new_page(), app.url).open("?model=demo-crlf&wire=openai")
    chat.open_parameters()
    chat.open_section("Answer").set_parameter("Number of answers", "3")
    chat.page.keyboard.press("Escape")
    chat.wait_idle().ask("Which?").wait_idle()
    shown(chat, "1 / 3")
    expect(chat.answer_button("Previous version")).to_be_disabled()
    chat.answer_button("Next version").click()
    shown(chat, "2 / 3")
    chat.answer_button("Next version").click()
    shown(chat, "3 / 3")
    expect(chat.answer_button("Next version")).to_be_disabled()
    chat.answer_button("Regenerate").click()
    shown(chat, re.compile(r"\d / \d"))
    chat.wait_idle()
    shown(chat, "4 / ")
    chat.page.reload()
    shown(chat, "4 / ")
    chat.answer_button("Previous version").click()
    shown(chat, "3 / ")
    # The next question hangs on the third, whichever is looked at afterwards.
    chat.choose_model("demo-wrong-key").ask("And then?").wait_idle()
    expect(chat.answers).to_have_count(2)
    pager = chat.answers.first
    pager.get_by_role("button", name="Previous version").click()
    expect(chat.questions).to_have_text(["Which?"])
    shown(chat, "2 / ")
    chat.answer_button("Next version").click()
    expect(chat.questions).to_have_text(["Which?", "And then?"])


def test_a_refused_request_is_sent_again_by_itself_told_and_can_be_cancelled(app, new_page, wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-429-then-fine&wire={wire}").ask("Now?")
    expect(chat.answers.last).to_contain_text(re.compile(r"Rate limit reached\. Retrying in \d+ s"))
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    expect(chat.page.get_by_role("button", name="Cancel")).to_have_count(0)
    chat.choose_model("demo-busy").ask("And now?")
    chat.page.get_by_role("button", name="Cancel").click()
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer before any text arrived")
    # Who is asked to wait for an hour is told so, and decides.
    chat.choose_model("demo-429-for-an-hour").ask("Later?").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_contain_text("Rate limit reached")
    expect(chat.answers.last).to_contain_text("asks you to wait 60 min before you retry")


def test_a_blamed_parameter_is_left_out_with_one_click(app, new_page, wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-no-temperature&wire={wire}")
    chat.open_parameters()
    chat.set_parameter("Temperature", "0.5")
    chat.page.keyboard.press("Escape")
    chat.wait_idle().ask("Warm?").wait_idle()
    expect(chat.answers.last.get_by_role("alert")).to_contain_text("found an error in the request")
    chat.answer_button("Retry without Temperature").click()
    expect(chat.answers.last).to_contain_text("nothing is missing")
    chat.wait_idle()
    shown(chat, "2 / 2")
    expect(chat.page.get_by_role("button", name="Parameters", exact=True)).to_be_visible()


def test_all_that_the_gateway_told_of_an_answer_can_be_seen(app, new_page, wire):
    chat = (
        ChatPage(new_page(), app.url).open(f"?model=demo-thinker&wire={wire}").ask("Tell me all").wait_idle()
    )
    table = chat.open_details()
    known = {
        "openai": ["id", "model", "usage.completion_tokens", "request_id"],
        "anthropic": ["id", "model", "usage.input_tokens", "usage.output_tokens", "request_id"],
    }
    for name in known[wire]:
        expect(table.get_by_text(name, exact=True)).to_be_visible()
    reason = {"openai": "complete · stop", "anthropic": "complete · end_turn"}[wire]
    expect(table.get_by_text(reason)).to_be_visible()
    expect(table.locator("thead")).to_be_hidden()
