"""Balance: what the gateway itself counts for the key."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lib.core.errors import Unreadable
from lib.core.pricing import NANO, Balance

SUBSCRIPTION, USAGE = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
_UNLIMITED = Decimal(10**8)  # dollars: what a key without a limit is granted
_MOST = Decimal(10**9)


def read(subscription: str, usage: str) -> Balance:
    """The balance out of the two answers: dollars granted, cents used. Raises Unreadable."""
    granted, used = _number(subscription, "hard_limit_usd"), _number(usage, "total_usage") / 100
    return Balance(_nanos(used), None if granted >= _UNLIMITED else _nanos(granted))


def _number(body: str, name: str) -> Decimal:
    try:
        # As text, so that no digit is lost on the way.
        payload = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Unreadable(body[:200]) from None
    value: Any = payload.get(name) if isinstance(payload, dict) else None
    # Some faults come with the status of a success.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(body[:200])
    found = Decimal(value)
    if not found.is_finite() or abs(found) > _MOST:
        raise Unreadable(body[:200])
    return found


def _nanos(dollars: Decimal) -> int:
    return int((dollars * NANO).to_integral_value(ROUND_HALF_UP))
