"""Values from untrusted JSON: fields of the expected type, and sanitizing."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

# Controls, spaces, and format characters such as the zero-width space: nothing of them is seen.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})


def get_object(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under `key`; {} if it is missing or another type."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def get_objects(payload: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in the list under `key`; [] if it is missing or another type."""
    return [value for value in get_list(payload, key) if isinstance(value, dict)]


def get_list(payload: Mapping[str, Any], key: str) -> list[Any]:
    """Return the list under `key`; [] if it is missing or another type."""
    value = payload.get(key)
    return value if isinstance(value, list) else []


def sanitize_json(value: Any, max_depth: int = 6) -> Any:
    """Return a JSON value that is safe to store: valid Unicode, finite numbers, limited depth."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict | list) and not max_depth:
        return "…"
    if isinstance(value, dict):
        return {replace_surrogates(str(key)): sanitize_json(item, max_depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [sanitize_json(item, max_depth - 1) for item in value]
    return value if value is None or isinstance(value, bool) or abs(value) < 2**53 else str(value)[:40]


def parse_token_count(value: object) -> int | None:
    """Return a token count as the wire sent it; None if it is missing or invalid."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def is_blank(text: str) -> bool:
    """Return True for a text without any visible character."""
    return all(unicodedata.category(char) in _INVISIBLE for char in text)


def replace_surrogates(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates; JSON escapes can produce both."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
