"""Deduplication of a continuation against the end of the text that it continues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, TextDelta, TextWasThinking

MAX_OVERLAP = 400  # characters at the end of the text that are searched for a repetition
MIN_OVERLAP = 12  # characters; a shorter repetition may be intended

_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)
# An opening fence has a language; one without would close the open block.
_FENCE_OPENING = re.compile(r"\s*(?:`{3,}|~{3,})[^\s`]+[ \t]*\n")
_PARTIAL_FENCE_OPENING = re.compile(r"\s*(?:[`~]{1,}[^\s`]*[ \t]*)?")
MIN_DISTINCT_LETTERS = 6  # of a repetition: zeros, dashes and rules repeat by themselves


def deduplicate_continuation(previous_text: str, events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of a continuation without its repetition of the end of `previous_text`.

    Text is buffered while it may still be a repetition.
    """
    start = _ContinuationStart(previous_text)
    try:
        for event in events:
            if getattr(event, "choice", 0):
                continue  # a text has one continuation
            if isinstance(event, TextDelta):
                yield from start.feed(event)
                continue
            if isinstance(event, TextWasThinking):
                yield from start.flush()  # the continuation begins behind it
            if isinstance(event, TextWasThinking | Restart):
                start = _ContinuationStart(previous_text)
            yield event
    except AnswerError:
        yield from start.flush()
        raise
    yield from start.flush()


class _ContinuationStart:
    """The beginning of a continuation, which is buffered until it is certain to be no repetition."""

    def __init__(self, previous_text: str) -> None:
        self._previous_text = previous_text
        self._buffer = ""
        self._first: TextDelta | None = None
        self._is_decided = False

    def feed(self, event: TextDelta) -> Iterator[TextDelta]:
        if self._is_decided:
            yield event
            return
        self._first = self._first or event
        self._buffer += event.text
        if not _is_possible_overlap(self._previous_text, self._buffer):
            yield from self.flush()

    def flush(self) -> Iterator[TextDelta]:
        if self._first and not self._is_decided:
            yield replace(self._first, text=remove_overlap(self._previous_text, self._buffer))
        self._is_decided = True


def remove_overlap(previous_text: str, continuation: str) -> str:
    """Return `continuation` without a repetition of the end of `previous_text`, or a reopened code fence."""
    tail = previous_text[-MAX_OVERLAP:]
    for start in range(max(0, len(tail) - len(continuation)), len(tail) - MIN_OVERLAP + 1):
        if continuation.startswith(tail[start:]) and len(set(tail[start:])) >= MIN_DISTINCT_LETTERS:
            return continuation[len(tail) - start :]
    return (
        _FENCE_OPENING.sub("", continuation, count=1)
        if _ends_in_code_block(previous_text) and _FENCE_OPENING.match(continuation)
        else continuation
    )


def _ends_in_code_block(text: str) -> bool:
    return len(_FENCE.findall(text)) % 2 == 1


def _is_possible_overlap(previous_text: str, buffered_text: str) -> bool:
    """Return True if the buffer may be the start of a repetition or of an opening fence."""
    if len(buffered_text) >= MAX_OVERLAP:
        return False
    if buffered_text in previous_text[-MAX_OVERLAP:]:
        return True
    return _ends_in_code_block(previous_text) and _PARTIAL_FENCE_OPENING.fullmatch(buffered_text) is not None
