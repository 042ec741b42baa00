"""Model text made safe and right for Streamlit's Markdown renderer.

The content-security policy keeps the browser from loading anything from another host, whatever a model
writes. The rules here are about display: formulas, prices, links in place of pictures, no directives.
"""

from __future__ import annotations

import re

from markdown_it.token import Token

from lib.ui.markdown.blocks import normalize, parse_blocks, stable_prefix_length
from lib.ui.markdown.inline import SPECIAL, rewrite_inline

__all__ = ["sanitize", "stable_prefix_length"]

_TABLE_DELIMITER_ROW = re.compile(r"^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?$", re.MULTILINE)
_FOOTNOTE_LABEL = re.compile(r"\[\^[^\]\s]*\]:[ \t]*")


def sanitize(text: str) -> str:
    """Rewrite a model's text for st.markdown, whole or a prefix of an answer still arriving.

    Formulas come out between dollars and every other dollar escaped; pictures come out as links, unless they
    carry their own data; Streamlit's directives and links of other schemes than http, https and mailto come
    out as text. Code stays as it is. Line ends come out as \\n, without outer white space. Never raises.
    """
    text = normalize(text)
    if not SPECIAL.search(text):
        return text
    lines = text.split("\n")
    rewritten: list[str] = []
    end = 0
    previous_type = ""
    for token in parse_blocks(text):
        if token.map and token.type in ("formula", "inline"):
            start = token.map[0]
            rewritten += lines[end:start]
            end = token.map[1]
            if token.type == "formula":
                rewritten += _format_display(lines[start:end], token)
            else:
                is_heading, is_last = previous_type == "heading_open", end == len(lines)
                rewritten += _rewrite_paragraph(lines[start:end], token.content, is_heading, is_last)
        previous_type = token.type
    return "\n".join([*rewritten, *lines[end:]])


def _format_display(lines: list[str], token: Token) -> list[str]:
    """Write a display formula in the only form that the renderer accepts: $$ on lines of their own."""
    prefix = lines[0][: token.meta["column"]]
    indent = _continuation_prefix(prefix)
    body = [line.removeprefix(indent).rstrip() for line in token.content.strip().split("\n")]
    return [f"{prefix}$$", *(f"{indent}{line}".rstrip() for line in body), f"{indent}$$"]


def _rewrite_paragraph(lines: list[str], content: str, is_heading: bool, is_last: bool) -> list[str]:
    """Rewrite the lines of a paragraph; the parser's content lacks the prefixes of its containers."""
    if not SPECIAL.search(content):
        return lines
    if is_heading or _TABLE_DELIMITER_ROW.search(content):
        rows = [rewrite_inline(row, allows_display=False, is_last=is_last) for row in content.split("\n")]
    else:
        text = rewrite_inline(content, allows_display=True, is_last=is_last)
        rows = re.sub(r"[ ]+\n\$\$\n", "\n$$\n", text).split("\n")
    first = content.split("\n")[0].rstrip()
    column = lines[0].rfind(first)
    prefix, suffix = lines[0][:column], lines[0][column + len(first) :].rstrip()
    indent = _continuation_prefix(prefix)
    return [prefix + rows[0] + suffix, *(indent + row for row in rows[1:])]


def _continuation_prefix(prefix: str) -> str:
    """Build the prefix of a later line in the same containers."""
    return re.sub(r"[^>\s]", " ", _FOOTNOTE_LABEL.sub("    ", prefix))
