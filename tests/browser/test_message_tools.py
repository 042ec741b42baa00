"""Tools of messages: copy, feedback, code blocks, tables, and a preview that can load nothing."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import NOTHING_TYPED, ChatPage
from tests.support.replay import Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
LINES = [f"print({number})" for number in range(1, 61)]
CODE = "\n".join(["# tools/count.py", *LINES])
ANSWER = f"""H<sub>2</sub>O, x<sup>n+1</sup>, <kbd>Ctrl</kbd> and <b>b</b>

> [!WARNING]
> Read **this**

| Name | Value | {" | ".join(f"Column {number}" for number in range(12))} |
|---|---|{"---|" * 12}
| =1+1 | -5 | {"a long text | " * 12}
| @a | a, "b" | {"c | " * 12}

```python
{CODE}
```
"""
# Without the Clipboard API, as on a page without HTTPS.
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"
# The places of all messages: actions that appear must not move them.
PLACES = """() => [...document.querySelectorAll('[class*="st-key-question-"], [class*="st-key-answer-"]')]
  .map(message => JSON.stringify(message.getBoundingClientRect()))"""
FRAMES = (
    "count => new Promise(done => { const next = () => count-- ? requestAnimationFrame(next) : done(true); next(); })"
)

# Scrolls until a button lies below the input, and focuses it; returns how far it reached below its edge, and does then.
CLICK_SHOW_ALL = "document.querySelector('.antler-show-all').click();"
FOCUS_BELOW_INPUT = """button => {
  const find = (id) => document.querySelector(`[data-testid="${id}"]`), main = find("stMain"), input = find("stBottom");
  const overlap = () => button.getBoundingClientRect().bottom - input.getBoundingClientRect().top;
  main.scrollTop += overlap() - 30;
  const covered = overlap();
  button.focus();
  return [covered, overlap()];
}"""


def stream(wire: str, text: str, *, ends: bool = True) -> bytes:
    """Return the events of an answer."""
    if wire == "openai":
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": "stop" if ends else None}
        return f"data: {json.dumps({'choices': [choice]})}\n\n".encode()
    message = {"id": "1", "type": "message", "role": "assistant", "content": [], "usage": {"input_tokens": 1}}
    events = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    ]
    if ends:
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def expect_copied(chat: ChatPage, text: str) -> None:
    """Expect a text to have been copied, by way of the composer."""
    chat.composer.fill("")
    chat.composer.press("Control+V")
    expect(chat.composer).to_have_value(text)


def download(page: Page, button: Locator) -> tuple[str, str]:
    """Return the name and the text of a file that a button saves."""
    with page.expect_download() as saved:
        button.click()
    return saved.value.suggested_filename, Path(saved.value.path()).read_text(encoding="utf-8-sig")


def test_code_and_tables_have_tools_while_they_arrive_and_when_they_are_opened(keyed, new_page, replay, any_wire):
    page = new_page(viewport={"width": 390, "height": 844})
    page.add_init_script(NO_CLIPBOARD)
    chat = ChatPage(page, keyed.url).open(f"?model=m-one&wire={any_wire}")
    start = stream(any_wire, ANSWER, ends=False)
    replay.serve(PATHS[any_wire], Canned(start, silence=len(start)))
    chat.ask("Count")
    answer = chat.answers.last
    block = answer.get_by_test_id("stMarkdownPre")
    expect(block).to_contain_text(LINES[-1])
    expect(block.locator(".antler-code-language")).to_have_text("Python")
    expect(answer.get_by_role("subscript")).to_have_text("2")
    expect(answer.get_by_role("superscript")).to_have_text("n+1")
    expect(answer.locator("p").first).to_have_text("H2O, xn+1, Ctrl and <b>b</b>")
    expect(answer.locator("blockquote span[role=img] + *, blockquote p").first).to_contain_text("Warning")
    chat.press_stop().wait_idle()
    # What was read while it arrived stays open.
    expect(block.get_by_role("button", name="Show less")).to_be_visible()
    table = answer.locator("table")
    assert table.evaluate("table => table.scrollWidth > table.clientWidth && table.tabIndex === 0")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    name, text = download(page, answer.get_by_role("button", name="Download table as CSV"))
    assert name == "table.csv"
    assert [line.split(",", 2)[:2] for line in text.splitlines()][1] == ["'=1+1", "-5"]
    assert text.splitlines()[2].startswith('\'@a,"a, ""b""",c')

    page.reload()
    show_all = block.get_by_role("button", name="Show all 61 lines")
    expect(show_all).to_be_visible()
    chat.wait_at_rest()
    assert block.locator("pre").evaluate("pre => pre.clientHeight < pre.scrollHeight")
    # In the task of the click, too: the page has room for what has grown before the browser renders it.
    copy = answer.get_by_role("button", name="Copy answer 1")
    covered, visible = copy.evaluate(f"button => {{ {CLICK_SHOW_ALL} return ({FOCUS_BELOW_INPUT})(button); }}")
    assert covered > 0 >= visible
    assert block.locator("pre").evaluate("pre => pre.clientHeight >= pre.scrollHeight - 1")
    block.get_by_role("button", name="Wrap lines").click()
    expect(block.locator("code")).to_have_css("white-space", "pre-wrap")
    assert download(page, block.get_by_role("button", name="Download code")) == ("count.py", f"{CODE}\n")
    block.get_by_role("button", name="Copy code").click()
    expect(page.locator("#antler-announcement")).to_have_text("Copied")
    expect_copied(chat, CODE)


def test_messages_are_copied_rated_and_commented_by_keyboard(keyed, new_page, replay, any_wire):
    page = new_page()
    page.add_init_script(NO_CLIPBOARD)
    chat = ChatPage(page, keyed.url).open(f"?model=m-one&wire={any_wire}")
    text = "One  *two*\n\n- \\(x\\) &amp; <i>\n"
    replay.serve(PATHS[any_wire], Canned(stream(any_wire, text)))
    chat.ask("First *question*").wait_idle()
    chat.page.get_by_role("button", name="Copy answer 1").press("Enter")
    expect(page.locator("#antler-announcement")).to_have_text("Copied")
    expect(page.locator(".antler-copy")).to_have_count(2)
    assert page.evaluate("document.activeElement.className").startswith("antler-tool antler-copy")
    expect_copied(chat, text)
    chat.ask("Second").wait_idle()
    places = page.evaluate(PLACES)
    first = chat.answers.first
    copy = first.get_by_role("button", name="Copy answer 1")
    page.mouse.move(5, 5)
    expect(copy).to_have_css("opacity", "0")
    first.hover()
    expect(copy).not_to_have_css("opacity", "0")
    assert page.evaluate(PLACES) == places
    page.get_by_role("button", name="Copy question 1").press("Enter")
    expect_copied(chat, "First *question*")
    for name in ("Regenerate", "More actions for"):
        expect(first.get_by_role("button", name=f"{name} answer 1")).to_have_count(1)

    first.get_by_role("button", name="Bad answer 1").press("Enter")
    comment = page.get_by_role("textbox", name="What was wrong with this answer?")
    comment.fill("Too short")
    page.reload()
    bad = chat.answers.first.get_by_role("button", name="Bad answer 1")
    expect(bad).to_have_attribute("aria-pressed", "true")
    chat.wait_idle()
    bad.click()
    # A comment that was not saved is kept by the browser, a saved one by the server.
    expect(comment).to_have_value("Too short")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(comment).to_have_count(0)
    page.wait_for_function(NOTHING_TYPED)
    chat.wait_idle()
    bad.click()
    expect(comment).to_have_value("Too short")
    page.get_by_role("button", name="Remove feedback").click()
    expect(bad).to_have_attribute("aria-pressed", "false")

    # The tools are those of the shown version, also where the page keeps its elements.
    other = f"```python\n{CODE}\n```"
    replay.serve(PATHS[any_wire], Canned(stream(any_wire, other)))
    chat.answer_button("Regenerate").click()
    expect(chat.answers.last).to_contain_text(LINES[-1])
    chat.wait_idle()
    copy = chat.page.get_by_role("button", name="Copy answer 2")
    copy.click()
    expect_copied(chat, other)
    chat.answer_button("Previous version").click()
    expect(chat.answers.last.locator(".antler-code-bar, .antler-show-all")).to_have_count(0)
    chat.wait_idle()
    copy.click()
    expect_copied(chat, text)


@pytest.fixture
def canary() -> Iterator[tuple[str, list[object]]]:
    """A server that nothing may reach: its address, and the list of connections to it."""
    connections: list[object] = []
    is_reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, address = listener.accept()
                except OSError:
                    return
                connections.append(address)
                connection.close()
                is_reached.set()

        threading.Thread(target=accept, daemon=True).start()
        socket.create_connection(listener.getsockname()).close()
        assert is_reached.wait(20) and connections.pop()
        yield f"127.0.0.1:{listener.getsockname()[1]}", connections
        listener.shutdown(socket.SHUT_RDWR)


ATTACK = """<!doctype html><html><head><base href="http://CANARY/">
<meta http-equiv="refresh" content="0;url=http://CANARY/meta"><link rel="preconnect" href="http://CANARY">
<link rel="dns-prefetch" href="//CANARY"><link rel="stylesheet" href="http://CANARY/css"><link rel="prefetch" href="/p">
<style>@import url(http://CANARY/import); body { background: url(http://CANARY/bg) }
@font-face { font-family: f; src: url(http://CANARY/font) } h1 { font-family: f }</style>
<script>
fetch("http://CANARY/fetch"); new Image().src = "http://CANARY/beacon"; navigator.sendBeacon("http://CANARY/send");
new WebSocket("ws://CANARY/"); new EventSource("http://CANARY/events"); navigator.serviceWorker?.register("/sw.js");
new RTCPeerConnection({iceServers: [{urls: "stun:CANARY"}]}).createDataChannel("x"); window.top.location = "http://CANARY/top";
parent.document.title = "taken"; open("http://CANARY/open"); alert(1); location = "http://CANARY/self";
</script></head><body onload="fetch('http://CANARY/onload')"><h1>Hello</h1>
<img src="http://CANARY/img" srcset="http://CANARY/srcset 2x" onerror="fetch('http://CANARY/onerror')">
<iframe src="http://CANARY/frame"></iframe><iframe srcdoc="<script>top.document.title = 'taken'</script>"></iframe>
<object data="http://CANARY/object"></object><embed src="http://CANARY/embed">
<video src="http://CANARY/video" poster="http://CANARY/poster" autoplay></video>
<svg><image href="http://CANARY/image"/><use href="http://CANARY/use#x"/><style><link rel="preconnect" href="http://CANARY"></style></svg>
<noscript><p title="</noscript><link rel=preconnect href=http://CANARY><img src=http://CANARY/noscript>"></noscript>
<form><math><mtext></form><form><mglyph><style></math><link rel="preconnect" href="http://CANARY"><img src="http://CANARY/m">
</style></mglyph></form></mtext></math>
<form id="f" action="http://CANARY/form" method="post"><input name="a" value="b" autofocus onfocus="fetch('http://CANARY/focus')">
<button id="send" formaction="http://CANARY/formaction">Send</button></form>
<p><a id="top" target="_top" href="http://CANARY/link" ping="http://CANARY/ping">Top</a>
<a id="blank" target="_blank" href="http://CANARY/blank">Blank</a> <a id="self" href="/relative">Self</a>
<a id="js" href="javascript:parent.document.title='taken'">Script</a></p><p id="end">End</p></body></html>"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="parent.document.title='taken'">
<script>fetch("http://CANARY/svg")</script><image href="http://CANARY/image" width="9" height="9"/>
<a href="http://CANARY/a"><rect id="end" width="9" height="9" fill="green"/></a>
<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://CANARY/foreign"/></foreignObject></svg>"""


def test_a_preview_runs_nothing_and_reaches_no_server(keyed, new_page, replay, any_wire, canary):
    address, connections = canary
    page = new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    chat = ChatPage(page, keyed.url).open(f"?model=m-one&wire={any_wire}")
    text = f"```html\n{ATTACK}\n```\n\n```svg\n{SVG}\n```\n\n```js\n1\n```".replace("CANARY", address)
    replay.serve(PATHS[any_wire], Canned(stream(any_wire, text)))
    chat.ask("Attack").wait_idle()
    url, page_count = page.url, len(page.context.pages)
    buttons = chat.answers.last.get_by_role("button", name="Preview")
    expect(buttons).to_have_count(2)
    for index in (0, 1):
        chat.answers.last.locator(".antler-show-preview").nth(index).click()
        frame = page.frame_locator(".antler-preview iframe").nth(index)
        expect(frame.locator("#end")).to_have_count(1)
        for name in ("send", "top", "blank", "self", "js", "end"):
            for element in frame.locator(f"#{name}").all():
                element.click(force=True)
    assert page.evaluate(FRAMES, 30)
    frames = page.locator(".antler-preview iframe")
    assert [frame.get_attribute("sandbox") for frame in frames.all()] == ["", ""]
    assert {frame.url for frame in page.frames[1:]} == {"about:srcdoc"}
    assert (page.url, len(page.context.pages), dialogs) == (url, page_count, [])
    assert "taken" not in page.title()
    expect(page.frame_locator(".antler-preview iframe").first.get_by_role("heading")).to_have_text("Hello")
    expect(chat.answers.last.get_by_text("Scripts do not run").first).to_be_visible()
    assert connections == []
