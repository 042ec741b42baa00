"""Text as its author typed it: every character literal, fenced code as code blocks, long text collapsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import streamlit as st

from lib.ui.markdown.limits import limit_marks
from lib.ui.markdown.text_cache import TextCache
from lib.ui.text import t

MAX_OPEN_LINES, MAX_OPEN_CHARS = 20, 2000  # a longer text is collapsed
MAX_CODE_BLOCKS = 30  # each is an element; the rest of the text stays literal
_LINE_END = re.compile(r"\r\n?")
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)")
_LANGUAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+#._-]{0,30}")
# Bare, ASCII and without user information: the visible address is the one that opens.
_LINK = re.compile(
    r"(?:(?<![!-~])|(?<=\s\()|(?<=\A\())https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?(?![\w@-]|[:.]\w)(?:[/?#][!-;=?-~]*)?",
    re.ASCII,
)
_AFTER_LINK = ".,;:!?'\"`*_)]}|"


@dataclass(frozen=True)
class CodeBlock:
    """The content of a fence; `language` is "" without a name that a highlighter could know."""

    code: str
    language: str


def render(text: str, key: str) -> None:
    """Render a text in the current container; `key` is part of the key of its own container."""
    is_long = is_collapsible(text)
    with st.container(key=f"{'long' if is_long else 'written'}-text-{key}", gap="small"):
        for segment in split_segments(text):
            if isinstance(segment, CodeBlock):
                # Streamlit strips one line end on each side, and keeps the code's own this way.
                st.code(f"\n{segment.code}\n", language=segment.language or None, wrap_lines=True)
            else:
                st.html(to_html(segment))
    if is_long:
        more, less = escape(t("question.more")), escape(t("question.less"))
        st.html(
            '<details class="more-text"><summary>'
            f'<span class="more">{more}</span><span class="less">{less}</span></summary></details>'
        )


def is_collapsible(text: str) -> bool:
    """Return True for a text that is collapsed until the reader asks for all of it."""
    return len(text) > MAX_OPEN_CHARS or text.count("\n") >= MAX_OPEN_LINES


@TextCache
def split_segments(text: str) -> tuple[str | CodeBlock, ...]:
    """Split a text into literal texts and the contents of closed fences, in their order.

    The line ends between two segments belong to none. A fence that is empty or never closed stays literal.
    """
    segments: list[str | CodeBlock] = []
    literal: list[str] = []
    unclosed: dict[str, int] = {}
    lines = limit_marks(_LINE_END.sub("\n", text)).split("\n")
    number = 0
    while number < len(lines):
        opening = _FENCE.fullmatch(lines[number])
        end = _find_closing_fence(lines, number, opening, unclosed) if opening and _count_rest(segments) else None
        if opening is None or end is None:
            literal.append(lines[number])
            number += 1
            continue
        if any(literal):
            segments.append("\n".join(literal))
        literal = []
        segments.append(_build_block(opening, lines[number + 1 : end]))
        number = end + 1
    if any(literal) or not segments:
        segments.append("\n".join(literal))
    return tuple(segments)


def _count_rest(segments: list[str | CodeBlock]) -> int:
    """Return the number of code blocks that are still allowed."""
    return MAX_CODE_BLOCKS - sum(isinstance(segment, CodeBlock) for segment in segments)


def _find_closing_fence(lines: list[str], start: int, opening: re.Match[str], unclosed: dict[str, int]) -> int | None:
    """Return the line that closes a fence with content; None without one.

    `unclosed` are the lengths, by their sign, from which on no fence is closed any more: without it, a text of
    opened fences would be searched once for each.
    """
    sign, length = opening["fence"][0], len(opening["fence"])
    if length >= unclosed.get(sign, length + 1) or (sign == "`" and "`" in opening["info"]):
        return None  # never closed, or inline code
    closing = re.compile(rf" {{0,3}}{sign}{{{length},}}[ \t]*")
    end = next((number for number in range(start + 1, len(lines)) if closing.fullmatch(lines[number])), None)
    if end is None:
        unclosed[sign] = length
    return end if end is not None and any(line.strip() for line in lines[start + 1 : end]) else None


def _build_block(opening: re.Match[str], lines: list[str]) -> CodeBlock:
    # Lines lose the indent of their fence, as far as they have it.
    indent = re.compile(rf" {{0,{len(opening['indent'])}}}")
    info = opening["info"].split()
    language = info[0].lower() if info and _LANGUAGE.fullmatch(info[0]) else ""
    return CodeBlock("\n".join(indent.sub("", line, count=1) for line in lines), language)


def to_html(text: str) -> str:
    """Return HTML that shows a text literally, with its web addresses as links."""
    return f'<div class="as-written" dir="auto">{"".join(_escape_with_links(text))}</div>'


def _escape_with_links(text: str) -> Iterator[str]:
    position = 0
    for found in _LINK.finditer(text):
        address = _trim_link(found.group())
        yield _escape(text[position : found.start()])
        yield f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer nofollow">{escape(address)}</a>'
        position = found.start() + len(address)
    yield _escape(text[position:])


def _trim_link(address: str) -> str:
    """Leave out signs that end a sentence; a closing bracket stays where it closes one of the address."""
    while address[-1] in _AFTER_LINK and not (address[-1] == ")" and address.count("(") >= address.count(")")):
        address = address[:-1]
    return address


def _escape(text: str) -> str:
    # As a character reference, a line end is not seen by Streamlit, which strips lines of blanks.
    return escape(text).replace("\n", "&#10;")
