"""Live answers: follow generations and render their texts with st.write_stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from itertools import count

import streamlit as st

from lib.core.conversation import Node
from lib.ui.chat.answer_bubble import AnswerBubble, ElementList
from lib.ui.chat.answer_feed import POLL_INTERVAL, AnswerFeed, FollowedAnswer, StatusLine
from lib.ui.chat.answer_text import thinking_label
from lib.ui.chat.arriving_answer import GrowingText
from lib.ui.files import tray_jobs
from lib.ui.server import streamlit_private
from lib.ui.session import conversation_view, resources
from lib.ui.text import t

# Seconds between two looks at several answers that have nothing new, of which none can be waited for alone.
LOOK_INTERVAL = 0.015
# Seconds by which a frame comes earlier to be sent with one of another answer: the browser renders what comes within
# 10 ms at once, which takes it far longer than the server.
SHARED_FRAME = 0.025
# The steps of an answer's rendering: each ends with the length of the live block, until more has arrived.
Steps = Generator[int, None, None]


def render(answer: FollowedAnswer, on_shown: Callable[[], None]) -> Node:
    """Render an answer until it ends. Returns the finished node. `on_shown` is called once its text so far is shown.

    Finished Markdown blocks become elements of their own and only the last block is live, because
    st.write_stream sends the whole text of its element with every frame. An element is changed in its place and
    never removed to be rendered again: Streamlit replaces a queued element by a later one for the same path, even
    before the block that contains it by then, and the browser stops with a "bad delta path".
    """
    with resources.generations().follow(answer.generation.owner) as count_pages:
        with answer.bubble.open_status():
            feed = AnswerFeed(answer, StatusLine(answer), on_shown, count_pages)
        next_queue_check = 0.0
        for live_chars in _follow(feed, answer.bubble):
            feed.end_frame(live_chars)
            feed.wait_for_frame()
            if time.monotonic() >= next_queue_check:
                conversation_view.check_queue()
                if tray_jobs.has_finished():
                    st.rerun()
                next_queue_check = time.monotonic() + conversation_view.QUEUE_CHECK_INTERVAL
        return feed.node


def render_all(answers: Sequence[FollowedAnswer], on_end: Callable[[int, Node], None]) -> None:
    """Render several answers side by side, their frames in turn, until all have ended.

    `on_end` is called with the index and the finished node of each when it ends. Each counts as a page of its user.
    """
    with ExitStack() as followed:
        running: dict[int, tuple[AnswerFeed, Steps]] = {}
        for index, answer in enumerate(answers):
            count_pages = followed.enter_context(resources.generations().follow(answer.generation.owner))
            with answer.bubble.open_status():
                feed = AnswerFeed(answer, StatusLine(answer), count_pages=count_pages)
            running[index] = feed, _follow(feed, answer.bubble)
        due = dict(running)
        while running:
            for index, (feed, steps) in due.items():
                if not _advance(feed, steps):
                    del running[index]
                    on_end(index, feed.node)
            if running:
                seconds = min(feed.seconds_to_frame for feed, _ in running.values())
                time.sleep(min(POLL_INTERVAL, max(LOOK_INTERVAL, seconds)))
            streamlit_private.check_interrupted()
            due = {index: each for index, each in running.items() if each[0].poll(SHARED_FRAME)}


def _advance(feed: AnswerFeed, steps: Steps) -> bool:
    """Render what has arrived; returns False once the answer has ended."""
    live_chars = next(steps, None)
    if live_chars is None:
        return False
    feed.end_frame(live_chars)
    return True


def _follow(feed: AnswerFeed, bubble: AnswerBubble) -> Steps:
    """Render an answer in steps, until it ends."""
    while True:
        while feed.thinking.is_empty and not (feed.groups or feed.is_done):
            yield 0
        if not feed.thinking.is_empty:
            yield from _render_thinking(feed, bubble)
        yield from _render_content(feed, bubble.content)
        if feed.is_finished:
            bubble.show(feed.node)
            feed.note_shown()
            return
        # The gateway has begun the answer again.
        feed.start_over()
        bubble.clear()


def _render_thinking(feed: AnswerFeed, bubble: AnswerBubble) -> Steps:
    """Render thinking while it arrives; collapse it when the answer's content begins."""
    view = bubble.open_thinking(t("answer.thinking"), is_running=not feed.groups)
    view.update(t("answer.thinking"), is_running=not feed.groups)
    feed.has_visible_content = True
    yield from _render_text(feed, view.elements, 0, feed.thinking)
    view.update(thinking_label(feed.node), is_running=False)


def _render_content(feed: AnswerFeed, elements: ElementList) -> Steps:
    """Render the groups of the content, the last one growing, until the feed is done."""
    group_index = element_index = 0
    while group_index < len(feed.groups) or not feed.is_done:
        if group_index == len(feed.groups):
            yield 0
            continue
        group, is_last = feed.groups[group_index], group_index + 1 == len(feed.groups)
        if isinstance(group, str):
            element_index = yield from _render_text(feed, elements, element_index, feed.texts[group_index])
        elif is_last and not feed.is_done:
            elements.show(element_index, group)
            feed.has_visible_content = True
            yield 0
            continue
        else:
            elements.show(element_index, group)
            element_index += 1
        group_index += 1


def _render_text(feed: AnswerFeed, elements: ElementList, index: int, text: GrowingText) -> Generator[int, None, int]:
    """Render a growing text from position `index` on, until it is finished. Returns the position after the text."""
    for number in count():
        block = _LiveBlock(text, number)
        while True:
            elements.stream(index, block.frames(), block)
            feed.has_visible_content |= block.is_visible
            if block.is_done:
                break
            yield block.char_count
        index += not block.is_blank
        if block.is_last:
            break
    return index


class _LiveBlock:
    """One growing Markdown block of a text; `is_last` tells, when it is done, that the text ends with it."""

    def __init__(self, text: GrowingText, number: int) -> None:
        self._text = text
        self._number = number
        self._yielded = ""
        self.is_done = self.is_last = self.is_blank = self.is_visible = False
        self.char_count = 0

    def frames(self) -> Iterator[str]:
        """Yield the text as far as it has arrived, if it has changed or is done: the element shows it as a whole.

        A link that has just been closed changes what was shown before.
        """
        part = self._text.part(self._number)
        self.char_count = part.char_count
        if part.is_done:
            self.is_done, self.is_last, self.is_blank = True, part.is_last, not part.text
        if part.text and (part.is_done or part.text != self._yielded):
            self.is_visible, self._yielded = True, part.text
            yield part.text
