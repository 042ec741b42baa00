"""Footnotes: the number in the text, and the note behind the same number where it was written.

The renderer's own footnotes need a note and its references in one element, so that the end of an answer would draw all
of it again, and their links lead to the first note of that number on the page, whichever answer it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.rules_inline import StateInline

from lib.ui.markdown.edits import replace
from lib.ui.markdown.html_tags import format_superscript, separate_colon

# A number or a word. Other signs, as in [^a-z], are a set of characters.
_MARK = re.compile(r"\[\^(?P<label>\d{1,4}|[^\W\d_]{2}[\w-]{0,60})\](?!\()(?P<note>:[ \t]*)?")
_NOTE = re.compile(r" {0,3}\[\^[^\]\s]+\]:")
_FENCE = re.compile(r"[ \t]*(?P<run>`{3,}|~{3,})")
_INDENT = re.compile(r" {4}|\t| {1,3}\t")


def footnote(state: StateInline, silent: bool) -> bool:
    """Write the mark of a footnote as a superscript, and other brackets with a circumflex as they are."""
    src, position = state.src, state.pos
    if not src.startswith("[^", position):
        return False
    match = _MARK.match(src, position)
    if not match:
        closer = src.find("]", position, position + 80)
        return (closer < 0 or src[closer + 1 : closer + 2] != "(") and replace(state, position + 2, "&#91;^")
    is_note = match["note"] and (not position or src[position - 1] == "\n")
    end = match.end() if is_note else match.end("label") + 1
    separate_colon(state)
    return replace(state, end, format_superscript(match["label"]) + (" " if is_note else ""))


def has_notes(text: str) -> bool:
    """Check for the beginning of a footnote, whose later paragraphs are indented."""
    return "[^" in text and any(map(_NOTE.match, text.split("\n")))


def unindent_notes(lines: Sequence[str]) -> list[str]:
    """Return the lines of a text with the later paragraphs of its footnotes, which are indented, as usual ones."""
    written: list[str] = []
    is_note, fence = False, ""
    for line in lines:
        if is_note and not fence and line.strip():
            is_note = bool(_INDENT.match(line)) or bool(_NOTE.match(line)) or bool(written[-1].strip())
        if is_note and (indent := _INDENT.match(line)):
            line = line[indent.end() :]
        if run := _FENCE.match(line):
            if not fence:
                fence = run["run"]
            elif run["run"].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        is_note = is_note or (not fence and bool(_NOTE.match(line)))
        written.append(line)
    return written
