"""Joins a continuation to the text that it continues, so that nothing is said twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, TextDelta

MAX_OVERLAP = 400  # characters of the old text in which a repetition is looked for
MIN_OVERLAP = 12  # a shorter one may be meant: words do come twice

_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)
# A fence that opens a block, as one with a language does: a bare one closes the open block.
_FENCE_OPENING = re.compile(r"\s*(?:`{3,}|~{3,})[^\s`]+[ \t]*\n")
_PARTIAL_FENCE_OPENING = re.compile(r"\s*(?:[`~]{1,}[^\s`]*[ \t]*)?")
MIN_DISTINCT_LETTERS = 6  # different ones that a repetition has: zeros, dashes and rules repeat by themselves


def deduplicate_continuation(previous_text: str, events: Iterable[Event]) -> Iterator[Event]:
    """The events of a continuation, without the end of `before` where the model says that again.

    Its first words are held back while they may still be such a repetition.
    """
    held = ""
    first: TextDelta | None = None
    decided = False
    try:
        for event in events:
            if getattr(event, "choice", 0):
                continue  # of one text there is one continuation
            if decided or not isinstance(event, TextDelta):
                if isinstance(event, Restart):
                    held, first, decided = "", None, False
                yield event
                continue
            first = first or event
            held += event.text
            if not _is_possible_overlap(previous_text, held):
                decided = True
                yield replace(first, text=remove_overlap(previous_text, held))
    except AnswerError:
        if first and not decided:
            yield replace(first, text=remove_overlap(previous_text, held))
        raise
    if first and not decided:
        yield replace(first, text=remove_overlap(previous_text, held))


def remove_overlap(previous_text: str, continuation: str) -> str:
    """`more` without what it repeats of the end of `before`, and without a code fence opened anew."""
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
    """Whether the text ends inside a code block."""
    return len(_FENCE.findall(text)) % 2 == 1


def _is_possible_overlap(previous_text: str, buffered_text: str) -> bool:
    """Whether what has come may be the beginning of a repetition, or of a fence, that is not whole yet."""
    if len(buffered_text) >= MAX_OVERLAP:
        return False
    if buffered_text in previous_text[-MAX_OVERLAP:]:
        return True
    return _ends_in_code_block(previous_text) and _PARTIAL_FENCE_OPENING.fullmatch(buffered_text) is not None
