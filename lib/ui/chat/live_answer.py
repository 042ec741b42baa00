"""Paints an answer while it comes, with st.write_stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from math import ceil

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import RemoteGeneration
from lib.core.conversation import Node
from lib.ui.markdown.sanitize import sanitize, stable_prefix_length
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets.errors import retry_reason, shows_errors

FRAME_INTERVAL = (
    0.05  # seconds between two frames: more would not be seen, and each one sends its whole block
)
MAX_FRAME_INTERVAL = 0.5
FRAME_CHARS_PER_SECOND = 20_000  # a live block of so many characters slows the frames to one a second
POLL_INTERVAL = 0.1  # seconds between two looks at whether this run should end
SILENCE_THRESHOLD = 3  # seconds of silence after which they are counted on the screen


def render(generation: Generation | RemoteGeneration, node: Node, answer_slot: DeltaGenerator) -> Node:
    """Paint an answer at the end of `place` as it comes, and clear that again; returns it as it ended.

    Finished Markdown blocks become elements of their own, and only the last block is live:
    st.write_stream sends the whole text of its element with every frame.

    Each painting has a slot of its own, which nothing is painted into later. Streamlit puts a new
    element where one for the same path still waits to be sent, even before the block that it belongs
    to by then; a browser that gets them so stops with a "bad delta path".
    """
    for painting in count():
        slot = answer_slot.empty()
        with slot.container():
            feed = _render_pass(generation, node, painting)
        slot.empty()
        if feed.is_finished:
            return feed.node
    raise AssertionError("unreachable")


def _render_pass(generation: Generation | RemoteGeneration, node: Node, pass_index: int) -> _AnswerFeed:
    thoughts, words = st.container(), st.container()
    sign = _StatusLine(generation, pass_index)
    feed = _AnswerFeed(generation, sign, node)
    while not (feed.text or feed.thinking or feed.is_done):
        feed.wait_for_frame(0)
    with thoughts:
        _render_thinking(feed)
    with words:
        _render_text_stream(feed, lambda: feed.text, lambda: False)
    return feed


class _AnswerFeed:
    """What has come, in frames. Over when the answer has ended, or has to be painted anew."""

    def __init__(
        self, generation: Generation | RemoteGeneration, status_line: _StatusLine, node: Node
    ) -> None:
        self._generation = generation
        self._status_line = status_line
        self._model = escape_markdown(node.target.model) if node.target else ""
        self._next_frame_at = 0.0
        self._node_id = node.id
        self._snapshot = generation.wait(-1, 0, self._node_id)
        self._needs_rerender = False
        self.text = self.thinking = ""
        self._read_snapshot()

    def _read_snapshot(self) -> None:
        self.node, self.is_finished = self._snapshot.node, self._snapshot.is_finished
        said = self.node.message
        grown = said.text.startswith(self.text) and said.thinking.startswith(self.thinking)
        self._needs_rerender = self._needs_rerender or not grown
        self.text, self.thinking = said.text, said.thinking

    @property
    def is_done(self) -> bool:
        return self.is_finished or self._needs_rerender

    def wait_for_frame(self, live_chars: int) -> None:
        """Wait for news until the next frame is due; `live` is the live block's length in characters.

        The look at the session's state is where Streamlit may end this run: a click, another page, a
        closed tab. The answer goes on without it.
        """
        self._update_status_line()
        time.sleep(max(0.0, min(MAX_FRAME_INTERVAL, self._next_frame_at - time.monotonic())))
        self._snapshot = self._generation.wait(self._snapshot.version, POLL_INTERVAL, self._node_id)
        session_state.check_interrupted()
        self._read_snapshot()
        self._next_frame_at = time.monotonic() + min(
            MAX_FRAME_INTERVAL, max(FRAME_INTERVAL, live_chars / FRAME_CHARS_PER_SECOND)
        )

    def _update_status_line(self) -> None:
        """The sign of waiting: before the first token, between two tries, when the gateway falls silent."""
        now = self._snapshot
        seconds = int(now.seconds_since_content)
        words = ""
        if now.is_unsaved:
            words = t("answer.unsaved")
        elif now.scheduled_retry:
            about = {
                "attempt": now.scheduled_retry.attempt,
                "most": now.scheduled_retry.max_attempts,
                "seconds": ceil(now.retry_in),
            }
            words = f"{retry_reason(now.scheduled_retry.error_code)} {t('answer.again', **about)}"
        elif not (self.text or self.thinking):
            key = "answer.waiting" if seconds < SILENCE_THRESHOLD else "answer.waiting_s"
            words = t(key, model=self._model, seconds=seconds)
        elif seconds >= SILENCE_THRESHOLD:
            words = t("answer.quiet", seconds=seconds)
        if (
            words
            and seconds >= SILENCE_THRESHOLD
            and now.seconds_since_activity < now.seconds_since_content - 1
            and not now.scheduled_retry
        ):
            words = f"{words} · {t('answer.alive')}"
        self._status_line.show(words, now.scheduled_retry.attempt if now.scheduled_retry else 0)


class _StatusLine:
    """The line below an answer that is waited for, and Cancel beside it between two tries."""

    def __init__(self, generation: Generation | RemoteGeneration, pass_index: int) -> None:
        self._on_stop = shows_errors(generation.stop)
        self._pass_index = pass_index
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            self._text_slot, self._button_slot = st.empty(), st.empty()
        self._current: tuple[str, int] = ("", 0)

    def show(self, text: str, attempt: int) -> None:
        """Show the words, and the button while an `attempt` is waited for; nothing for "" and 0."""
        before, self._current = self._current, (text, attempt)
        if text != before[0]:
            if text:
                self._text_slot.markdown(f":shimmer[{text}]", width="content")
            else:
                self._text_slot.empty()
        if attempt != before[1]:
            if attempt:
                # A key for each: the same one twice in a run is an error.
                key = f"cancel-{self._pass_index}-{attempt}"
                self._button_slot.button(
                    t("answer.cancel"), key=key, icon=":material/close:", on_click=self._on_stop
                )
            else:
                self._button_slot.empty()


def _render_thinking(feed: _AnswerFeed) -> None:
    """Thinking as it comes, until the answer itself begins; then it is folded away."""
    if not feed.thinking:
        return
    label = t("answer.thinking")
    with st.status(label, expanded=not feed.text, type="compact") as status:
        _render_text_stream(feed, lambda: feed.thinking, lambda: bool(feed.text))
    status.update(label=thinking_label(feed.node), state="complete", expanded=False)


def thinking_label(node: Node) -> str:
    """How long an answer was thought about, where that is known."""
    first, spoke = node.timing.first, node.timing.spoke
    if first is None or spoke is None:
        return t("answer.thoughts")
    return t("answer.thought", seconds=max(1, round(spoke - first)))


def _render_text_stream(
    feed: _AnswerFeed, get_text: Callable[[], str], should_stop: Callable[[], bool]
) -> None:
    """Paint a text that grows, block by block, until the feed is over or there is `enough` of it."""
    frozen = 0
    while True:
        block = _LiveBlock(feed, lambda start=frozen: get_text()[start:], should_stop)  # type: ignore[misc]
        slot = st.empty()
        while not block.is_done:
            slot.write_stream(block.frames())
        frozen += block.size
        if feed.is_done or should_stop():
            return


class _LiveBlock:
    """One Markdown block while it grows; `size` is its length in characters when it is done."""

    def __init__(
        self, feed: _AnswerFeed, get_rest: Callable[[], str], should_stop: Callable[[], bool]
    ) -> None:
        self._feed = feed
        self._get_rest = get_rest
        self._should_stop = should_stop
        self.is_done = False
        self.size = 0

    def frames(self) -> Iterator[str]:
        """What st.write_stream adds up. Ends early, to be called again for the same place, where the
        safe text is not what it was with something behind it: a formula or a link has just been closed.
        """
        shown = ""
        while not self.is_done:
            rest = self._get_rest()
            over = self._feed.is_done or self._should_stop()
            size = len(rest) if over else stable_prefix_length(rest)
            text = sanitize(rest[:size] if size else rest)
            if not text.startswith(shown):
                return
            if len(text) > len(shown):
                yield text[len(shown) :]
                shown = text
            if over or size:
                self.size, self.is_done = size, True
            else:
                self._feed.wait_for_frame(len(rest))
