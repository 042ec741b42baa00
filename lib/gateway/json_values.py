"""Access to untrusted JSON: parsing of a body, and fields of the expected type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lib.core.errors import InvalidResponse

_MAX_QUOTE_LENGTH = 200


def invalid_body(body: str) -> InvalidResponse:
    """Return the error for a body of an unexpected shape; it quotes the start of the body."""
    return InvalidResponse(body[:_MAX_QUOTE_LENGTH])


def parse_object(body: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """Return the JSON object in `body`. Raises InvalidResponse if it is anything else.

    `parse_float` converts the literals of numbers with a fraction, e.g. to Decimal to keep every digit.
    """
    try:
        payload = json.loads(body, parse_float=parse_float)
    except (ValueError, RecursionError):
        raise invalid_body(body) from None
    if not isinstance(payload, dict):
        raise invalid_body(body)
    return payload


def parse_data_list(
    body: str, parse_float: Callable[[str], Any] = float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON object in `body`, and the objects in its list `data`. May raise InvalidResponse."""
    payload = parse_object(body, parse_float)
    if not isinstance(payload.get("data"), list):
        raise invalid_body(body)
    return payload, get_objects(payload, "data")


def get_object(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the object under `key`; {} if it is missing or another type."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def get_objects(payload: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects in the list under `key`; [] if it is missing or another type."""
    values = payload.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
