"""The text of an answer on the chat page: as the model wrote it, while it arrives, when it is there, and copied."""

from __future__ import annotations

import json

from playwright.sync_api import Page, expect

from tests.browser.chat_page import ChatPage
from tests.support.replay import Canned

PATH = "/v1/chat/completions"
ARRIVING = "**重点：**内容\n他说**“你好"
ANSWER = """**重点：**内容，大约3~5天，见https://e.com/docs（说明）。
npm test -- --watch, x -> y

| 步骤 | 一<br>二 |
|---|---|
| [a](/signout) | b |

$$
\\sum_{i=1}^{n} \\overbrace{x}^{n}
$$

and $x^2$ end"""
COPY = """selector => {
  const paragraph = [...document.querySelectorAll(selector)].at(-1);
  getSelection().selectAllChildren(paragraph);
  const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
  paragraph.dispatchEvent(event);
  return event.defaultPrevented ? event.clipboardData.getData("text/plain") : getSelection().toString();
}"""
CLIPPED_SIGNS = """() => [...document.querySelectorAll(".katex-display")].flatMap(display => {
  const box = display.getBoundingClientRect();
  return [...display.querySelectorAll(".katex-html *")].filter(sign => {
    if (sign.children.length || !sign.textContent) return false;
    const range = document.createRange();
    range.selectNodeContents(sign);
    const { top, bottom } = range.getBoundingClientRect();
    return top < box.top || bottom > box.bottom;
  }).map(sign => sign.textContent);
})"""
# The order of Safari: its Enter comes after the end of the composition, with the key code of an input method.
SAFARI_ENTER = """input => {
  input.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
  input.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "好" }));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true, cancelable: true }));
}"""


def frame(text: str, finish_reason: str | None = "stop") -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()


def test_an_answer_is_shown_and_copied_as_it_was_written(keyed, new_page, replay):
    page: Page = new_page()
    chat = ChatPage(page, keyed.url).open("?model=m-one&wire=openai")
    start = frame(ARRIVING, None)
    replay.serve(PATH, Canned(start, silence=len(start)), Canned(frame(ANSWER)))
    chat.ask("Roses are red\nViolets are ~blue~ or ~red~")
    expect(chat.answers.last.locator("strong")).to_have_text(["重点：", "“你好"])
    expect(chat.answers.last).to_contain_text("他说“你好")
    chat.press_stop().wait_idle()
    assert chat.questions.last.inner_text() == "Roses are red\nViolets are ~blue~ or ~red~"

    chat.composer.fill("还有呢")
    chat.composer.evaluate(SAFARI_ENTER)
    expect(chat.composer).to_have_value("还有呢")
    expect(chat.questions).to_have_count(1)
    chat.composer.press("Enter")
    expect(chat.answers).to_have_count(2)
    answer = chat.answers.last
    expect(answer).to_contain_text("m-one")  # the footer of a finished answer
    chat.wait_idle()
    expect(answer.locator("strong")).to_have_text(["重点：", "m-one"])
    expect(answer.locator("del")).to_have_count(0)
    expect(answer.locator(":is(p, td) a")).to_have_count(1)
    expect(answer.locator("p a")).to_have_attribute("href", "https://e.com/docs")
    assert answer.locator("th").last.inner_text() == "一\n二"
    expect(answer.locator(".katex-display")).to_have_count(1)
    page.evaluate("document.fonts.ready.then(() => true)")
    assert page.evaluate(CLIPPED_SIGNS) == []
    lines = ANSWER.replace("**", "").split("\n\n")[0]
    assert page.evaluate(COPY, '[class*="st-key-answer-"] p:has(a)') == lines
    assert page.evaluate(COPY, '[class*="st-key-answer-"] p:has(.katex)') == "and $x^2$ end"

    # What is selected in a message can be quoted, behind what is written already.
    chat.composer.fill("Why?")
    answer.locator("p:has(.katex)").evaluate("element => getSelection().selectAllChildren(element)")
    page.keyboard.press("Shift")
    page.get_by_role("button", name="Quote", exact=True).click()
    expect(chat.composer).to_have_value("Why?\n\n> and $x^2$ end\n\n")
    expect(chat.composer).to_be_focused()
    expect(page.get_by_role("button", name="Quote", exact=True)).to_have_count(0)
