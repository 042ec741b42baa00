"""A running answer: stop, reload, second tab, other page, lost connection, kill -9."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.chat_page import TIMEOUT_MS, ChatPage
from tests.browser.paced_answers import PATHS, build_paced_answer
from tests.support.app_server import AppServer
from tests.support.replay import Canned, soon

THOUGHT = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"A thought."}}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"thinking_delta","thinking":"A thought."}}\n\n',
}
TEXT = {
    "openai": b'data: {"choices":[{"index":0,"delta":{"content":"So far"}}]}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"So far"}}\n\n',
}
END = {
    "openai": b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    "anthropic": b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
    b'data: {"type":"message_stop"}\n\n',
}
# Two lines a second: the page of a slow machine does not become long meanwhile.
LINES = [f"- Line {number} is there.\n" + "\n## More\n\n" * (number % 10 == 0) for number in range(1, 1001)]
MAX_LOST_LINES = 20  # of ten a second: more than came since the last save, also on a busy machine


def test_a_stop_in_silence_or_before_the_first_byte_closes_the_connection_upstream(keyed, new_page, replay, any_wire):
    start = TEXT[any_wire]
    replay.serve(PATHS[any_wire], Canned(start, silence=len(start)))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={any_wire}").ask(f"Silence over {any_wire}")
    expect(chat.answers.last).to_contain_text("So far")
    expect(chat.answers.last).to_contain_text("No new data from the gateway for")
    # The note of an empty list is removed while the first answer arrives.
    expect(chat.page.get_by_text("Your chats will appear here.")).to_have_count(0)
    asked = replay.last_request(PATHS[any_wire])
    assert not asked.left.is_set()
    chat.press_stop()
    assert asked.left.wait(TIMEOUT_MS / 1000)
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("So far")
    expect(chat.answers.last).to_contain_text("You stopped this answer")

    replay.serve(PATHS[any_wire], Canned(mute=True))
    count = len(replay.requests_for(PATHS[any_wire]))
    chat.ask(f"Nothing at all over {any_wire}")
    expect(chat.answers.last).to_contain_text("Waiting for m-one")
    assert soon(lambda: len(replay.requests_for(PATHS[any_wire])) > count)
    chat.press_stop()
    assert replay.last_request(PATHS[any_wire]).left.wait(TIMEOUT_MS / 1000)
    chat.wait_idle()
    expect(chat.answers.last).to_contain_text("You stopped this answer")

    # What a model thinks is open while it arrives.
    thought = THOUGHT[any_wire]
    replay.serve(PATHS[any_wire], Canned(thought + TEXT[any_wire] + END[any_wire], silence=len(thought)))
    chat.ask(f"Think over {any_wire}")
    answer = chat.answers.last
    expect(answer.get_by_text("Thinking", exact=True)).to_be_visible()
    expect(answer.get_by_text("A thought.")).to_be_visible()
    replay.resume()
    expect(answer).to_contain_text("So far")
    chat.wait_idle()
    expect(answer.get_by_text("A thought.")).to_be_hidden()
    answer.get_by_text(re.compile(r"Thought for \d+ s")).click()
    expect(answer.get_by_text("A thought.")).to_be_visible()


def test_nothing_but_stop_ends_a_running_answer(keyed, new_page, replay, any_wire):
    replay.serve(PATHS[any_wire], build_paced_answer(any_wire, LINES, 0.5))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={any_wire}").ask("Count for me")
    page = chat.page
    chat.wait_past_line(3)
    expect(page).to_have_url(re.compile(r"[?&]c="))
    address = page.url

    chat.open_parameters()
    chat.field("System prompt").fill("Be brief.")
    chat.field("Max tokens").click()
    chat.wait_past_line(chat.last_line())
    page.keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)

    line = chat.last_line()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(chat.stop).to_have_count(0)
    page.get_by_role("link", name="Back to chat").click()
    line = chat.wait_past_line(line)
    expect(chat.stop).to_have_count(1)

    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_text("What can I help you with?")).to_be_visible()
    expect(chat.stop).to_have_count(0)
    chat.row_button("Count for me").click()
    line = chat.wait_past_line(line)

    offline = page.get_by_text("You are offline.")
    page.context.set_offline(True)
    expect(offline).to_be_visible()
    page.wait_for_timeout(1_500)
    page.context.set_offline(False)
    expect(offline).to_have_count(0)
    line = chat.wait_past_line(line)

    # Without any page, and in two of them, one of which stops it.
    page.close()
    tabs = [ChatPage(new_page(), keyed.url) for _ in range(2)]
    for tab in tabs:
        tab.page.goto(address)
        line = tab.wait_past_line(line)
        expect(tab.stop).to_have_count(1)
        expect(tab.answers.last).to_contain_text("Line 1 ")
    tabs[0].press_stop()
    for tab in tabs:
        expect(tab.answers.last).to_contain_text("You stopped this answer")
        tab.wait_idle()
    expect(tabs[1].answers.last).to_have_text(tabs[0].answers.last.inner_text(), use_inner_text=True)


def test_after_a_kill_the_saved_text_is_shown_and_the_queue_is_paused(tmp_path, new_page):
    app = AppServer(tmp_path, {})
    try:
        chat = ChatPage(new_page(), app.url).open("?model=demo-endless").ask("Count until the power goes")
        chat.composer.fill("Queued before that")
        chat.composer.press("Enter")
        queued = '[class*="st-key-queued-"] [data-testid="stChatMessageContent"]'
        expect(chat.page.locator(queued)).to_have_text("Queued before that")
        line = chat.wait_past_line(25)
        address = chat.page.url
        app.kill()
        app.restart()
        later = ChatPage(new_page(), app.url)
        later.page.goto(address)
        expect(later.answers.last).to_contain_text("was interrupted")
        later.wait_idle()
        assert later.last_line() >= line - MAX_LOST_LINES
        expect(later.questions).to_have_text(["Count until the power goes"])
        expect(later.page.locator(queued)).to_have_text("Queued before that")
        expect(later.page.get_by_text("Queue paused: the answer was interrupted.")).to_be_visible()
        later.choose_model("demo-thinker")
        later.page.get_by_role("button", name="Retry").click()
        # The complete answer ends the pause.
        expect(later.questions).to_have_text(["Count until the power goes", "Queued before that"])
        expect(later.answers.first).to_contain_text("demo-thinker · OpenAI")
        expect(later.page.locator(queued)).to_have_count(0)
        later.press_stop().wait_idle()
    finally:
        app.kill()
