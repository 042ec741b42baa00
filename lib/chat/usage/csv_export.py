"""Rows as CSV that a spreadsheet takes for nothing but what they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

# With which a spreadsheet takes a text for a formula.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def escape_formula(text: str) -> str:
    """A text that somebody else has made up, for a cell."""
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text


def to_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A head and the rows; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
