"""Questions in the browser: shown as they were typed, and queued while an answer arrives."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import NOTHING_TYPED, ChatPage, wait_until
from tests.browser.conftest import address
from tests.support.replay import Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}

SELECT = """selector => {
  getSelection().selectAllChildren(document.querySelector(selector));
  return getSelection().toString();
}"""
CODE = "def f(x):\n\n    return x  # <b>"
AS_TYPED = (
    "    four spaces, then a tab:\n\t- no *list* `a  b` :red[x] $x^2$ &amp; <b>no</b>\n# no heading\n\n"
    "<img src=http://stranger/> ![x](http://stranger/) see https://e.com/a?b=1, and 你好。\nשלום עולם"
)


def test_a_question_is_shown_as_it_was_typed(chat: ChatPage) -> None:
    page: Page = chat.open().page
    foreign: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if "stranger" in request.url else None)
    chat.composer.fill(f"{AS_TYPED}\n```Python\n{CODE}\n```\nand so on")
    chat.composer.press("Enter")
    question = chat.questions.last
    written = question.locator(".as-written")
    expect(written).to_have_count(2)
    assert written.first.inner_text() == AS_TYPED
    assert page.evaluate(SELECT, ".as-written") == AS_TYPED
    assert question.get_by_test_id("stCode").locator("code").inner_text().rstrip("\n") == CODE
    link = question.get_by_role("link")
    expect(link).to_have_attribute("href", "https://e.com/a?b=1")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    assert written.first.evaluate("text => [...text.children].map(child => child.tagName)") == ["A"]
    expect(question.locator("summary")).to_have_count(0)
    chat.wait_idle()

    lines = "\n".join(f"Line {number}" for number in range(60))
    chat.composer.fill(f"{lines}\n~~~\ncode at the end\n~~~")
    chat.composer.press("Enter")
    expect(chat.questions).to_have_count(2)
    question = chat.questions.last
    code, more = question.get_by_test_id("stCode"), question.locator("summary")
    page_height = page.viewport_size["height"]
    expect(more).to_have_text("Show more", use_inner_text=True)
    wait_until(page, lambda: question.bounding_box()["height"] < page_height / 2)
    chat.wait_idle()
    more.focus()
    page.keyboard.press("Enter")
    expect(more).to_have_text("Show less", use_inner_text=True)
    expect(more).to_be_focused()
    wait_until(page, lambda: question.bounding_box()["height"] > page_height)
    expect(code).to_have_text("code at the end")
    page.keyboard.press("Enter")
    wait_until(page, lambda: question.bounding_box()["height"] < page_height / 2)
    assert foreign == []


def answer_of(text: str, wire: str, *, is_held: bool = False) -> Canned:
    """Return a complete answer; if it is held, its end comes with the end of all stalls."""
    if wire == "openai":
        frames = [
            {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
        parts = [f"data: {json.dumps(frame)}\n\n".encode() for frame in frames]
    else:
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
        frames = [delta, end, {"type": "message_stop"}]
        parts = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n".encode() for frame in frames]
    return Canned(b"".join(parts), silence=len(parts[0]) if is_held else None)


def queued(page: Page) -> Locator:
    """Return the texts of the queued questions."""
    return page.locator('[class*="st-key-queued-"] [data-testid="stChatMessageContent"]')


def queue_question(chat: ChatPage, text: str) -> None:
    chat.composer.fill(text)
    chat.composer.press("Enter")
    expect(queued(chat.page).filter(has_text=text)).to_be_visible()


def test_queued_questions_are_sent_when_the_answer_has_ended(keyed, new_page, replay, any_wire):
    texts = ["First answer", "Answer to the third", "Answer to the second"]
    replay.serve(PATHS[any_wire], *(answer_of(text, any_wire, is_held=not index) for index, text in enumerate(texts)))
    chat = ChatPage(new_page(), keyed.url).open(f"?model=m-one&wire={any_wire}").ask("The first")
    expect(chat.answers.last).to_contain_text("First answer")
    queue_question(chat, "The second")
    expect(chat.page).to_have_url(address("c="))
    other = ChatPage(new_page(), keyed.url).open(chat.page.url.split("/")[-1])
    expect(queued(other.page)).to_have_text(["The second"])
    queue_question(chat, "The third")
    expect(queued(other.page)).to_have_text(["The second", "The third"])
    chat.page.get_by_role("button", name="Move queued message 2 up").focus()
    chat.page.keyboard.press("Enter")
    expect(queued(chat.page)).to_have_text(["The third", "The second"])
    expect(queued(other.page)).to_have_text(["The third", "The second"])
    chat.composer.fill("half ty")
    replay.resume()
    for page in (chat, other):
        expect(page.questions).to_have_text(["The first", "The third", "The second"])
        expect(page.answers).to_have_count(3)
        expect(page.answers.last).to_contain_text(texts[-1])
        expect(queued(page.page)).to_have_count(0)
    expect(chat.composer).to_have_value("half ty")
    expect(chat.composer).to_be_focused()
    chat.wait_idle()
    assert len(replay.requests_for(PATHS[any_wire])) == 3


def test_stop_pauses_the_queue_until_the_user_sends_it(demo, new_page, any_wire):
    chat = ChatPage(new_page(viewport={"width": 390, "height": 844}), demo.url)
    chat.open(f"?model=demo-endless&wire={any_wire}")
    chat.ask("Count for me").wait_past_line(1)
    queue_question(chat, "Second,\n    indented")
    queue_question(chat, "Third")
    chat.press_stop()
    pause = chat.page.locator(".st-key-queue-pause")
    expect(pause).to_contain_text("Queue paused: you stopped the answer.")
    chat.wait_idle()
    expect(queued(chat.page)).to_have_text(["Second,\n    indented", "Third"], use_inner_text=True)
    # By keyboard: a button that is visible can be below the composer.
    chat.page.get_by_role("button", name="Edit queued message 1").press("Enter")
    editor = chat.page.get_by_role("textbox", name="Edit queued message 1")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("Second,\n    indented")
    editor.fill("Second, with a thought")
    chat.page.reload()
    expect(pause).to_contain_text("Queue paused")
    chat.wait_idle().page.get_by_role("button", name="Edit queued message 1").press("Enter")
    expect(editor).to_have_value("Second, with a thought")
    editor.press("Escape")
    expect(queued(chat.page)).to_have_count(2)
    chat.page.wait_for_function(NOTHING_TYPED)
    chat.page.get_by_role("button", name="Remove queued message 2").press("Enter")
    expect(queued(chat.page)).to_have_count(1)
    pause.get_by_role("button", name="Send now").press("Enter")
    expect(queued(chat.page)).to_have_count(0)
    expect(chat.questions).to_have_text(["Count for me", "Second,\n    indented"], use_inner_text=True)
    chat.wait_past_line(1)
    chat.press_stop().wait_idle()
