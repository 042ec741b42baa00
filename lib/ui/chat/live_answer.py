"""Live answer: follows a generation and renders its text with st.write_stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from math import ceil

import streamlit as st

from lib.chat.turns import model_facts
from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import RemoteGeneration
from lib.core.conversation import Node, ThinkingPart
from lib.ui.chat import web_search_steps
from lib.ui.chat.answer_bubble import AnswerBubble, ElementList
from lib.ui.chat.answer_parts import Group
from lib.ui.chat.answer_text import thinking_label
from lib.ui.chat.arriving_answer import GrowingText, find_arriving_answer
from lib.ui.session import conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text import current_language, escape_markdown, t
from lib.ui.widgets.errors import retry_reason, shows_errors

# Seconds between two frames at most; `FramePace` has the least. Each frame sends the whole live block.
MAX_FRAME_INTERVAL = 0.5
# Part of the interval that has to pass: the next read of the answer comes with some jitter.
EARLIEST_FRAME = 0.8
FRAME_CHARS_PER_SECOND = 20_000  # a live block of this many characters slows the frames to one a second
MAX_CPU_SHARE = 0.25  # of a core, for the frames of all pages on which one user follows answers
POLL_INTERVAL = 0.1  # seconds between two checks for a request of Streamlit to end this run
SILENCE_THRESHOLD = 3  # seconds of silence before the status line shows them


def render(
    generation: Generation | RemoteGeneration, node: Node, bubble: AnswerBubble, on_shown: Callable[[], None]
) -> Node:
    """Render an answer until it ends. Returns the finished node. `on_shown` is called once its text so far is shown.

    Finished Markdown blocks become elements of their own and only the last block is live, because
    st.write_stream sends the whole text of its element with every frame. An element is changed in its place and
    never removed to be rendered again: Streamlit replaces a queued element by a later one for the same path, even
    before the block that contains it by then, and the browser stops with a "bad delta path".
    """
    with resources.generations().follow(generation.owner) as count_pages:
        with bubble.open_status():
            feed = _AnswerFeed(generation, _StatusLine(generation), node, on_shown, count_pages)
        return _follow(feed, bubble)


def _follow(feed: _AnswerFeed, bubble: AnswerBubble) -> Node:
    while True:
        while feed.thinking.is_empty and not (feed.groups or feed.is_done):
            feed.wait_for_frame(0)
        if not feed.thinking.is_empty:
            _render_thinking(feed, bubble)
        _render_content(feed, bubble.content)
        if feed.is_finished:
            bubble.show(feed.node)
            feed.note_shown()
            return feed.node
        # The gateway has begun the answer again.
        feed.start_over()
        bubble.content.truncate(0)


def frame_interval(min_interval: float, live_chars: int, cpu_seconds: float, page_count: int) -> float:
    """Return the seconds to the next frame, by the live block, the cost of the last frame and the user's pages.

    Else a user with many costly answers would slow those of others.
    """
    interval = max(live_chars / FRAME_CHARS_PER_SECOND, cpu_seconds * page_count / MAX_CPU_SHARE)
    return min(MAX_FRAME_INTERVAL, max(min_interval, interval))


class _AnswerFeed:
    """The growing answer, frame by frame; done when it has ended or has to be rendered again."""

    def __init__(
        self,
        generation: Generation | RemoteGeneration,
        status_line: _StatusLine,
        node: Node,
        on_shown: Callable[[], None] = lambda: None,
        count_pages: Callable[[], int] = lambda: 1,
    ) -> None:
        self._on_shown: Callable[[], None] | None = on_shown
        self._generation = generation
        self._status_line = status_line
        self._model = escape_markdown(node.target.model) if node.target else ""
        self._expects_thinking = _expects_thinking(node)
        self._makes_images = bool(node.target and node.target.makes_images)
        self._pace = resources.frame_pace()
        self._next_frame_at = self._next_queue_check = 0.0
        self._count_pages = count_pages
        self._frame_started = time.thread_time()
        self._node_id = node.id
        self._answer = find_arriving_answer(generation, node.id, current_language())
        self._snapshot = generation.wait(-1, 0, self._node_id)
        self.has_visible_content = False
        self.start_over()

    def start_over(self) -> None:
        """Begin with the answer as it is now."""
        self._view = self._newest = self._answer.advance(self._snapshot)

    def _read_snapshot(self) -> None:
        self._newest = self._answer.advance(self._snapshot)
        if not self._needs_rerender:
            self._view = self._newest

    @property
    def _needs_rerender(self) -> bool:
        return self._newest.attempt != self._view.attempt

    @property
    def node(self) -> Node:
        return self._newest.node

    @property
    def groups(self) -> list[Group]:
        return self._view.groups

    @property
    def texts(self) -> Mapping[int, GrowingText]:
        return self._view.texts

    @property
    def thinking(self) -> GrowingText:
        return self._view.thinking

    @property
    def is_finished(self) -> bool:
        return self._snapshot.is_finished

    @property
    def is_done(self) -> bool:
        return self.is_finished or self._needs_rerender

    def wait_for_frame(self, live_chars: int) -> None:
        """Wait for new text until the next frame is due; `live_chars` is the length of the live block.

        Streamlit may end the run here, after a click, a page change or a disconnect. The generation goes on.
        """
        self._update_status_line()
        self.note_shown()
        cpu_seconds = time.thread_time() - self._frame_started
        self._snapshot = self._generation.wait(self._snapshot.version, POLL_INTERVAL, self._node_id)
        # A local answer is read once per frame, so that waiting for it is enough; one that comes faster is not.
        if (early := self._next_frame_at - time.monotonic()) > 0:
            time.sleep(min(MAX_FRAME_INTERVAL, early))
            self._snapshot = self._generation.wait(-1, 0, self._node_id)
        session_state.check_interrupted()
        if time.monotonic() >= self._next_queue_check:
            conversation_view.check_queue()
            self._next_queue_check = time.monotonic() + conversation_view.QUEUE_CHECK_INTERVAL
        self._frame_started = time.thread_time()
        self._read_snapshot()
        interval = frame_interval(self._pace.interval, live_chars, cpu_seconds, self._count_pages())
        self._next_frame_at = time.monotonic() + EARLIEST_FRAME * interval

    def note_shown(self) -> None:
        """Report once that the text so far is on its way to the browser."""
        if self._on_shown:
            self._on_shown()
            self._on_shown = None

    def _update_status_line(self) -> None:
        retry = self._snapshot.scheduled_retry
        status = self._status_text()
        silence, idle = self._snapshot.seconds_since_content, self._snapshot.seconds_since_activity
        if status and not retry and int(silence) >= SILENCE_THRESHOLD and idle < silence - 1:
            status = f"{status} · {t('answer.still_working')}"
        self._status_line.show(status, retry.attempt if retry else 0)

    def _status_text(self) -> str:
        """Return the text while waiting: for the first token, for a retry, or for a silent gateway."""
        snapshot, seconds = self._snapshot, int(self._snapshot.seconds_since_content)
        if snapshot.is_unsaved:
            return t("answer.unsaved")
        if retry := snapshot.scheduled_retry:
            wait = ceil(snapshot.retry_in)
            retrying = t("answer.retrying", attempt=retry.attempt, max_attempts=retry.max_attempts, seconds=wait)
            return f"{retry_reason(retry.error_code)} {retrying}"
        if searching := web_search_steps.running_text(self.node.message):
            return searching
        if self._makes_images:
            keys = ("answer.generating_images", "answer.generating_images_seconds")
            return t(keys[seconds >= SILENCE_THRESHOLD], seconds=seconds)
        if not self.has_visible_content:
            keys = ("answer.waiting", "answer.waiting_seconds")
            if self._is_thinking_silently():
                keys = ("answer.thinking_silently", "answer.thinking_seconds")
            return t(keys[seconds >= SILENCE_THRESHOLD], model=self._model, seconds=seconds)
        return t("answer.no_new_data", seconds=seconds) if seconds >= SILENCE_THRESHOLD else ""

    def _is_thinking_silently(self) -> bool:
        """Return True if the model thinks without a text.

        The response has thinking without a text, or it has begun and the model is known to think first.
        """
        has_part = any(isinstance(part, ThinkingPart) for part in self.node.message.parts)
        return self._snapshot.has_thought or has_part or (self._expects_thinking and bool(self.node.provider_metadata))


def _expects_thinking(node: Node) -> bool:
    """Return True if the model of an answer is known to think with the parameters of the conversation."""
    conversation = conversation_view.current_view().conversation
    if node.target is None or conversation is None:
        return False
    return model_facts.thinks(node.target, conversation.params, services.model(node.target.model).capabilities)


class _StatusLine:
    """A line below a live answer, with Cancel while a retry is scheduled."""

    def __init__(self, generation: Generation | RemoteGeneration) -> None:
        self._on_stop = shows_errors(generation.stop)
        self._text_slot, self._button_slot = st.empty(), st.empty()
        self._text, self._attempt = "", 0

    def show(self, text: str, attempt: int) -> None:
        """Show `text`, and Cancel for a retry's `attempt`; "" and 0 clear them."""
        if text != self._text:
            self._text = text
            if text:
                self._text_slot.markdown(f":shimmer[{text}]", width="content")
            else:
                self._text_slot.empty()
        if attempt != self._attempt:
            self._attempt = attempt
            if attempt:
                self._button_slot.button(
                    t("answer.cancel"),
                    # Streamlit rejects a key that is used twice in a run.
                    key=f"cancel-{attempt}",
                    icon=":material/close:",
                    on_click=self._on_stop,
                )
            else:
                self._button_slot.empty()


def _render_thinking(feed: _AnswerFeed, bubble: AnswerBubble) -> None:
    """Render thinking while it arrives; collapse it when the answer's content begins."""
    view = bubble.open_thinking(t("answer.thinking"), is_running=not feed.groups)
    view.update(t("answer.thinking"), is_running=not feed.groups)
    feed.has_visible_content = True
    _render_text(feed, view.elements, 0, feed.thinking)
    view.update(thinking_label(feed.node), is_running=False)


def _render_content(feed: _AnswerFeed, elements: ElementList) -> None:
    """Render the groups of the content, the last one growing, until the feed is done."""
    group_index = element_index = 0
    while group_index < len(feed.groups) or not feed.is_done:
        if group_index == len(feed.groups):
            feed.wait_for_frame(0)
            continue
        group, is_last = feed.groups[group_index], group_index + 1 == len(feed.groups)
        if isinstance(group, str):
            element_index = _render_text(feed, elements, element_index, feed.texts[group_index])
        elif is_last and not feed.is_done:
            elements.show(element_index, group)
            feed.has_visible_content = True
            feed.wait_for_frame(0)
            continue
        else:
            elements.show(element_index, group)
            element_index += 1
        group_index += 1


def _render_text(feed: _AnswerFeed, elements: ElementList, index: int, text: GrowingText) -> int:
    """Render a growing text from position `index` on, until it is finished. Returns the position after the text."""
    for number in count():
        block = _LiveBlock(feed, text, number)
        while not block.is_done:
            elements.stream(index, block.frames(), block)
        index += not block.is_blank
        if block.is_last:
            break
    return index


class _LiveBlock:
    """One growing Markdown block of a text; `is_last` tells, when it is done, that the text ends with it."""

    def __init__(self, feed: _AnswerFeed, text: GrowingText, number: int) -> None:
        self._feed = feed
        self._text = text
        self._number = number
        self.is_done = self.is_last = self.is_blank = False

    def frames(self) -> Iterator[str]:
        """Yield the text that st.write_stream appends.

        Ends early, to be called again for the same element, when the sanitized text is no longer an extension of
        what was yielded: a link has just been closed.
        """
        yielded = ""
        while True:
            part = self._text.part(self._number)
            if not part.text.startswith(yielded):
                return
            if part.is_done:
                self.is_done, self.is_last, self.is_blank = True, part.is_last, not part.text
            if len(part.text) > len(yielded):
                self._feed.has_visible_content = True
                yield part.text[len(yielded) :]
                yielded = part.text
            if part.is_done:
                return
            self._feed.wait_for_frame(part.char_count)
