"""Places in a growing text from which on it can be read alone, so that a frame does not read all of it again.

What stands before such a place is rewritten for good. These are the starts of blocks, of the items of a list, of the
rows of a table and of the lines of a code block; for the last two, the first lines of their block are read again as
`context`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from lib.ui.markdown.arriving import find_code, has_open_display, has_open_inline
from lib.ui.markdown.blocks import LIST_TOKENS, MIN_BLOCK_CHARS, has_open_formula, read_blocks, split_first_block
from lib.ui.markdown.limits import find_delimiter_row

# Lines that are read again with the next ones, besides the one that is not complete.
_TABLE_LOOKBACK = 2
# An item, a fence, or the row below the header of a table.
_CANDIDATE = re.compile(r"^(?:(?:[-+*]|\d{1,9}[.)])[ \t]|`{3}|~{3}|[ \t|:]*-[-|: \t]*$)", re.MULTILINE)
_ITEM = re.compile(r"(?:[-+*]|\d{1,9}[.)])[ \t]")
# The end of a fence of Markdown depends on all of its lines, and the cost of a diagram, too.
_CONTEXT_FREE_FENCE = re.compile(r"(?:`{3,}+|~{3,}+)[ \t]*+(?!md\b|markdown\b|[^\n]*mermaid)[^`\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Restart:
    """A place in characters, and the lines that are read before the text behind it; empty, or with their line end."""

    position: int
    context: str = ""


def find_restart(text: str) -> Restart | None:
    """Find the last such place in a text that starts with a block; None without one behind its start.

    For every longer text, what is before the place and what is behind it are rewritten as they are alone.
    """
    size, _ = split_first_block(text, MIN_BLOCK_CHARS)
    if size and _is_closed(text[:size]):
        return Restart(size)
    if not _CANDIDATE.search(text):
        return None
    lines = text.split("\n")
    tokens = read_blocks(text)
    blocks = [token for token in tokens if not token.level and token.nesting >= 0 and token.map]
    start = len(text) - len(text.lstrip())
    if not blocks or (start and text[start - 1] != "\n"):
        return None  # an indented text
    last = blocks[-1]
    restart = None
    if last.type in LIST_TOKENS:
        restart = _find_item(lines, tokens)
    elif last.type == "fence":
        restart = _find_code_line(lines, last)
    elif last.type == "paragraph_open":
        restart = _find_row(lines, last)
    if restart is None or _has_open_paragraph(lines, blocks):
        return None
    return restart if restart.position > len(restart.context) else None


def _find_item(lines: list[str], tokens: Sequence[Token]) -> Restart | None:
    """Find the last item of a list whose first line is complete."""
    items = [token.map[0] for token in tokens if token.type == "list_item_open" and token.level == 1 and token.map]
    for number in reversed(items):
        if number < len(lines) - 1 and _ITEM.match(lines[number]):
            before = _join(lines[:number])
            return Restart(len(before)) if _is_closed(before) else None
    return None


def _is_closed(text: str) -> bool:
    """Check for a text without an open fence or display formula."""
    return not find_code(text)[1] and not has_open_display(text)


def _find_code_line(lines: list[str], fence: Token) -> Restart | None:
    """Find the last complete line of an open code block."""
    start, number = (fence.map or (0, 0))[0], len(lines) - 2
    if number <= start or "run" in fence.meta or not _CONTEXT_FREE_FENCE.fullmatch(lines[start]):
        return None
    opener, before = len(_join(lines[:start])), _join(lines[:number])
    return Restart(len(before), lines[start] + "\n") if find_code(before) == (opener, True) else None


def _find_row(lines: list[str], paragraph: Token) -> Restart | None:
    """Find one of the last complete rows of a table."""
    start, end = paragraph.map or (0, 0)
    delimiter_row = find_delimiter_row(lines[start:end])
    if delimiter_row is None or end < len(lines) - 1:
        return None
    header, number = start + delimiter_row - 1, len(lines) - 1 - _TABLE_LOOKBACK
    # White space at the end of a paragraph is left out, and that before its first word counts for all of its lines.
    is_flush = lines[header] == lines[header].strip() and lines[number - 1] == lines[number - 1].rstrip()
    is_flush = is_flush and lines[start] == lines[start].lstrip()
    if number <= header + 2 or not is_flush:
        return None
    before = _join(lines[:number])
    # A link is taken for open up to a blank line, also from the block above.
    top = next((above for above in range(start, 0, -1) if not lines[above - 1].strip()), 0)
    if find_code(before)[1] or has_open_display(before) or has_open_inline(_join(lines[top:number])):
        return None
    return Restart(len(before), _join(lines[header : header + 2]))


def _has_open_paragraph(lines: list[str], blocks: list[Token]) -> bool:
    """Check for a paragraph with an open formula, behind which a text is not divided for a while."""
    paragraphs = [token.map for token in blocks if token.type == "paragraph_open" and token.map]
    return any(has_open_formula(lines, start, end, len(lines)) for start, end in paragraphs)


def _join(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
