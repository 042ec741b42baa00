"""How a limit is called: its amount, whose it is, when it begins anew, and why nothing was sent."""

from __future__ import annotations

import time
from datetime import datetime
from math import ceil

import streamlit as st

from lib.chat.usage import limits
from lib.core.errors import LimitExceededError
from lib.core.pricing import format_dollars
from lib.ui.text import dates
from lib.ui.text.i18n import t


def limit_exceeded_message(error: LimitExceededError) -> str:
    """Why nothing was sent, and when it can be; no Markdown."""
    unit = error.limit_name.partition("_")[0]
    whose = _describe_limit(error.scope, error.limit_name, error.hard_limit)
    if unit == "requests" or not error.hard_limit:
        said = t("limit.used_up", whose=whose)
    else:
        said = t(
            "limit.over",
            whose=whose,
            left=format_amount(unit, error.remaining),
            needed=format_amount(unit, error.requested),
        )
    if error.retry_after is not None:
        return f"{said} {t('limit.again', **format_reset_time(error.resets_at))}"
    return f"{said} {t('limit.never')}" if error.hard_limit else said


def format_amount(unit: str, count: int) -> str:
    """An amount of requests, tokens or nano-dollars; no Markdown."""
    return format_dollars(count) if unit == "cost" else t(f"limit.amount_{unit}", count=count)


def format_reset_time(resets_at: float) -> dict[str, str]:
    """The `span` from now to a moment, in seconds since 1970, and the `moment` by the reader's clock."""
    zone = dates.resolve_timezone(st.context.timezone, st.context.timezone_offset)
    now = time.time()
    moment, today = datetime.fromtimestamp(resets_at, zone), datetime.fromtimestamp(now, zone).date()
    date = "" if moment.date() == today else f"{moment:%Y-%m-%d} "
    return {"span": format_duration(max(1.0, resets_at - now)), "moment": f"{date}{moment:%H:%M}"}


def format_duration(seconds: float) -> str:
    """A time to wait, in the unit that it is best read in."""
    if seconds < 90:
        return t("span.seconds", count=ceil(seconds))
    if seconds < 5400:
        return t("span.minutes", count=ceil(seconds / 60))
    if seconds < 48 * 3600:
        return t("span.hours", count=ceil(seconds / 3600))
    return t("span.days", count=ceil(seconds / 86_400))


def _describe_limit(scope: str, name: str, hard_limit: int) -> str:
    unit, _, period = name.partition("_")
    words = {
        "amount": format_amount(unit, hard_limit),
        "period": t(f"limit.{period}"),
        "group": limits.group_name(scope),
    }
    return t(f"limit.of_{limits.scope_kind(scope)}", **words)
