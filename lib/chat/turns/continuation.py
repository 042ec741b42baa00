"""Joins a continuation to the text that it continues, so that nothing is said twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lib.core.errors import AnswerError
from lib.core.reply import Event, Restart, TextDelta

TAIL = 400  # characters of the old text in which a repetition is looked for
SHORTEST = 12  # a shorter one may be meant: words do come twice

_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)
# A fence that opens a block, as one with a language does: a bare one closes the open block.
_OPENS = re.compile(r"\s*(?:`{3,}|~{3,})[^\s`]+[ \t]*\n")
_MAY_OPEN = re.compile(r"\s*(?:[`~]{1,}[^\s`]*[ \t]*)?")
LETTERS = 6  # different ones that a repetition has: zeros, dashes and rules repeat by themselves


def seamless(before: str, events: Iterable[Event]) -> Iterator[Event]:
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
            if not _undecided(before, held):
                decided = True
                yield replace(first, text=joined(before, held))
    except AnswerError:
        if first and not decided:
            yield replace(first, text=joined(before, held))
        raise
    if first and not decided:
        yield replace(first, text=joined(before, held))


def joined(before: str, more: str) -> str:
    """`more` without what it repeats of the end of `before`, and without a code fence opened anew."""
    tail = before[-TAIL:]
    for start in range(max(0, len(tail) - len(more)), len(tail) - SHORTEST + 1):
        if more.startswith(tail[start:]) and len(set(tail[start:])) >= LETTERS:
            return more[len(tail) - start :]
    return _OPENS.sub("", more, count=1) if _open(before) and _OPENS.match(more) else more


def _open(before: str) -> bool:
    """Whether the text ends inside a code block."""
    return len(_FENCE.findall(before)) % 2 == 1


def _undecided(before: str, held: str) -> bool:
    """Whether what has come may be the beginning of a repetition, or of a fence, that is not whole yet."""
    if len(held) >= TAIL:
        return False
    if held in before[-TAIL:]:
        return True
    return _open(before) and _MAY_OPEN.fullmatch(held) is not None
