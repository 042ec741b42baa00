"""Titles of conversations, from the first question or from the reply of a model."""

from __future__ import annotations

import re

from lib.core.sanitize import replace_surrogates

MAX_TITLE_LENGTH = 60
# Decoration that models put around a title against their instructions.
_LABEL_PREFIX = re.compile(r"^(?:title|titel|titre|título|标题|標題|題名|タイトル)\s*[:：]\s*", re.IGNORECASE)
_LIST_MARKER = re.compile(r"^(?:#{1,6}|[-*+>]|\d{1,2}[.)])\s+")
_INLINE_MARKUP = re.compile(r"\*\*|~~|`+|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")
_QUOTES = " \t\"'“”„‘’«»「」『』《》〈〉"


def title_from_question(question: str) -> str:
    """Return a title of one line, cut between words where possible."""
    line = " ".join(replace_surrogates(question).split())
    if len(line) <= MAX_TITLE_LENGTH:
        return line
    head = line[: MAX_TITLE_LENGTH - 1]
    complete_words, _, _ = head.rpartition(" ")
    return (complete_words if len(complete_words) > MAX_TITLE_LENGTH // 2 else head).rstrip() + "…"


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
        line = _LABEL_PREFIX.sub("", _LIST_MARKER.sub("", line)).strip(_QUOTES).rstrip(".。")
    return line
