"""Values of JSON as Python literals, laid out as a developer would write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_DEPTH = 40  # Python's own parser has a limit, too
_MAX_LINE = 80
_INDENT = "    "


def format_value(value: Any, expressions: Mapping[str, str], level: int = 0) -> str:
    """Return a value of JSON as a literal that begins on a line with this indentation.

    A text among `expressions` becomes that expression. Raises ValueError for a value that is nested too deeply.
    """
    if level > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, str):
        return expressions.get(value) or format_text(value)
    if not isinstance(value, dict | list) or not value:
        return repr(value)
    if isinstance(value, dict):
        items = [f"{format_text(name)}: {format_value(item, expressions, level + 1)}" for name, item in value.items()]
        return format_items("{", items, "}", level)
    return format_items("[", [format_value(item, expressions, level + 1) for item in value], "]", level)


def format_items(opening: str, items: list[str], closing: str, level: int = 0) -> str:
    """Return items between brackets, in one line where they are short."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= _MAX_LINE and "\n" not in line:
        return line
    indent = _INDENT * (level + 1)
    return "\n".join([opening, *(f"{indent}{item}," for item in items), f"{_INDENT * level}{closing}"])


def format_text(text: str) -> str:
    """Return a text in double quotes where that needs no escape; what cannot be printed is escaped."""
    literal = repr(text)
    is_plain = literal.startswith("'") and '"' not in literal and "\\'" not in literal
    return f'"{literal[1:-1]}"' if is_plain else literal
