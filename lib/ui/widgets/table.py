"""A table of the page: a line of heads, and lines of cells."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st


def render(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Heads and cells are Markdown without line breaks; what somebody typed comes as `literal`."""
    lines = [headers, ["---"] * len(headers), *rows]
    st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
