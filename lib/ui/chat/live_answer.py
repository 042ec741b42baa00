"""Paints an answer while it comes, with st.write_stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from math import ceil

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.chat.turns.generation import Answer
from lib.chat.turns.registry import Elsewhere
from lib.core.conversation import Node
from lib.ui.markdown.sanitize import safe, split
from lib.ui.text.i18n import literal, t
from lib.ui.widgets.errors import again, tried

FRAME = 0.05  # seconds between two frames: more would not be seen, and each one sends its whole block
FRAME_MAX = 0.5
FRAME_CHARS = 20_000  # a live block of so many characters slows the frames to one a second
BEAT = 0.1  # seconds between two looks at whether this run should end
PATIENCE = 3  # seconds of silence after which they are counted on the screen


def follow(answer: Answer | Elsewhere, node: Node, place: DeltaGenerator) -> Node:
    """Paint an answer at the end of `place` as it comes, and clear that again; returns it as it ended.

    Finished Markdown blocks become elements of their own, and only the last block is live:
    st.write_stream sends the whole text of its element with every frame.

    Each painting has a slot of its own, which nothing is painted into later. Streamlit puts a new
    element where one for the same path still waits to be sent, even before the block that it belongs
    to by then; a browser that gets them so stops with a "bad delta path".
    """
    for painting in count():
        slot = place.empty()
        with slot.container():
            feed = _paint(answer, node, painting)
        slot.empty()
        if feed.ended:
            return feed.node
    raise AssertionError("unreachable")


def _paint(answer: Answer | Elsewhere, node: Node, painting: int) -> _Feed:
    thoughts, words = st.container(), st.container()
    sign = _Sign(answer, painting)
    feed = _Feed(answer, sign, node)
    while not (feed.text or feed.thinking or feed.over):
        feed.tick(0)
    with thoughts:
        _think(feed)
    with words:
        _grow(feed, lambda: feed.text, lambda: False)
    return feed


class _Feed:
    """What has come, in frames. Over when the answer has ended, or has to be painted anew."""

    def __init__(self, answer: Answer | Elsewhere, sign: _Sign, node: Node) -> None:
        self._answer = answer
        self._sign = sign
        self._model = literal(node.target.model) if node.target else ""
        self._due = 0.0
        self._id = node.id
        self._snapshot = answer.wait(-1, 0, self._id)
        self._anew = False
        self.text = self.thinking = ""
        self._read()

    def _read(self) -> None:
        self.node, self.ended = self._snapshot.node, self._snapshot.ended
        said = self.node.message
        grown = said.text.startswith(self.text) and said.thinking.startswith(self.thinking)
        self._anew = self._anew or not grown
        self.text, self.thinking = said.text, said.thinking

    @property
    def over(self) -> bool:
        return self.ended or self._anew

    def tick(self, live: int) -> None:
        """Wait for news until the next frame is due; `live` is the live block's length in characters.

        The look at the session's state is where Streamlit may end this run: a click, another page, a
        closed tab. The answer goes on without it.
        """
        self._announce()
        time.sleep(max(0.0, min(FRAME_MAX, self._due - time.monotonic())))
        self._snapshot = self._answer.wait(self._snapshot.version, BEAT, self._id)
        _ = "view" in st.session_state
        self._read()
        self._due = time.monotonic() + min(FRAME_MAX, max(FRAME, live / FRAME_CHARS))

    def _announce(self) -> None:
        """The sign of waiting: before the first token, between two tries, when the gateway falls silent."""
        now = self._snapshot
        seconds = int(now.silence)
        words = ""
        if now.unsaved:
            words = t("answer.unsaved")
        elif now.waiting:
            about = {"attempt": now.waiting.attempt, "most": now.waiting.most, "seconds": ceil(now.left)}
            words = f"{again(now.waiting.code)} {t('answer.again', **about)}"
        elif not (self.text or self.thinking):
            key = "answer.waiting" if seconds < PATIENCE else "answer.waiting_s"
            words = t(key, model=self._model, seconds=seconds)
        elif seconds >= PATIENCE:
            words = t("answer.quiet", seconds=seconds)
        if words and seconds >= PATIENCE and now.still < now.silence - 1 and not now.waiting:
            words = f"{words} · {t('answer.alive')}"
        self._sign.show(words, now.waiting.attempt if now.waiting else 0)


class _Sign:
    """The line below an answer that is waited for, and Cancel beside it between two tries."""

    def __init__(self, answer: Answer | Elsewhere, painting: int) -> None:
        self._stop = tried(answer.stop)
        self._painting = painting
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            self._words, self._button = st.empty(), st.empty()
        self._shown: tuple[str, int] = ("", 0)

    def show(self, words: str, attempt: int) -> None:
        """Show the words, and the button while an `attempt` is waited for; nothing for "" and 0."""
        before, self._shown = self._shown, (words, attempt)
        if words != before[0]:
            if words:
                self._words.markdown(f":shimmer[{words}]", width="content")
            else:
                self._words.empty()
        if attempt != before[1]:
            if attempt:
                # A key for each: the same one twice in a run is an error.
                key = f"cancel-{self._painting}-{attempt}"
                self._button.button(t("answer.cancel"), key=key, icon=":material/close:", on_click=self._stop)
            else:
                self._button.empty()


def _think(feed: _Feed) -> None:
    """Thinking as it comes, until the answer itself begins; then it is folded away."""
    if not feed.thinking:
        return
    label = t("answer.thinking")
    with st.status(label, expanded=not feed.text, type="compact") as status:
        _grow(feed, lambda: feed.thinking, lambda: bool(feed.text))
    status.update(label=thought(feed.node), state="complete", expanded=False)


def thought(node: Node) -> str:
    """How long an answer was thought about, where that is known."""
    first, spoke = node.timing.first, node.timing.spoke
    if first is None or spoke is None:
        return t("answer.thoughts")
    return t("answer.thought", seconds=max(1, round(spoke - first)))


def _grow(feed: _Feed, source: Callable[[], str], enough: Callable[[], bool]) -> None:
    """Paint a text that grows, block by block, until the feed is over or there is `enough` of it."""
    frozen = 0
    while True:
        block = _Block(feed, lambda start=frozen: source()[start:], enough)  # type: ignore[misc]
        slot = st.empty()
        while not block.done:
            slot.write_stream(block.frames())
        frozen += block.size
        if feed.over or enough():
            return


class _Block:
    """One Markdown block while it grows; `size` is its length in characters when it is done."""

    def __init__(self, feed: _Feed, rest: Callable[[], str], enough: Callable[[], bool]) -> None:
        self._feed = feed
        self._rest = rest
        self._enough = enough
        self.done = False
        self.size = 0

    def frames(self) -> Iterator[str]:
        """What st.write_stream adds up. Ends early, to be called again for the same place, where the
        safe text is not what it was with something behind it: a formula or a link has just been closed.
        """
        shown = ""
        while not self.done:
            rest = self._rest()
            over = self._feed.over or self._enough()
            size = len(rest) if over else split(rest)
            text = safe(rest[:size] if size else rest)
            if not text.startswith(shown):
                return
            if len(text) > len(shown):
                yield text[len(shown) :]
                shown = text
            if over or size:
                self.size, self.done = size, True
            else:
                self._feed.tick(len(rest))
