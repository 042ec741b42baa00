"""A running answer: stop, reload, second tab, other page, lost connection, kill -9."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import TIMEOUT_MS, ChatPage
from tests.support.app_server import AppServer
from tests.support.replay import Canned, soon

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


@pytest.fixture
def counting(demo, new_page, any_wire) -> ChatPage:
    """A conversation with an endless answer, which is stopped after the test."""
    chat = ChatPage(new_page(), demo.url).open(f"?model=demo-endless&wire={any_wire}").ask("Count for me")
    chat.wait_past_line(3)
    yield chat
    if chat.stop.count():
        chat.press_stop().wait_idle()


def test_a_stop_in_silence_closes_the_connection_upstream(keyed, new_page, replay, wire):
    start = {
        "openai": b'data: {"choices":[{"index":0,"delta":{"content":"So far"}}]}\n\n',
        "anthropic": b'data: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"So far"}}\n\n',
    }[wire]
    replay.serve(PATHS[wire], Canned(start, silence=len(start)))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={wire}").ask(f"Silence over {wire}")
    expect(chat.answers.last).to_contain_text("So far")
    expect(chat.answers.last).to_contain_text("No new data from the gateway for")
    asked = replay.requests[-1]
    assert not asked.left.is_set()
    chat.press_stop()
    assert asked.left.wait(TIMEOUT_MS / 1000)
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("So far")
    expect(chat.answers.last).to_contain_text("You stopped this answer")
    chat.page.reload()
    expect(chat.answers.last).to_contain_text("You stopped this answer")


def test_a_stop_before_the_first_byte_closes_the_connection_upstream(keyed, new_page, replay, wire):
    replay.serve(PATHS[wire], Canned(mute=True))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={wire}").ask(f"Nothing at all over {wire}")
    expect(chat.answers.last).to_contain_text(re.compile(r"Waiting for m-one"))
    assert soon(lambda: replay.requests[-1].path == PATHS[wire])
    chat.press_stop()
    assert replay.requests[-1].left.wait(TIMEOUT_MS / 1000)
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")


def test_a_reload_shows_the_running_answer(counting):
    expect(counting.page).to_have_url(re.compile(r"[?&]c="))
    before = counting.last_line()
    counting.page.reload()
    counting.wait_past_line(before)
    expect(counting.stop).to_have_count(1)
    expect(counting.answers.last).to_contain_text("Line 1 ")


def test_a_second_tab_shows_the_running_answer_and_can_stop_it(counting, new_page):
    expect(counting.page).to_have_url(re.compile(r"[?&]c="))
    other = ChatPage(new_page(), counting.url)
    other.page.goto(counting.page.url)
    other.wait_past_line(counting.last_line())
    expect(other.stop).to_have_count(1)
    other.press_stop()
    for tab in (other, counting):
        expect(tab.answers.last).to_contain_text("You stopped this answer")
        tab.wait_idle()
    expect(counting.answers.last).to_have_text(other.answers.last.inner_text(), use_inner_text=True)


def test_leaving_the_page_does_not_end_the_answer(counting):
    before = counting.last_line()
    counting.page.get_by_role("link", name="Settings").click()
    expect(counting.page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(counting.stop).to_have_count(0)
    counting.page.get_by_role("link", name="Back to chat").click()
    counting.wait_past_line(before)
    expect(counting.stop).to_have_count(1)


def test_opening_another_conversation_does_not_end_the_answer(counting):
    before = counting.last_line()
    counting.page.get_by_role("button", name="New chat").click()
    expect(counting.page.get_by_text("What can I help you with?")).to_be_visible()
    expect(counting.stop).to_have_count(0)
    counting.rows.first.get_by_role("button", name="Count for me").click()
    counting.wait_past_line(before)


def test_a_lost_connection_does_not_end_the_answer(counting):
    before = counting.last_line()
    counting.page.context.set_offline(True)
    counting.page.wait_for_timeout(1500)
    counting.page.context.set_offline(False)
    counting.wait_past_line(before)


def test_answers_that_fail_at_once_are_rendered_every_time(app, new_page, any_wire):
    chat = ChatPage(new_page(), app.url).open(f"?model=demo-wrong-key&wire={any_wire}")
    for turn in range(8):
        chat.ask(f"Question {turn}").wait_idle()
        expect(chat.answers.last.get_by_role("alert")).to_contain_text("rejected the API key")
    expect(chat.answers).to_have_count(8)


def test_a_closed_tab_does_not_end_the_answer(demo, new_page):
    chat = ChatPage(new_page(), demo.url).open("?model=demo-thinker").ask("Close the tab on this")
    expect(chat.page).to_have_url(re.compile(r"[?&]c="))
    address = chat.page.url
    chat.page.close()
    later = ChatPage(new_page(), demo.url)
    later.page.goto(address)
    later.wait_idle()
    expect(later.answers.last).to_contain_text("demo-thinker")
    expect(later.answers.last).to_contain_text("tokens/s")


def test_clicks_in_the_parameters_do_not_end_the_answer(counting):
    before = counting.last_line()
    counting.page.get_by_role("button", name="Parameters").click()
    counting.page.get_by_role("textbox", name="System prompt").fill("Be brief.")
    counting.page.get_by_role("spinbutton", name="Max tokens").click()
    counting.wait_past_line(before)
    expect(counting.stop).to_have_count(1)


def test_a_question_during_an_answer_is_kept_in_the_composer(counting):
    counting.composer.fill("My next question")
    counting.composer.press("Enter")
    expect(counting.page.get_by_text("An answer is still being generated")).to_be_visible()
    expect(counting.page.get_by_text("Your text is still in the box")).to_be_visible()
    expect(counting.composer).to_have_value("My next question")
    expect(counting.questions).to_have_count(1)


def test_after_a_kill_the_saved_text_is_shown_as_interrupted(tmp_path, new_page):
    app = AppServer(tmp_path, {})
    try:
        chat = ChatPage(new_page(), app.url).open("?model=demo-endless").ask("Count until the power goes")
        line = chat.wait_past_line(25)
        address = chat.page.url
        app.kill()
        app.restart()
        later = ChatPage(new_page(), app.url)
        later.page.goto(address)
        expect(later.answers.last).to_contain_text("was interrupted")
        later.wait_idle()
        # Ten lines a second: what was saved is at most a second behind what was seen, and some.
        assert later.last_line() >= line - 15
        expect(later.questions).to_contain_text("Count until the power goes")
        later.choose_model("demo-thinker")
        later.page.get_by_role("button", name="Retry").click()
        expect(later.answers.last).to_contain_text("demo-thinker · OpenAI")
        later.wait_idle()
    finally:
        app.close()
