"""Texts for usage limits: amount, scope, reset time, and refusal."""

from __future__ import annotations

import time
from decimal import Decimal
from math import ceil

from lib.core import policy
from lib.core.errors import LimitExceededError
from lib.core.pricing import NANOS_PER_DOLLAR, BillingUnit
from lib.ui.text import dates
from lib.ui.text.i18n import t

_CURRENCY_SYMBOLS = {"USD": "$", "CNY": "¥"}


def limit_exceeded_message(error: LimitExceededError) -> str:
    """Explain a reached limit and when it resets, as plain text."""
    unit = error.limit_name.partition("_")[0]
    limit = _describe_limit(error.scope, error.limit_name, error.hard_limit)
    if (unit == "requests" and error.requested <= 1) or not error.hard_limit:
        message = t("limit.used_up", limit=limit)
    else:
        remaining, requested = format_amount(unit, error.remaining), format_amount(unit, error.requested)
        message = t("limit.over", limit=limit, remaining=remaining, requested=requested)
    if error.retry_after is not None:
        return f"{message} {t('limit.resets', **format_reset_time(error.resets_at))}"
    return f"{message} {t('limit.never_fits')}" if error.hard_limit and unit != "requests" else message


def format_amount(unit: str, count: int) -> str:
    """Format an amount of requests, tokens or nano-dollars as plain text."""
    return format_dollars(count) if unit == "cost" else t(f"limit.amount_{unit}", count=count)


def format_dollars(nanos: int) -> str:
    """Format nano-dollars: two decimals from $1 up, four below, two significant digits below $0.001."""
    return _format_money(nanos, "$")


def format_billing_amount(billionths: int, unit: BillingUnit) -> str:
    """Format an amount in billionths of a gateway's unit: "$1.50", "¥1.50", "1.50 EUR", "5 tokens", "1.50 units"."""
    if unit.code in _CURRENCY_SYMBOLS:
        return _format_money(billionths, _CURRENCY_SYMBOLS[unit.code])
    if unit.code == "TOKENS":
        return t("billing.tokens", count=round(Decimal(billionths) / NANOS_PER_DOLLAR))
    amount = _format_money(billionths, "")
    return f"{amount} {unit.code}" if unit.code else t("billing.units", amount=amount)


def _format_money(nanos: int, symbol: str) -> str:
    sign, value = "-" if nanos < 0 else "", Decimal(abs(nanos)) / NANOS_PER_DOLLAR
    if not value:
        return f"{symbol}0"
    places = 2 if value >= 1 else 4 if value >= Decimal("0.001") else 1 - value.adjusted()
    return f"{sign}{symbol}{value:,.{places}f}"


def format_reset_time(resets_at: float) -> dict[str, str]:
    """Return the `span` until a time, in seconds since 1970, and its `moment` by the reader's clock."""
    span = format_duration(max(1.0, resets_at - time.time()))
    return {"span": span, "moment": dates.format_moment(resets_at)}


def format_duration(seconds: float) -> str:
    """Format a waiting time in seconds, rounded up to a readable unit."""
    if seconds < 90:
        return t("span.seconds", count=ceil(seconds))
    if seconds < 5400:
        return t("span.minutes", count=ceil(seconds / 60))
    if seconds < 48 * 3600:
        return t("span.hours", count=ceil(seconds / 3600))
    return t("span.days", count=ceil(seconds / 86_400))


def _describe_limit(scope: str, name: str, hard_limit: int) -> str:
    unit, _, period = name.partition("_")
    return t(
        f"limit.of_{policy.scope_kind(scope)}",
        amount=format_amount(unit, hard_limit),
        period=t(f"limit.{period}"),
        group=policy.group_name(scope),
    )
