"""Thinking that is left in the text between <think> tags, told apart from the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lib.core.errors import AnswerError
from lib.core.reply import Event, Restart, TextDelta, ThinkingDelta

_OPEN, _CLOSE = "<think>", "</think>"


def told_apart(events: Iterable[Event]) -> Iterator[Event]:
    """The events, with what stands between the tags as thinking, whatever pieces the tags come in.

    Only a tag that is the first word of an answer counts: a later one is something that is talked about.
    What is held back because it may be half a tag comes with what follows it, or at the end.
    """
    splitters: dict[int, _Splitter] = {}
    plain = -1  # an alternative that has nothing left to be told apart
    try:
        for event in events:
            if type(event) is TextDelta:
                if event.choice == plain:
                    yield event
                    continue
                splitter = splitters.get(event.choice)
                if splitter is None:
                    splitter = splitters[event.choice] = _Splitter(event.choice)
                if splitter.plain:
                    plain = event.choice
                    yield event
                else:
                    yield from splitter.feed(event)
                continue
            if type(event) is Restart:
                splitters.clear()
                plain = -1
            yield event
    except AnswerError:
        yield from _rest(splitters)
        raise
    yield from _rest(splitters)


def _rest(splitters: dict[int, _Splitter]) -> Iterator[Event]:
    for splitter in splitters.values():
        yield from splitter.rest()


class _Splitter:
    """One alternative's text: before the first word, inside the tags, or `plain` ever after."""

    def __init__(self, choice: int) -> None:
        self.plain = False
        self._choice = choice
        self._block = 0
        self._held = ""
        self._inside = self._thought = self._after = False

    def feed(self, event: TextDelta) -> Iterator[Event]:
        self._block = event.block
        self._held += event.text
        if not self._inside and not self._after:
            self._begin()
        if self._inside:
            yield from self._think()
        if self._after:
            self._held = self._held.lstrip()
            self.plain = bool(self._held)
        if self.plain:
            yield from self._text()

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._inside, self._held = True, start[len(_OPEN) :]
        elif not _OPEN.startswith(start):
            self.plain = True

    def _think(self) -> Iterator[Event]:
        if not self._thought:
            self._held = self._held.lstrip("\n")
        thought, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._inside, self._after = False, True
        else:
            # The end of what came may be the tag's beginning.
            split = next(n for n in range(len(_CLOSE) - 1, -1, -1) if thought.endswith(_CLOSE[:n]))
            thought, rest = thought[: len(thought) - split], thought[len(thought) - split :]
        self._held = rest
        if thought:
            self._thought = True
            yield ThinkingDelta(thought, self._block, self._choice)

    def _text(self) -> Iterator[Event]:
        if self._held:
            yield TextDelta(self._held, self._block, self._choice)
        self._held = ""

    def rest(self) -> Iterator[Event]:
        if self._held and self._inside:
            yield ThinkingDelta(self._held, self._block, self._choice)
            self._held = ""
        else:
            yield from self._text()
