"""Literal text in HTML, in tables and as it is, whatever a gateway has put into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

SHOWN_CHARS = 240  # of a cell; the rest can be opened
MAX_CHARS = 20_000
# Characters that turn the direction of a line, and those that have no shape, are shown by their codes.
_HIDDEN = {
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0x200B, 0x2010))},
    **{code: f"\\x{code:02x}" for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)},
    0x7F: "\\x7f",
}


def render(caption: str, headers: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> None:
    """Render a table with a caption for screen readers. Headers and cells are plain text; the first cell names its row.

    `style` is a further class of the table.
    """
    head = "".join(f'<th scope="col">{escape(header)}</th>' for header in headers)
    lines = [f"<tr>{_row(headers, cells)}</tr>" for cells in rows]
    st.html(
        f'<table class="antler-literal {style}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def render_text(label: str, text: str) -> None:
    """Render a long text in an area that can be scrolled; `label` names it for screen readers."""
    attributes = f'class="antler-raw" tabindex="0" role="region" aria-label="{escape(label)}"'
    st.html(f"<pre {attributes}>{escape(to_visible(text))}</pre>")


def to_visible(text: str) -> str:
    """Return a text with the characters that cannot be seen as their codes."""
    return text.translate(_HIDDEN)


def _row(headers: Sequence[str], cells: Sequence[str]) -> str:
    name, *values = cells
    row = f'<th scope="row">{_content(name)}</th>'
    # The name of the column, where the cells stand below each other.
    pairs = zip(headers[1:], values, strict=True)
    return row + "".join(f'<td data-column="{escape(header)}">{_content(value)}</td>' for header, value in pairs)


def _content(text: str) -> str:
    text = to_visible(text[: MAX_CHARS + 1])
    if len(text) <= SHOWN_CHARS:
        return f"<bdi>{escape(text)}</bdi>"
    rest = text[SHOWN_CHARS:MAX_CHARS] + ("…" if len(text) > MAX_CHARS else "")
    start, end = escape(text[:SHOWN_CHARS]), escape(rest)
    return f"<details><summary><bdi>{start}</bdi></summary><bdi>{end}</bdi></details>"
