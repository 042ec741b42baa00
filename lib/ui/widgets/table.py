"""Tables as Markdown, and their download as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.ui.text import t
from lib.ui.widgets.controls import render_download


def render(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Render a table; headers and cells are Markdown without line breaks.

    Callers escape what users or models wrote, with `escape_markdown`.
    """
    lines = [headers, ["---"] * len(headers), *rows]
    st.markdown("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


def render_csv_download(build_csv: Callable[[], str], file_name: str, key: str) -> None:
    """Render a download button; `build_csv` runs when it is clicked, outside a script run."""
    # With a byte order mark, by which spreadsheets recognize UTF-8.
    render_download(t("usage.csv"), key, lambda: build_csv().encode("utf-8-sig"), file_name, "text/csv")
