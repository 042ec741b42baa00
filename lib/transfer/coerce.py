"""Values out of a stranger's JSON, whatever stands there: texts, lines, times, objects, lists."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lib.core.conversation import Part, TextPart, ThinkingPart
from lib.core.sanitize import replace_surrogates
from lib.core.target import Target, Wire

MAX_LINE_CHARS = 200  # letters of a title, a folder's name, a model's id
MAX_TIMESTAMP = 253_402_300_800.0  # the end of the year 9999, in seconds since 1970
_MIN_MILLISECONDS = 1e11  # a time that is larger is not in seconds
_CONTROL_CHARS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BACKTICKS = re.compile("`+")


def as_dict(value: Any) -> dict[str, Any]:
    """The object, {} where it is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list, [] where it is none."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """The text, "" where it is none; fit for a database: no half letters, no NUL."""
    return replace_surrogates(value).replace("\0", "\ufffd") if isinstance(value, str) else ""


def as_line(value: Any, max_chars: int = MAX_LINE_CHARS) -> str:
    """The text as one line of at most so many letters."""
    found = _CONTROL_CHARS.sub(" ", as_text(value))
    return found if len(found) <= max_chars else found[: max_chars - 1].rstrip() + "…"


def parse_timestamp(value: Any) -> float | None:
    """Seconds since 1970, from seconds, milliseconds or an ISO date; None where it is no such time."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip()[:40])
            seconds = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e16:
        seconds = value / 1000 if value >= _MIN_MILLISECONDS else float(value)
    else:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds < MAX_TIMESTAMP else None


def parse_target(model: Any, wire: Wire) -> Target | None:
    """The model by that name over that wire; None where there is no name."""
    name = as_line(model).strip()
    return Target(name, wire) if name else None


def fence_code(code: str, language: str = "") -> str:
    """A Markdown code block, with a fence that the code cannot close."""
    ticks = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(code)), default=0))
    return f"{ticks}{language}\n{code}\n{ticks}"


def merge_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts without empty ones; every text stands in a paragraph of its own, neighbours are one."""
    found: list[Part] = []
    texts: list[str] = []

    def close() -> None:
        if texts:
            found.append(TextPart("".join(texts)))
            texts.clear()

    last = ""
    for part in parts:
        if isinstance(part, ThinkingPart):
            if part.text or part.is_replayable:
                close()
                found.append(part)
        elif part.text:
            if last and not last[-1].isspace() and not part.text[0].isspace():
                texts.append("\n\n")
            texts.append(part.text)
            last = part.text
    close()
    return tuple(found)
