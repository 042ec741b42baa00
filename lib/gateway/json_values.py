"""Parsing of JSON bodies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lib.core.errors import InvalidResponse
from lib.core.sanitize import get_objects

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
    except (ValueError, RecursionError, ArithmeticError):  # the last by Decimal, for an exponent out of its range
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
