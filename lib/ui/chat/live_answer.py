"""Live answer: follows a generation and renders its text with st.write_stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import ceil

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.turns import turn
from lib.chat.turns.generation import Generation
from lib.chat.turns.registry import RemoteGeneration
from lib.core.conversation import ImagePart, Message, Node, OtherPart, Part, ThinkingPart
from lib.ui.chat import answer_parts
from lib.ui.chat.answer_text import thinking_label
from lib.ui.markdown.sanitize import sanitize, sanitize_arriving, stable_prefix_length
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.errors import retry_reason, shows_errors

# Seconds between two frames. Each frame sends the whole live block; a shorter interval would not be noticed.
FRAME_INTERVAL, MAX_FRAME_INTERVAL = 0.05, 0.5
FRAME_CHARS_PER_SECOND = 20_000  # a live block of this many characters slows the frames to one a second
POLL_INTERVAL = 0.1  # seconds between two checks for a request of Streamlit to end this run
SILENCE_THRESHOLD = 3  # seconds of silence before the status line shows them
MAX_LIVE_PARTS = 20  # images and named content that are shown as they arrive; each renders the answer once more


def render(generation: Generation | RemoteGeneration, node: Node, answer_slot: DeltaGenerator) -> Node:
    """Render an answer in `answer_slot` until it ends, then clear the slot. Returns the finished node.

    Finished Markdown blocks become elements of their own and only the last block is live, because
    st.write_stream sends the whole text of its element with every frame.

    Each pass has a slot of its own that is not used again. Streamlit replaces a queued element by a later one
    for the same path, even before the block that contains it by then, and the browser stops with a
    "bad delta path".
    """
    for pass_index in count():
        slot = answer_slot.empty()
        with slot.container():
            feed = _render_pass(generation, node, pass_index)
        slot.empty()
        if feed.is_finished:
            return feed.node
    raise AssertionError("unreachable")


def _render_pass(generation: Generation | RemoteGeneration, node: Node, pass_index: int) -> _AnswerFeed:
    thinking_slot, text_slot = st.container(), st.container()
    feed = _AnswerFeed(generation, _StatusLine(generation, pass_index), node)
    while not (feed.text or feed.thinking or feed.settled_parts or feed.is_done):
        feed.wait_for_frame(0)
    with thinking_slot:
        _render_thinking(feed)
    with text_slot:
        answer_parts.render(Message("assistant", feed.settled_parts))
        _render_text_stream(feed, lambda: feed.text, lambda: False)
    return feed


class _AnswerFeed:
    """The growing answer, frame by frame; done when it has ended or has to be rendered again.

    `settled_parts` end with the last image or named content, and `text` is what follows them: another one begins
    another pass.
    """

    def __init__(self, generation: Generation | RemoteGeneration, status_line: _StatusLine, node: Node) -> None:
        self._generation = generation
        self._status_line = status_line
        self._model = escape_markdown(node.target.model) if node.target else ""
        self._expects_thinking = _expects_thinking(node)
        self._next_frame_at = 0.0
        self._node_id = node.id
        self._snapshot = generation.wait(-1, 0, self._node_id)
        self._needs_rerender = False
        self.text = self.thinking = ""
        parts = self._snapshot.node.message.parts
        self.settled_parts = parts[: _count_settled(parts)]
        self._read_snapshot()

    def _read_snapshot(self) -> None:
        self.node, self.is_finished = self._snapshot.node, self._snapshot.is_finished
        parts, thinking = self.node.message.parts, self.node.message.thinking
        settled_count = len(self.settled_parts)
        text = Message("assistant", parts[settled_count:]).text
        is_extended = text.startswith(self.text) and thinking.startswith(self.thinking)
        has_new_content = _count_settled(parts) != settled_count
        self._needs_rerender = self._needs_rerender or not is_extended or has_new_content
        self.text, self.thinking = text, thinking

    @property
    def is_done(self) -> bool:
        return self.is_finished or self._needs_rerender

    def wait_for_frame(self, live_chars: int) -> None:
        """Wait for new text until the next frame is due; `live_chars` is the length of the live block.

        Streamlit may end the run here, after a click, a page change or a disconnect. The generation goes on.
        """
        self._update_status_line()
        time.sleep(max(0.0, min(MAX_FRAME_INTERVAL, self._next_frame_at - time.monotonic())))
        self._snapshot = self._generation.wait(self._snapshot.version, POLL_INTERVAL, self._node_id)
        session_state.check_interrupted()
        self._read_snapshot()
        interval = max(FRAME_INTERVAL, live_chars / FRAME_CHARS_PER_SECOND)
        self._next_frame_at = time.monotonic() + min(MAX_FRAME_INTERVAL, interval)

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
        if not (self.text or self.thinking):
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


def _count_settled(parts: Sequence[Part]) -> int:
    """Count the parts up to the last image or named content, of the first MAX_LIVE_PARTS of them."""
    positions = [index for index, part in enumerate(parts, 1) if isinstance(part, ImagePart | OtherPart)]
    return positions[:MAX_LIVE_PARTS][-1] if positions else 0


def _expects_thinking(node: Node) -> bool:
    """Return True if the model of an answer is known to think with the parameters of the conversation."""
    conversation = conversation_view.current_view().conversation
    if node.target is None or conversation is None:
        return False
    return turn.thinks(node.target, conversation.params, services.model(node.target.model).capabilities)


class _StatusLine:
    """A line below a live answer, with Cancel while a retry is scheduled."""

    def __init__(self, generation: Generation | RemoteGeneration, pass_index: int) -> None:
        self._on_stop = shows_errors(generation.stop)
        self._pass_index = pass_index
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
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
                    key=f"cancel-{self._pass_index}-{attempt}",
                    icon=":material/close:",
                    on_click=self._on_stop,
                )
            else:
                self._button_slot.empty()


def _render_thinking(feed: _AnswerFeed) -> None:
    """Render thinking while it arrives; collapse it when the answer's text begins."""
    if not feed.thinking:
        return

    def has_text() -> bool:
        return bool(feed.text or feed.settled_parts)

    with st.status(t("answer.thinking"), expanded=not has_text(), type="compact") as status:
        _render_text_stream(feed, lambda: feed.thinking, has_text)
    status.update(label=thinking_label(feed.node), state="complete", expanded=False)


def _render_text_stream(feed: _AnswerFeed, get_text: Callable[[], str], should_stop: Callable[[], bool]) -> None:
    """Render a growing text, block by block, until the feed is done or `should_stop` returns True."""
    frozen_length = 0

    def get_remaining() -> str:
        return get_text()[frozen_length:]

    while True:
        block = _LiveBlock(feed, get_remaining, should_stop)
        slot = st.empty()
        while not block.is_done:
            slot.write_stream(block.frames())
        frozen_length += block.size
        if feed.is_done or should_stop():
            return


class _LiveBlock:
    """One growing Markdown block; `size` is its length in characters when it is done."""

    def __init__(self, feed: _AnswerFeed, get_remaining: Callable[[], str], should_stop: Callable[[], bool]) -> None:
        self._feed = feed
        self._get_remaining = get_remaining
        self._should_stop = should_stop
        self.is_done = False
        self.size = 0

    def frames(self) -> Iterator[str]:
        """Yield the text that st.write_stream appends.

        Ends early, to be called again for the same slot, when the sanitized text is no longer an extension of
        what was yielded: a formula or a link has just been closed.
        """
        yielded = ""
        while not self.is_done:
            remaining = self._get_remaining()
            is_over = self._feed.is_done or self._should_stop()
            size = len(remaining) if is_over else stable_prefix_length(remaining)
            is_arriving = not (is_over or size)
            text = sanitize_arriving(remaining) if is_arriving else sanitize(remaining[:size])
            if not text.startswith(yielded):
                return
            if len(text) > len(yielded):
                yield text[len(yielded) :]
                yielded = text
            if is_over or size:
                self.size, self.is_done = size, True
            else:
                self._feed.wait_for_frame(len(remaining))
