"""Titles of conversations, from the first question or from the reply of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lib.core.conversation import FilePart
from lib.core.sanitize import is_blank, replace_surrogates

MAX_TITLE_LENGTH = 60
# Decoration that models put around a title against their instructions.
_LABEL_PREFIX = re.compile(r"^(?:title|titel|titre|título|标题|標題|題名|タイトル)\s*[:：]\s*", re.IGNORECASE)
_LIST_MARKER = re.compile(r"^(?:#{1,6}|[-*+>]|\d{1,2}[.)])\s+")
_INLINE_MARKUP = re.compile(r"\*\*|~~|`+|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")
_CLOSING_QUOTES = {
    '"': '"',
    "'": "'",
    "“": "”",
    "„": "“”",
    "‘": "’",
    "«": "»",
    "»": "«",
    "「": "」",
    "『": "』",
    "《": "》",
    "〈": "〉",
}
_APOSTROPHES = "'’"


def title_from_question(question: str, files: Sequence[FilePart] = ()) -> str:
    """Return a title of one line, cut between words where possible; of the names of files where there is no text."""
    line = describe_names(files) if is_blank(question) else " ".join(replace_surrogates(question).split())
    if len(line) <= MAX_TITLE_LENGTH:
        return line
    head = line[: MAX_TITLE_LENGTH - 1]
    complete_words, _, _ = head.rpartition(" ")
    return (complete_words if len(complete_words) > MAX_TITLE_LENGTH // 2 else head).rstrip() + "…"


def describe_names(files: Sequence[FilePart]) -> str:
    """Return the names of files in one line."""
    return ", ".join(" ".join(part.name.split()) for part in files)


def title_from_reply(text: str) -> str:
    """Return the first usable line of a reply, without quotes, markup and labels; "" without one."""
    for line in text.splitlines():
        title = _strip_markup("".join(char for char in line if char.isprintable() or char.isspace()))
        if any(char.isalnum() for char in title):
            return title_from_question(title)
    return ""


def _strip_markup(line: str) -> str:
    previous = ""
    while line != previous:
        previous = line
        line = _INLINE_MARKUP.sub("", line.strip())
        line = _strip_quotes(_LABEL_PREFIX.sub("", _LIST_MARKER.sub("", line)).strip()).rstrip(".。")
    return line


def _strip_quotes(title: str) -> str:
    """Remove quotes around a whole title, and one whose partner is missing; keep those of a part of it."""
    if len(title) < 2:
        return title
    first, last, inner = title[0], title[-1], title[1:-1]
    if last in _CLOSING_QUOTES.get(first, "") and not any(quote in inner for quote in (first, last)):
        return inner
    rest = title[1:]
    if first in _CLOSING_QUOTES and not any(quote in rest for quote in _CLOSING_QUOTES[first]):
        return rest
    openers = [opener for opener, closers in _CLOSING_QUOTES.items() if last in closers]
    is_alone = openers and last not in _APOSTROPHES and not any(opener in title[:-1] for opener in openers)
    return title[:-1] if is_alone else title
