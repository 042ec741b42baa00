"""Titles of conversations, from the first question or from the reply of a model."""

from __future__ import annotations

import re

from lib.core.sanitize import replace_surrogates

MAX_TITLE_LENGTH = 60
# What models put around a title in spite of being told not to.
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
    words, _, _ = head.rpartition(" ")
    return (words if len(words) > MAX_TITLE_LENGTH // 2 else head).rstrip() + "…"


def title_from_reply(text: str) -> str:
    """Return the first usable line of a reply, without quotes, markup and labels; "" without one."""
    for line in text.splitlines():
        bare = _strip_markup("".join(sign for sign in line if sign.isprintable() or sign.isspace()))
        if any(sign.isalnum() for sign in bare):
            return title_from_question(bare)
    return ""


def _strip_markup(line: str) -> str:
    before = ""
    while line != before:
        before = line
        line = _INLINE_MARKUP.sub("", line.strip())
        line = _LABEL_PREFIX.sub("", _LIST_MARKER.sub("", line)).strip(_QUOTES).rstrip(".。")
    return line
