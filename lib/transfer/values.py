"""Values of other chats' files: tolerant decoding, and cleaning of texts, times and model names."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import UTC, datetime
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from lib.core.sanitize import replace_surrogates
from lib.core.target import Target, Wire

MAX_LINE_CHARS = 200  # of a title, a folder's name, a model's id
MAX_DETAIL_CHARS = 2000  # of the text of an error
MAX_TIMESTAMP = 253_402_300_800.0  # the end of the year 9999, in seconds since 1970

StructT = TypeVar("StructT", bound=msgspec.Struct)

# A time in another chat's file, as accepted by parse_timestamp.
RawTimestamp = str | int | float | None

# A value of another type than its schema's; the second for a text with a lone surrogate.
MISFIT_ERRORS = (msgspec.ValidationError, UnicodeEncodeError)
_MIN_MILLISECONDS = 1e11  # a larger time is not in seconds
_CONTROL_CHARS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BACKTICKS = re.compile("`+")


def decode_tolerant(value: Any, schema: type[StructT]) -> StructT:
    """Convert a JSON value to a struct in which a field of another type has its default.

    For files of a third party, of which any field may change. All fields of the struct need defaults.
    """
    if not isinstance(value, dict):
        return schema()
    with suppress(*MISFIT_ERRORS):
        return msgspec.convert(value, schema)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(schema):
        if field.encode_name in value:
            with suppress(*MISFIT_ERRORS):
                fields[field.name] = _decode_field(value[field.encode_name], field.type)
    return schema(**fields)


def _decode_field(value: Any, annotation: Any) -> Any:
    for member in _union_members(annotation):
        if isinstance(value, dict) and _is_struct(member):
            return decode_tolerant(value, member)
        if isinstance(value, list) and get_origin(member) is list:
            return [_decode_item(item, get_args(member)[0]) for item in value]
    return msgspec.convert(value, annotation)


def _decode_item(value: Any, annotation: Any) -> Any:
    """Decode an item of a list; one of another type becomes an empty struct, so that it is still counted."""
    try:
        return _decode_field(value, annotation)
    except MISFIT_ERRORS:
        return next(member() for member in _union_members(annotation) if _is_struct(member))


def _union_members(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def clean_text(value: Any) -> str:
    """Make a text fit for a database, without lone surrogates and NUL; "" for any other value."""
    return replace_surrogates(value).replace("\0", "\ufffd") if isinstance(value, str) else ""


def clean_line(value: Any, max_chars: int = MAX_LINE_CHARS) -> str:
    """Make a text one line without control characters, cut to a length."""
    line = _CONTROL_CHARS.sub(" ", clean_text(value))
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def parse_timestamp(value: RawTimestamp) -> float | None:
    """Parse seconds, milliseconds or an ISO date to seconds since 1970; None for an impossible time."""
    if isinstance(value, str):
        try:
            date = datetime.fromisoformat(value.strip()[:40])
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    elif value is not None and abs(value) < 1e16:
        seconds = value / 1000 if value >= _MIN_MILLISECONDS else float(value)
    else:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds < MAX_TIMESTAMP else None


def parse_target(model: Any, wire: Wire) -> Target | None:
    """Build the target of a model's name; None without a name."""
    name = clean_line(model).strip()
    return Target(name, wire) if name else None


def fence_code(code: str, language: str = "") -> str:
    """Format code as a Markdown block with a fence that the code cannot close."""
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(code)), default=0))
    return f"{fence}{language}\n{code}\n{fence}"
