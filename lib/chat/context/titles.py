"""A conversation's title: from its first question, or out of what a model gave as one."""

from __future__ import annotations

import re

from lib.core.sanitize import whole

TITLE_MAX = 60
# What models put around a title in spite of being told not to.
_NAME = re.compile(r"^(?:title|titel|titre|título|标题|標題|題名|タイトル)\s*[:：]\s*", re.IGNORECASE)
_LIST = re.compile(r"^(?:#{1,6}|[-*+>]|\d{1,2}[.)])\s+")
_MARKS = re.compile(r"\*\*|~~|`+|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)")
_QUOTES = " \t\"'“”„‘’«»「」『』《》〈〉"


def title(question: str) -> str:
    """A conversation's title from its first question: one line, cut between words where there are any."""
    line = " ".join(whole(question).split())
    if len(line) <= TITLE_MAX:
        return line
    head = line[: TITLE_MAX - 1]
    words, _, _ = head.rpartition(" ")
    return (words if len(words) > TITLE_MAX // 2 else head).rstrip() + "…"


def given(text: str) -> str:
    """The title in what a model said: its first line that holds one, without quotes, marks and labels.

    "" where there is none.
    """
    for line in text.splitlines():
        bare = _bare("".join(sign for sign in line if sign.isprintable() or sign.isspace()))
        if any(sign.isalnum() for sign in bare):
            return title(bare)
    return ""


def _bare(line: str) -> str:
    before = ""
    while line != before:
        before = line
        line = _MARKS.sub("", line.strip())
        line = _NAME.sub("", _LIST.sub("", line)).strip(_QUOTES).rstrip(".。")
    return line
