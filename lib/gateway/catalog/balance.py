"""Balance: what the gateway itself counts for the key."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lib.core.errors import InvalidResponse
from lib.core.pricing import NANOS_PER_DOLLAR, Balance

SUBSCRIPTION_PATH, USAGE_PATH = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
_UNLIMITED_DOLLARS = Decimal(10**8)  # dollars: what a key without a limit is granted
_MAX_AMOUNT = Decimal(10**9)


def parse_balance(subscription: str, usage: str) -> Balance:
    """The balance out of the two answers: dollars granted, cents used. Raises Unreadable."""
    granted, used = _parse_number(subscription, "hard_limit_usd"), _parse_number(usage, "total_usage") / 100
    return Balance(
        _to_nano_dollars(used), None if granted >= _UNLIMITED_DOLLARS else _to_nano_dollars(granted)
    )


def _parse_number(body: str, field: str) -> Decimal:
    try:
        # As text, so that no digit is lost on the way.
        payload = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise InvalidResponse(body[:200]) from None
    value: Any = payload.get(field) if isinstance(payload, dict) else None
    # Some faults come with the status of a success.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidResponse(body[:200])
    found = Decimal(value)
    if not found.is_finite() or abs(found) > _MAX_AMOUNT:
        raise InvalidResponse(body[:200])
    return found


def _to_nano_dollars(dollars: Decimal) -> int:
    return int((dollars * NANOS_PER_DOLLAR).to_integral_value(ROUND_HALF_UP))
