"""How a limit is called: its amount, whose it is, when it begins anew, and why nothing was sent."""

from __future__ import annotations

import time
from datetime import datetime
from math import ceil

import streamlit as st

from lib.chat.usage import limits
from lib.core.errors import OverLimit
from lib.core.pricing import dollars
from lib.ui.text import dates
from lib.ui.text.i18n import t


def refused(error: OverLimit) -> str:
    """Why nothing was sent, and when it can be; no Markdown."""
    unit = error.name.partition("_")[0]
    whose = _whose(error.scope, error.name, error.hard)
    if unit == "requests" or not error.hard:
        said = t("limit.used_up", whose=whose)
    else:
        said = t("limit.over", whose=whose, left=amount(unit, error.left), needed=amount(unit, error.needed))
    if error.wait is not None:
        return f"{said} {t('limit.again', **until(error.resets))}"
    return f"{said} {t('limit.never')}" if error.hard else said


def amount(unit: str, count: int) -> str:
    """An amount of requests, tokens or nano-dollars; no Markdown."""
    return dollars(count) if unit == "cost" else t(f"limit.amount_{unit}", count=count)


def until(resets: float) -> dict[str, str]:
    """The `span` from now to a moment, in seconds since 1970, and the `moment` by the reader's clock."""
    zone = dates.zone(st.context.timezone, st.context.timezone_offset)
    now = time.time()
    moment, today = datetime.fromtimestamp(resets, zone), datetime.fromtimestamp(now, zone).date()
    date = "" if moment.date() == today else f"{moment:%Y-%m-%d} "
    return {"span": span(max(1.0, resets - now)), "moment": f"{date}{moment:%H:%M}"}


def span(seconds: float) -> str:
    """A time to wait, in the unit that it is best read in."""
    if seconds < 90:
        return t("span.seconds", count=ceil(seconds))
    if seconds < 5400:
        return t("span.minutes", count=ceil(seconds / 60))
    if seconds < 48 * 3600:
        return t("span.hours", count=ceil(seconds / 3600))
    return t("span.days", count=ceil(seconds / 86_400))


def _whose(scope: str, name: str, hard: int) -> str:
    unit, _, period = name.partition("_")
    words = {"amount": amount(unit, hard), "period": t(f"limit.{period}"), "group": limits.group(scope)}
    return t(f"limit.of_{limits.kind(scope)}", **words)
