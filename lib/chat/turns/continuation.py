"""Deduplication of a continuation against the end of the text that it continues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, TextDelta

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
    buffer = ""
    first: TextDelta | None = None
    is_decided = False
    try:
        for event in events:
            if getattr(event, "choice", 0):
                continue  # a text has one continuation
            if is_decided or not isinstance(event, TextDelta):
                if isinstance(event, Restart):
                    buffer, first, is_decided = "", None, False
                yield event
                continue
            first = first or event
            buffer += event.text
            if not _is_possible_overlap(previous_text, buffer):
                is_decided = True
                yield replace(first, text=remove_overlap(previous_text, buffer))
    except AnswerError:
        if first and not is_decided:
            yield replace(first, text=remove_overlap(previous_text, buffer))
        raise
    if first and not is_decided:
        yield replace(first, text=remove_overlap(previous_text, buffer))


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
