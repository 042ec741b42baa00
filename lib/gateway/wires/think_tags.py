"""Separation of thinking in <think> tags from the text of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, TextDelta, ThinkingDelta

_OPEN_TAG, _CLOSE_TAG = "<think>", "</think>"


def split_thinking(events: Iterable[Event]) -> Iterator[Event]:
    """Yield `events` with text between the tags as ThinkingDelta, however the tags are split.

    Only a tag at the start of an answer counts: a later one is part of the text. Text that may be an
    incomplete tag is buffered until more arrives, or until the end.
    """
    splitters: dict[int, _ThinkTagSplitter] = {}
    passthrough_choice = -1  # the last choice without a buffer: nearly all deltas take this shortcut
    try:
        for event in events:
            if type(event) is TextDelta:
                if event.choice == passthrough_choice:
                    yield event
                    continue
                splitter = splitters.get(event.choice)
                if splitter is None:
                    splitter = splitters[event.choice] = _ThinkTagSplitter(event.choice)
                if splitter.is_passthrough:
                    passthrough_choice = event.choice
                    yield event
                else:
                    yield from splitter.feed(event)
                continue
            if type(event) is Restart:
                splitters.clear()
                passthrough_choice = -1
            yield event
    except AnswerError:
        yield from _flush_splitters(splitters)
        raise
    yield from _flush_splitters(splitters)


def _flush_splitters(splitters: dict[int, _ThinkTagSplitter]) -> Iterator[Event]:
    for splitter in splitters.values():
        yield from splitter.flush()


class _ThinkTagSplitter:
    """Parser state of one choice: before the text, inside the tags, or passing text through."""

    def __init__(self, choice: int) -> None:
        self.is_passthrough = False
        self._choice = choice
        self._block = 0
        self._buffer = ""
        self._is_open = self._has_thinking = self._is_closed = False

    def feed(self, event: TextDelta) -> Iterator[Event]:
        self._block = event.block
        self._buffer += event.text
        if not self._is_open and not self._is_closed:
            self._detect_open_tag()
        if self._is_open:
            yield from self._split_at_close_tag()
        if self._is_closed:
            self._buffer = self._buffer.lstrip()
            self.is_passthrough = bool(self._buffer)
        if self.is_passthrough:
            yield from self._flush_text()

    def _detect_open_tag(self) -> None:
        start = self._buffer.lstrip()
        if start.startswith(_OPEN_TAG):
            self._is_open, self._buffer = True, start[len(_OPEN_TAG) :]
        elif not _OPEN_TAG.startswith(start):
            self.is_passthrough = True

    def _split_at_close_tag(self) -> Iterator[Event]:
        if not self._has_thinking:
            self._buffer = self._buffer.lstrip("\n")
        thinking, close_tag, remaining = self._buffer.partition(_CLOSE_TAG)
        if close_tag:
            self._is_open, self._is_closed = False, True
        else:
            # The end of the buffer may be the start of the tag.
            overlap = next(n for n in range(len(_CLOSE_TAG) - 1, -1, -1) if thinking.endswith(_CLOSE_TAG[:n]))
            end = len(thinking) - overlap
            thinking, remaining = thinking[:end], thinking[end:]
        self._buffer = remaining
        if thinking:
            self._has_thinking = True
            yield ThinkingDelta(thinking, self._block, self._choice)

    def _flush_text(self) -> Iterator[Event]:
        if self._buffer:
            yield TextDelta(self._buffer, self._block, self._choice)
        self._buffer = ""

    def flush(self) -> Iterator[Event]:
        if self._buffer and self._is_open:
            yield ThinkingDelta(self._buffer, self._block, self._choice)
            self._buffer = ""
        else:
            yield from self._flush_text()
