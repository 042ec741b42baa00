"""Balance of a key, from the billing endpoints that gateways copied from OpenAI."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from lib.core.pricing import NANOS_PER_DOLLAR, Balance, BillingUnit
from lib.core.sanitize import get_object
from lib.gateway.json_values import invalid_body, parse_object

STATUS_PATH = "/api/status"
SUBSCRIPTION_PATH, USAGE_PATH = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
_UNLIMITED = Decimal(10**8)  # the limit that gateways report for a key without one
_MAX_AMOUNT = Decimal(10**9)
_MAX_TOKENS = Decimal(10**15)
_MIN_RATE, _MAX_RATE = Decimal("1e-6"), Decimal(10**12)
_HUNDREDTHS = 100
_DOLLARS = BillingUnit("USD", Decimal(1))
# Hosts whose documentation states the unit, for a status that does not: DeerAPI's page on its balance API.
_DOLLAR_HOST = "deerapi.com"


def parse_balance(subscription: str, usage: str, unit: BillingUnit = BillingUnit()) -> Balance:  # noqa: B008  frozen
    """Return the balance in billionths of the gateway's unit, of the bodies of both endpoints.

    `hard_limit_usd` of the subscription is in units, whatever its name says, and `total_usage` in hundredths.
    Raises InvalidResponse for a body without its amount: some gateways report errors with status 200.
    """
    # A site that counts in tokens can have real limits above the sum that stands for an unlimited key.
    is_in_tokens = unit.code == "TOKENS"
    maximum = _MAX_TOKENS if is_in_tokens else _MAX_AMOUNT
    limit = _parse_amount(subscription, "hard_limit_usd", maximum)
    used = _parse_amount(usage, "total_usage", maximum * _HUNDREDTHS) / _HUNDREDTHS
    is_unlimited = limit == _UNLIMITED if is_in_tokens else limit >= _UNLIMITED
    return Balance(used=_to_billionths(used), limit=None if is_unlimited else _to_billionths(limit))


def parse_billing_unit(body: str) -> BillingUnit:
    """Return the unit in new-api's `/api/status`. Raises InvalidResponse for a body that is no object.

    Its billing endpoints convert to CNY at `usd_exchange_rate`, leave TOKENS as they are, and state dollars for
    every other display type, CUSTOM included (controller/billing.go). Versions before the display type have
    `display_in_currency`: dollars if true, else tokens. A code that new-api does not have is kept without a rate.
    """
    payload = parse_object(body, parse_float=Decimal)
    status = get_object(payload, "data") or payload
    quota_per_dollar = _parse_rate(status.get("quota_per_unit"))
    code = status.get("quota_display_type")
    code = code.strip().upper() if isinstance(code, str) else ""
    if not code and isinstance(status.get("display_in_currency"), bool):
        code = "USD" if status["display_in_currency"] else "TOKENS"
    if code in ("USD", "CUSTOM"):
        return BillingUnit("USD", Decimal(1), quota_per_dollar)
    if code == "CNY":
        return BillingUnit(code, _parse_rate(status.get("usd_exchange_rate")), quota_per_dollar)
    if code in ("TOKENS", "TOKEN"):
        return BillingUnit("TOKENS", quota_per_dollar, quota_per_dollar)
    is_currency = len(code) == 3 and code.isascii() and code.isalpha()
    return BillingUnit(code if is_currency else "", None, quota_per_dollar)


def default_billing_unit(base_url: str) -> BillingUnit:
    """Return the unit of a gateway whose status names none: documented for DeerAPI, else unknown."""
    host = urlsplit(base_url).hostname or ""
    return _DOLLARS if host == _DOLLAR_HOST or host.endswith(f".{_DOLLAR_HOST}") else BillingUnit()


def _parse_rate(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        rate = Decimal(value)
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and _MIN_RATE <= rate <= _MAX_RATE else None


def _parse_amount(body: str, field: str, maximum: Decimal) -> Decimal:
    # As Decimal, to keep every digit.
    value = parse_object(body, parse_float=Decimal).get(field)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise invalid_body(body)
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) > maximum:
        raise invalid_body(body)
    return amount


def _to_billionths(amount: Decimal) -> int:
    return int((amount * NANOS_PER_DOLLAR).to_integral_value(ROUND_HALF_UP))
