"""Limits of what one text may cost the browser: a small text can ask for a table of 10,000 columns.

Blocks are rendered while an estimate of the browser's time allows; the rest is shown as it was written, in a code
block, which is cheap and has a button that copies it. The weights are milliseconds of the main thread, measured
with repeated input in Chromium on a slow machine; a usual answer needs a sixth of its allowance at most.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markdown_it.token import Token

# Levels of blocks in blocks; a list takes two. It is below the parser's own limit, where it stops reading.
MAX_LEVELS = 40
MAX_TABLE_COLUMNS = 100
MAX_TABLE_CELLS = 1000  # of a table that is cut
FENCE_COST = 8.0
# Marks on one letter, as in Unicode's stream-safe format (UAX 15). The time to shape more grows with their square.
MAX_MARKS = 30
MARKS_LEFT_OUT = "…"

# Milliseconds that an answer has from its start on.
BASE_ALLOWANCE = 300.0

_ALLOWANCE_PER_CHAR, _MAX_ALLOWANCE = 0.05, 2500.0
_PER_BLOCK, _PER_HEADING, _PER_DIAGRAM_LINE, _PER_CELL = 0.3, 4.0, 12.0, 0.35
_PER_CODE_CHAR, _PER_CODE_SIGN = 0.01, 0.12  # of a language that is highlighted
_PER_FORMULA, _PER_FORMULA_CHAR, _PER_FORMULA_CELL = 0.6, 0.05, 0.4
_PER_SIGN = {
    "*": 0.25,
    "_": 0.25,
    "~": 0.25,
    "[": 0.3,
    "[^": 0.5,
    "`": 0.1,
    "@": 0.15,
    "\n": 0.3,
    "://": 0.2,
    "$": 0.45,
    "<br": 0.3,
    "<s": 1.2,
    "<k": 1.2,
    "->": 0.2,
}
# Marks are no letters. Nearly no text has so many other signs in a row.
_SIGN_RUN = re.compile(rf"[^\w\s!-~]{{{MAX_MARKS + 1},}}")
_INVISIBLE_JOINERS = "\u200b\u200c\u200d\u2060\ufeff"  # which could stand between marks
_PLAIN_INFO = ("", "text", "txt", "plain", "plaintext")
_DIAGRAM = "mermaid"
_SIGNS = re.compile(r"[^\w\s]+")
_ARROW = re.compile("--|==|-[.)]|~~~")
_DELIMITER_ROW = re.compile(r"[ \t]*(?:\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?)?|:-+:?|-+:)[ \t]*")


@dataclass
class Allowance:
    """The rest of the browser's time for one text, in milliseconds; `is_exceeded` once a block was too costly."""

    remaining: float
    is_exceeded: bool = False

    def take(self, cost: float) -> bool:
        """Take the cost of a block, if it is left."""
        if cost > self.remaining:
            self.is_exceeded = True
            return False
        self.remaining -= cost
        return True

    def take_always(self, cost: float) -> None:
        """Take a cost, also one that is not left."""
        self.remaining -= cost


def build_allowance(char_count: int, carried: float = BASE_ALLOWANCE) -> Allowance:
    """Build the allowance of a text; `carried` is what the elements of the same answer before it have left."""
    return Allowance(min(_MAX_ALLOWANCE, carried + _ALLOWANCE_PER_CHAR * char_count))


def limit_marks(text: str) -> str:
    """Cut runs of combining marks. A part of a text that begins a line is cut as in the whole text."""
    return text if text.isascii() else _SIGN_RUN.sub(_cut_marks, text)


def _cut_marks(match: re.Match[str]) -> str:
    runs = ((is_mark, "".join(run)) for is_mark, run in groupby(match[0], _is_mark))
    return "".join(
        run[:MAX_MARKS] + MARKS_LEFT_OUT if is_mark and len(run) > MAX_MARKS else run for is_mark, run in runs
    )


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign).startswith("M") or sign in _INVISIBLE_JOINERS


def find_delimiter_row(lines: Sequence[str]) -> int | None:
    """Find the row below a table's header; None without a table."""
    for number, line in enumerate(lines[1:], 1):
        if _DELIMITER_ROW.fullmatch(line):
            return number
    return None


def count_columns(delimiter_row: str) -> int:
    return delimiter_row.strip(" \t|").count("|") + 1


def estimate_cost(tokens: Sequence[Token]) -> float:
    """Estimate the cost of a block with all that is in it; infinite for one that is nested too deep."""
    cost = 0.0
    for token in tokens:
        if token.level > MAX_LEVELS:
            return float("inf")
        if token.nesting >= 0:
            cost += _PER_HEADING if token.type == "heading_open" else _PER_BLOCK
        if token.type == "fence":
            cost += FENCE_COST + estimate_code_cost(token)
        elif token.type == "formula":
            cost += _estimate_formula_cost(token.content)
        elif token.type == "inline":
            cost += _estimate_inline_cost(token.content)
    return cost


def estimate_code_cost(token: Token) -> float:
    """Estimate the cost of highlighting a fence, or of drawing its diagram."""
    language = token.info.strip().partition(" ")[0].lower()
    if _DIAGRAM in language:
        content = token.content
        groups = content.count("&")  # A & B --> C & D are four arrows
        steps = max(content.count("\n") + content.count(";"), len(_ARROW.findall(content)))
        return _PER_DIAGRAM_LINE * (steps + groups * groups / 4) + _PER_CODE_CHAR * len(content)
    if language in _PLAIN_INFO:
        return 0.0
    return _PER_CODE_CHAR * len(token.content) + _PER_CODE_SIGN * sum(map(len, _SIGNS.findall(token.content)))


def _estimate_formula_cost(body: str) -> float:
    depth = max_depth = 0
    for sign in re.findall(r"[{}]", body):
        depth += 1 if sign == "{" else -1
        max_depth = max(max_depth, depth)
    cells = body.count("&") + body.count("\\\\")
    return _PER_FORMULA + _PER_FORMULA_CHAR * (len(body) + max_depth**2) + _PER_FORMULA_CELL * cells


def estimate_formula_signs(content: str) -> float:
    """Estimate the cost of the signs in the formulas of a paragraph."""
    return _PER_FORMULA_CHAR * content.count("\\") + _PER_FORMULA_CELL * content.count("&")


def _estimate_inline_cost(content: str) -> float:
    cost = sum(weight * content.count(sign) for sign, weight in _PER_SIGN.items())
    if "$" in content or "\\(" in content:
        cost += estimate_formula_signs(content)
    lines = content.split("\n")
    delimiter_row = find_delimiter_row(lines)
    if delimiter_row is None:
        return cost
    columns = count_columns(lines[delimiter_row])
    if columns > MAX_TABLE_COLUMNS:
        return float("inf")
    return cost + _PER_CELL * columns * (len(lines) - delimiter_row)
