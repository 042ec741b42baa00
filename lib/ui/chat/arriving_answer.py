"""The text and elements of an arriving answer, computed once for all pages that follow it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from lib.chat.turns.generation import Generation, GenerationSnapshot
from lib.chat.turns.remote_generation import RemoteGeneration
from lib.core.conversation import Message, Node, SourcePart, ThinkingPart
from lib.core.reply import ReplyCursor
from lib.ui.chat.answer_parts import Group, list_groups
from lib.ui.markdown.arriving_text import ArrivingText


@dataclass(frozen=True)
class ArrivingPart:
    """An element of a text: rewritten, whole (`is_done`) or as far as it has arrived, with its length as it came.

    `is_last` tells that the text ends with it.
    """

    text: str
    is_done: bool
    is_last: bool
    char_count: int


class GrowingText:
    """A text of an answer, and its elements. Any thread may use it."""

    def __init__(self, language: str) -> None:
        self._received: list[str] = []
        self.char_count = 0  # of the text as it came
        self._lock = threading.Lock()
        self._arriving = ArrivingText(language)

    @property
    def received(self) -> str:
        """The text as it came."""
        return "".join(self._received)

    @property
    def is_empty(self) -> bool:
        return not self._received

    def grow(self, text: str) -> None:
        """Take what is new."""
        with self._lock:
            self._received.append(text)
            self.char_count += len(text)
            self._arriving.update(text)

    def finish(self) -> None:
        """Take the text so far as the whole one."""
        with self._lock:
            self._arriving.finish()

    def part(self, number: int) -> ArrivingPart:
        """Return an element, at most the one behind the last that is done."""
        with self._lock:
            arriving = self._arriving
            if number < len(arriving.parts):
                is_last = arriving.is_over and number == len(arriving.parts) - 1
                return ArrivingPart(arriving.parts[number], True, is_last, 0)
            return ArrivingPart(arriving.live, arriving.is_over, arriving.is_over, arriving.live_chars)


@dataclass(frozen=True)
class AnswerView:
    """An answer as its pages see it.

    `node` is without some of the newest text. `groups` are those of `list_groups`, and `texts` their texts by position.
    `attempt` is another one when the answer has begun again: the texts of the one before are finished then.
    """

    attempt: int
    node: Node
    groups: list[Group]
    texts: Mapping[int, GrowingText]
    thinking: GrowingText

    @property
    def char_count(self) -> int:
        return self.thinking.char_count + sum(text.char_count for text in self.texts.values())


class ArrivingAnswer:
    """An answer in one language while it arrives. Any thread may use it."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._lock = threading.Lock()
        self._version = -1
        self._cursor = ReplyCursor()
        self._last_text: GrowingText | None = None  # the one that the end of the answer belongs to, if that is known
        self._attempt = -1
        self._view: AnswerView | None = None
        self._begin()

    def _begin(self) -> None:
        self._attempt += 1
        self._groups: list[Group] = []
        self._texts: dict[int, GrowingText] = {}
        self._thinking = GrowingText(self._language)

    def advance(self, snapshot: GenerationSnapshot) -> AnswerView:
        """Take what is new in an answer, unless another page has done so."""
        with self._lock:
            if self._view and snapshot.version <= self._version:
                return self._view
            self._version = snapshot.version
            growth = snapshot.read_since(self._cursor)
            if growth.node is None and (self._view is None or (growth.text and self._last_text is None)):
                growth = snapshot.read_since(ReplyCursor())
            self._cursor = growth.cursor
            if growth.node is not None:
                self._read_node(growth.node)
                self._view = AnswerView(self._attempt, growth.node, self._groups, self._texts, self._thinking)
            elif growth.text and self._last_text:
                self._last_text.grow(growth.text)
            assert self._view is not None
            return self._view

    def _read_node(self, node: Node) -> None:
        """Take a whole answer."""
        groups, thinking = list_groups(node.message), _growing_thinking(node.message)
        if not self._is_extended_by(groups, thinking):
            self._finish_texts()
            self._begin()
        _extend(self._thinking, thinking)
        for position, group in enumerate(groups):
            if isinstance(group, str):
                _extend(self._texts.setdefault(position, GrowingText(self._language)), group)
        is_text_last = bool(groups) and isinstance(groups[-1], str)
        parts = [part for part in node.message.parts if not isinstance(part, SourcePart)]
        is_thinking = bool(parts) and isinstance(parts[-1], ThinkingPart)
        self._last_text = None
        if is_thinking:
            self._last_text = self._thinking if parts[-1].text.strip() else None
        elif is_text_last and parts and parts[-1].text.strip():
            self._last_text = self._texts[len(groups) - 1]
        if groups:
            self._thinking.finish()
        for position, text in self._texts.items():
            if position + 1 < len(groups) or not node.arriving:
                text.finish()
        if not node.arriving:
            self._finish_texts()
        self._groups = groups

    def _is_extended_by(self, groups: list[Group], thinking: str) -> bool:
        """Tell if an answer goes on with what has been shown."""
        if not thinking.startswith(self._thinking.received.rstrip()) or len(groups) < len(self._groups):
            return False
        for position, text in self._texts.items():
            group = groups[position]
            if not isinstance(group, str) or not group.startswith(text.received):
                return False
        return True

    def _finish_texts(self) -> None:
        for text in (self._thinking, *self._texts.values()):
            text.finish()


def _extend(text: GrowingText, whole: str) -> None:
    """Let a text grow to a whole one, which begins with it but for white space."""
    received = text.received if whole.startswith(text.received) else text.received.rstrip()
    if len(whole) > len(received):
        text.grow(whole[len(received) :])


def _growing_thinking(message: Message) -> str:
    """Return `Message.thinking` with the white space at its end, which may become that before the next word."""
    thoughts = [part.text for part in message.parts if isinstance(part, ThinkingPart)]
    thinking = message.thinking
    end = thoughts[-1] if thoughts else ""
    return thinking + end[len(end.rstrip()) :] if end.strip() else thinking


_answers: WeakKeyDictionary[Generation | RemoteGeneration, dict[tuple[str, str], ArrivingAnswer]] = WeakKeyDictionary()
_answers_lock = threading.Lock()


def find_arriving_answer(generation: Generation | RemoteGeneration, node_id: str, language: str) -> ArrivingAnswer:
    """Return the one object that all pages in this language share for an alternative of an answer."""
    with _answers_lock:
        shared = _answers.setdefault(generation, {})
        return shared.setdefault((node_id, language), ArrivingAnswer(language))
