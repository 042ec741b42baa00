"""Values of other chats' files: texts, times and model names of any type, as clean values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lib.core.sanitize import replace_surrogates
from lib.core.target import Target, Wire

MAX_LINE_CHARS = 200  # of a title, a folder's name, a model's id
MAX_DETAIL_CHARS = 2000  # of the text of an error
MAX_TIMESTAMP = 253_402_300_800.0  # the end of the year 9999, in seconds since 1970

_MIN_MILLISECONDS = 1e11  # a larger time is not in seconds
_CONTROL_CHARS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BACKTICKS = re.compile("`+")


def get_text(payload: Mapping[str, Any], *keys: str) -> str:
    """Return the first text under these keys that is not empty, cleaned; "" without one."""
    return next(filter(None, (clean_text(payload.get(key)) for key in keys)), "")


def clean_text(value: Any) -> str:
    """Make a text fit for a database, without lone surrogates and NUL; "" for any other value."""
    return replace_surrogates(value).replace("\0", "\ufffd") if isinstance(value, str) else ""


def clean_line(value: Any, max_chars: int = MAX_LINE_CHARS) -> str:
    """Make a text one line without control characters, cut to a length."""
    line = _CONTROL_CHARS.sub(" ", clean_text(value))
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def parse_timestamp(value: Any) -> float | None:
    """Parse seconds, milliseconds or an ISO date to seconds since 1970; None for an impossible time."""
    if isinstance(value, str):
        try:
            date = datetime.fromisoformat(value.strip()[:40])
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e16:
        seconds = value / 1000 if value >= _MIN_MILLISECONDS else float(value)
    else:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds < MAX_TIMESTAMP else None


def parse_target(model: str, wire: Wire) -> Target | None:
    """Build the target of a model's name; None without a name."""
    name = clean_line(model).strip()
    return Target(name, wire) if name else None


def fence_code(code: str, language: str = "") -> str:
    """Format code as a Markdown block with a fence that the code cannot close."""
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(code)), default=0))
    return f"{fence}{language}\n{code}\n{fence}"
