"""The frames of the chat page while answers arrive: the right messages only, no flicker, and one owner of scrolling."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage, wait_until
from tests.browser.frame_recorder import Frame, FrameRecorder, count_moves
from tests.browser.history_seed import HistorySeed
from tests.browser.paced_answers import PATHS, build_paced_answer
from tests.support.replay import Replay

RICH_ANSWER = r"""# Tides in a harbour

The harbour fills **twice a day**, and the *moon* is the reason: it pulls the sea more than the land.[^1] A ticket costs
$5, and a [tide table](https://example.org/tides_(2026)?page=1 "Tides") is free, see `tide --now` or <https://example.org>.

1. First, the **height**: \(h(t) = A\cos(\omega t)\) for each hour $t$ of the day.
   - with `A` in metres[^2]
   - and $\omega$ for the moon
2. Second, the sum of all waves, which is this one:

\[
h(t) = \sum_{i=1}^{n} A_i \cos\left(\frac{2\pi t}{T_i} + \varphi_i\right)
\]

| Day | High tide | Low tide |
|---|---:|---:|
| Monday | **4.2 m** | 1.1 m |
| Tuesday | 4.4 m | $\sqrt{2}$ m |

```python
from math import cos


def tide(hour: float) -> float:
    return 2.5 + 1.7 * cos(hour / 12.4)
```

$$
E = \frac{1}{2} m v^2

+ m g h
$$

Then *the end* comes, with [a last link](https://example.org/end), ![a chart](https://example.org/chart.png) and $a^2$.

[^1]: The first note, about the moon.
[^2]: The second note.
"""
THINKING = "\n\n".join(f"The thought {n} is as long as a line and a half of it is on a small page." for n in range(8))
ARTEFACTS = re.compile(r"streamdown|\[\^|\]\(|\\[\[(]|\$\$|\*\*|```|\|\s*-{3}|^\s*[#|]|\$[A-Za-z\\]", re.MULTILINE)
LINE = 30  # CSS pixels
TOKENS_PER_SECOND = 80


def split(text: str) -> list[str]:
    """Return the tokens of a text, of four characters each."""
    return [text[at : at + 4] for at in range(0, len(text), 4)]


def letters_of(frame: Frame) -> str:
    """Return the text of the last answer without white space."""
    return "".join(frame.contents[-1].split())


def test_an_answer_that_arrives_is_only_extended(keyed, new_page, replay, any_wire):
    response = build_paced_answer(any_wire, split(RICH_ANSWER), 1 / TOKENS_PER_SECOND, thoughts=split(THINKING))
    replay.serve(PATHS[any_wire], response)
    page = new_page(viewport={"width": 1280, "height": 420}, saves_data=False)
    chat = ChatPage(page, keyed.url).open(f"?model=m-one&wire={any_wire}")
    chat.page.wait_for_function("() => document.documentElement.dataset.antlerIdleModules")
    recorder = FrameRecorder(chat.page)
    chat.ask("What are tides?").wait_idle()
    frames = [frame for frame in recorder.stop() if len(frame.keys) == 2 and frame.contents[-1].strip()]
    assert len(frames) >= 3
    texts = [frame.contents[-1] for frame in frames]
    assert [match[0] for text in texts if (match := ARTEFACTS.search(text))] == []
    assert not any(frame.bare for frame in frames), "code without its tools, which move the text when they come"
    for earlier, later in zip(frames, frames[1:], strict=False):
        assert later.height >= earlier.height - LINE
        assert letters_of(later).startswith(letters_of(earlier))
    assert count_moves(frames) == [1]
    assert frames[-1].top >= frames[-1].height - frames[-1].view - 2
    answer = chat.answers.last
    expect(answer.locator(".katex")).to_have_count(7)
    expect(answer.locator("a[href^=http]")).to_have_count(4)
    check_scrolling_of_thinking(chat, replay, any_wire)


def check_scrolling_of_thinking(chat: ChatPage, replay: Replay, wire: str) -> None:
    """Check that the wheel releases the page over a box of thinking only where the box itself cannot scroll up."""
    thoughts, page = split(THINKING), chat.page
    lines = [f"Line {n}\n\n" for n in range(30)]
    response = build_paced_answer(wire, lines, 0, thoughts=thoughts)
    # The thinking is held after its last word.
    sent = response.piece * len(thoughts)
    replay.serve(PATHS[wire], replace(response, silence=sent))
    chat.ask("What are waves?")
    answer, newest = chat.answers.last, page.get_by_role("button", name="Jump to newest")
    expect(answer).to_contain_text("thought 7 is as long as a line and a half of it is on a small page.")
    box = answer.get_by_test_id("stExpanderDetails")
    top = "() => document.querySelector('.stMain').scrollTop"
    box.evaluate("box => { box.scrollTop = -box.scrollHeight; }")
    box.hover()
    page.mouse.wheel(0, -300)
    expect(newest).to_be_visible()
    # The wheel moves the page for some frames, also after a click on the button.
    chat.wait_scrolled()
    newest.click()
    assert is_at_end(chat)
    expect(newest).to_have_count(0)
    box.evaluate("box => { box.scrollTop = 0; }")
    before = chat.wait_scrolled().page.evaluate(top)
    box.hover()
    page.mouse.wheel(0, -40)
    wait_until(page, lambda: box.evaluate("box => box.scrollTop") < 0)
    # The line that tells of the silence makes the page longer, which goes on with its end.
    assert chat.wait_scrolled().page.evaluate(top) >= before
    assert is_at_end(chat)
    replay.resume()
    expect(answer).to_contain_text(lines[-1].strip())
    chat.wait_idle()
    assert is_at_end(chat)


@dataclass
class RecordedChat:
    """A chat page whose actions are recorded and checked, frame by frame."""

    chat: ChatPage

    def check(self, action: Callable[[], object], *, wait: Callable[[], object], moves: int = 1) -> list[Frame]:
        """Record the frames from an action until `wait` returns; `moves` is the number of directions of scrolling."""
        recorder = FrameRecorder(self.chat.page)
        action()
        wait()
        frames = recorder.stop()
        before, after = set(frames[0].keys), set(frames[-1].keys)
        for frame in frames:
            shown = set(frame.keys)
            assert not (shown & before - after and shown & after - before), "messages of two paths"
            assert shown <= before | after and len(shown) == len(frame.keys)
        for earlier, later in zip(frames, frames[1:], strict=False):
            texts = dict(earlier.messages)
            for key, text in later.messages:
                assert "".join(text.split()).startswith("".join(texts.get(key, "").split())), "text that was shown"
        # An answer that was arriving is followed until the action has an effect.
        start = next((n for n, frame in enumerate(frames) if frame.keys != frames[0].keys), 1)
        assert len(count_moves(frames[start:])) <= moves
        return frames


def test_no_action_shows_messages_of_another_path(demo, new_page, any_wire):
    chat = ChatPage(new_page(), demo.url)
    turns = [text for n in range(4) for text in (f"Question {n} of Beta", f"Answer {n} of Beta. " * 60)]
    HistorySeed(demo, chat).add("Beta", messages=turns)
    chat.open(f"?model=demo-endless&wire={any_wire}").wait_idle()
    recorded, page = RecordedChat(chat), chat.page

    def click(name: str) -> Callable[[], None]:
        return lambda: page.get_by_role("button", name=name, exact=True).filter(visible=True).last.click()

    def stop() -> None:
        chat.press_stop().wait_idle()

    recorded.check(lambda: chat.ask("Alpha"), wait=lambda: chat.wait_past_line(4))
    recorded.check(lambda: None, wait=stop)
    line = chat.last_line()
    frames = recorded.check(click("Continue"), wait=lambda: chat.wait_past_line(line + 4))
    assert all("Line 1 " in frame.contents[-1] for frame in frames)
    stop()
    recorded.check(click("Retry"), wait=lambda: chat.wait_past_line(3))
    stop()
    recorded.check(click("Previous version"), wait=chat.wait_idle)
    chat.questions.last.hover()
    click("Edit question 1")()
    chat.fill_opened("Edit", "Alpha, better")
    recorded.check(click("Send"), wait=lambda: chat.wait_past_line(4))
    expect(chat.questions).to_have_text(["Alpha, better"])
    chat.wait_past_line(1)
    beta, alpha = chat.row_button("Beta"), chat.row_button("Alpha")
    frames = recorded.check(beta.click, wait=lambda: expect(chat.questions).to_have_count(4) or chat.wait_idle())
    assert "Answer 3 of Beta" in frames[-1].contents[-1]
    recorded.check(alpha.click, wait=lambda: chat.wait_past_line(6), moves=2)
    recorded.check(click("New chat"), wait=lambda: expect(chat.questions).to_have_count(0) or chat.wait_idle())
    expect(page.get_by_text("What can I help you with?")).to_be_visible()
    recorded.check(alpha.click, wait=lambda: chat.wait_past_line(8))
    stop()


def is_at_end(chat: ChatPage) -> bool:
    """Wait up to a limit until the page is at its end."""
    chat.page.wait_for_function(
        "() => { const root = document.querySelector('.stMain');"
        "return root.scrollTop >= root.scrollHeight - root.clientHeight - 2; }"
    )
    return True


def is_released(chat: ChatPage) -> bool:
    """Check that the page, which was scrolled up, stays where it is while the answer grows."""
    position = "() => document.querySelector('.stMain').scrollTop"
    expect(chat.page.get_by_role("button", name="Jump to newest")).to_be_visible()
    chat.wait_scrolled()
    top = chat.page.evaluate(position)
    chat.wait_past_line(chat.last_line() + 3)
    return bool(chat.page.evaluate(position) == top)


def test_the_page_follows_the_end_until_its_reader_scrolls_up(demo, new_page, any_wire):
    page = new_page(viewport={"width": 1280, "height": 500})
    chat = ChatPage(page, demo.url).open(f"?model=demo-endless&wire={any_wire}").ask("Begin")
    newest = page.get_by_role("button", name="Jump to newest")
    chat.wait_past_line(30)
    chat.press_stop().wait_idle()
    assert is_at_end(chat)
    expect(newest).to_have_count(0)
    page.locator(".stMain").hover()
    page.mouse.wheel(0, -2000)
    expect(newest).to_be_visible()
    box, composer = newest.bounding_box(), chat.composer.bounding_box()
    assert box and composer and box["y"] + box["height"] <= composer["y"] and box["width"] == box["height"]
    RecordedChat(chat).check(lambda: chat.ask("From above"), wait=lambda: chat.wait_past_line(3))
    assert is_at_end(chat)
    for scroll_up in (
        lambda: page.mouse.wheel(0, -240),
        lambda: page.evaluate("() => { document.querySelector('.stMain').scrollTop -= 240; }"),
        lambda: page.locator("#stMain").focus() or page.keyboard.press("PageUp"),
    ):
        chat.wait_past_line(chat.last_line() + 12)
        page.locator(".stMain").hover()
        scroll_up()
        assert is_released(chat)
        newest.focus()
        page.keyboard.press("Enter")
        assert is_at_end(chat)
        expect(newest).to_have_count(0)
        chat.wait_past_line(chat.last_line() + 2)
        assert is_at_end(chat)
    page.mouse.wheel(0, -240)
    assert is_released(chat)
    page.emulate_media(reduced_motion="reduce")
    recorder = FrameRecorder(page)
    newest.click()
    assert is_at_end(chat)
    first, *later = recorder.stop()
    assert all(frame.top == first.top or frame.top >= first.height - first.view - 2 for frame in later)
    chat.press_stop().wait_idle()
    assert is_at_end(chat)
    expect(chat.answers.last.get_by_text("You stopped this answer")).to_be_in_viewport()


def test_a_phone_is_scrolled_by_touch_while_an_answer_arrives(demo, new_page, any_wire):
    page = new_page(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    chat = ChatPage(page, demo.url).open(f"?model=demo-endless&wire={any_wire}").ask("By touch")
    chat.wait_past_line(22)
    assert is_at_end(chat)
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": 190, "y": 200}]})
    for y in range(220, 500, 20):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": 190, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert is_released(chat)
    newest = page.get_by_role("button", name="Jump to newest")
    box, composer = newest.bounding_box(), chat.composer.bounding_box()
    assert box and composer and box["width"] >= 44 and box["y"] + box["height"] <= composer["y"]
    newest.tap()
    chat.wait_past_line(chat.last_line() + 3)
    assert is_at_end(chat)
    chat.press_stop().wait_idle()
    assert is_at_end(chat)
