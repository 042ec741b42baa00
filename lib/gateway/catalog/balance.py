"""Balance of a key, from the billing endpoints that gateways copied from OpenAI."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from lib.core.pricing import NANOS_PER_DOLLAR, Balance
from lib.gateway.json_values import invalid_body, parse_object

SUBSCRIPTION_PATH, USAGE_PATH = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
_UNLIMITED_DOLLARS = Decimal(10**8)  # the limit that gateways report for a key without one
_MAX_AMOUNT = Decimal(10**9)
_CENTS_PER_DOLLAR = 100


def parse_balance(subscription: str, usage: str) -> Balance:
    """Return the balance in nano-dollars, of the bodies of both endpoints.

    `hard_limit_usd` of the subscription is in dollars, `total_usage` in cents. Raises InvalidResponse
    for a body without its amount: some gateways report errors with status 200.
    """
    limit = _parse_amount(subscription, "hard_limit_usd")
    used = _parse_amount(usage, "total_usage") / _CENTS_PER_DOLLAR
    return Balance(used=_to_nano_dollars(used), limit=None if limit >= _UNLIMITED_DOLLARS else _to_nano_dollars(limit))


def _parse_amount(body: str, field: str) -> Decimal:
    # As Decimal, to keep every digit.
    value = parse_object(body, parse_float=Decimal).get(field)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise invalid_body(body)
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) > _MAX_AMOUNT:
        raise invalid_body(body)
    return amount


def _to_nano_dollars(dollars: Decimal) -> int:
    return int((dollars * NANOS_PER_DOLLAR).to_integral_value(ROUND_HALF_UP))
