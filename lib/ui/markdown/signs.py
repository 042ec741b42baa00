"""Rules for signs that the renderer reads as something else: arrows, dashes, tildes, line ends and <br>.

Streamlit replaces ` -> `, ` -- ` and the like in a text after its escapes are resolved (`remarkTypographicalSymbols`
in its frontend), so that only markup between the two signs keeps them: `:color` without a color adds none.
GFM reads `~x~` as struck out, which here only `~~x~~` is. A single line end is a break, as in a chat.
"""

from __future__ import annotations

import html
import re

from markdown_it.rules_inline import StateInline

from lib.ui.markdown.edits import replace, skip
from lib.ui.markdown.emphasis import DelimiterRun

# White space, an end of the text or markup, which ends a text of its own.
_BEFORE_ARROW = re.compile(r"[\s*_~`$\])>|]")
_ARROW = re.compile(
    r"(?P<first>\\?[-<>~]|&(?:lt|gt);)(?P<second>\\?[-=>]|&gt;)(?P<third>\\?>|&gt;)?(?=[\s*_~`$\[(<|]|$)"
)
_ARROWS = {"--", "->", "<-", "<->", ">=", "<=", "~="}
_BREAK = re.compile(r"<br[ \t]*/?>[ \t]*", re.IGNORECASE)
_BREAK_AND_LINE_END = re.compile(r"<br[ \t]*/?>[ \t]*(?:\n[ \t]*)?", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# The name that Streamlit gives an icon's prefix, after a colon in any spelling.
_ICON_PREFIX = re.compile(r"[:;]material$")
# The row below a table's header while it arrives.
_DELIMITER_ROW_START = re.compile(r"\A\|[ \t|:-]*\Z|(?<=\n)\|[ \t|:-]*\Z")
_ROW = re.compile(r"\n[ \t]*\|")
# A text that would begin a block of another kind on a line of its own.
_BLOCK_START = re.compile(
    r"(?P<number>\d{1,9})[.)](?=\s|$)|[-+*](?=\s|$)|#{1,6}(?=\s|$)|>|<|\||=+[ \t]*$|-+[ \t]*$|`{3}|~{3}|\$\$"
    r"|([-*_])[ \t]*(?:\2[ \t]*){2,}$",
    re.MULTILINE,
)


def arrow(state: StateInline, silent: bool) -> bool:
    """Keep an arrow, a dash or a comparison that stands between spaces as it was written."""
    src, position = state.src, state.pos
    if src[position] not in "-<>~&\\" or (position and not _BEFORE_ARROW.match(src, position - 1)):
        return False
    match = _ARROW.match(src, position)
    if not match or html.unescape(match[0]).replace("\\", "") not in _ARROWS:
        return False
    if match.end() == len(src) and _DELIMITER_ROW_START.search(src, src.rfind("\n", 0, position) + 1):
        return False
    first = "\\~" if match["first"] == "~" else match["first"]
    return replace(state, match.end(), f"{first}:color[{match['second']}]{match['third'] or ''}")


def letter_reference(state: StateInline, silent: bool) -> bool:
    """Keep a character reference for a letter or a colon apart: the renderer looks for icons in resolved text."""
    match = _REFERENCE.match(state.src, state.pos) if state.src[state.pos] == "&" else None
    char = html.unescape(match[0]) if match else ""
    if not match or len(char) != 1 or not char.isascii() or not (char.isalpha() or char in ":_"):
        return False
    return replace(state, match.end(), f":color[{match[0]}]")


def delimiters(state: StateInline, silent: bool) -> bool:
    """Note a run of delimiters, and escape a single tilde."""
    char = state.src[state.pos]
    if char not in "*_~":
        return False
    start = state.pos
    end = len(state.src) - len(state.src[start:].lstrip(char))
    if char == "~" and end - start == 1:
        return replace(state, end, "\\~")
    if char == "_" and _ICON_PREFIX.search(state.src[max(0, start - 9) : start]):
        return replace(state, start + 1, ":color[_]")
    state.env["runs"].append(DelimiterRun(char, start, end))
    return skip(state, end)


def html_break(state: StateInline, silent: bool) -> bool:
    """Write <br> as a hard break, or where the line cannot end as a character reference for a line end."""
    src, position = state.src, state.pos
    if src[position] != "<":
        return False
    pattern = _BREAK_AND_LINE_END if state.env["allows_display"] else _BREAK
    match = pattern.match(src, position)
    if not match:
        return False
    edits = state.env["edits"]
    start = max(len(src[:position].rstrip(" \t")), edits[-1][1] if edits else 0)
    state.pos, end = start, match.end()
    if end == len(src):
        return replace(state, end, "")
    if not state.env["allows_display"]:
        return replace(state, end, "&#10;")
    block = _BLOCK_START.match(src, end)
    if block and block["number"]:
        return replace(state, block.end("number"), f"\\\n{block['number']}\\")
    if block and src[end] == "<" and not _BREAK.match(src, end):
        return replace(state, end + 1, "\\\n&lt;")
    return replace(state, end, "\\\n\\" if block and src[end] != "<" else "\\\n")


def line_end(state: StateInline, silent: bool) -> bool:
    """Write a single line end as a break, with spaces, which are invisible wherever it is none."""
    src, position = state.src, state.pos
    if src[position] != "\n":
        return False
    edits = state.env["edits"]
    previous = edits[-1][2] if edits and edits[-1][1] == position else src[max(0, position - 2) : position]
    # A row of a table ends without a break, also before the row arrives that makes it one.
    if not state.env["allows_display"] or previous.endswith(("  ", "\\", "$$", "\n")) or _ROW.match(src, position):
        return False
    start = position - (previous[-1:] in (" ", "\t") and not (edits and edits[-1][1] == position))
    state.pos = start
    return replace(state, position + 1, "  \n")
