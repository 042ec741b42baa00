"""Dates and ages in the reader's language and time zone, and date headings for the conversation list."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo

import streamlit as st
from babel import dates as babel_dates

from lib.core.conversation import Conversation
from lib.ui.text.i18n import current_locale, t

# Age in days up to which a heading applies; older conversations are grouped by month.
_RECENT_HEADINGS = ((0, "today"), (1, "yesterday"), (7, "week"), (30, "month"))
# Babel writes no space there, as the texts of the page do.
_NUMBER_BEFORE_CHINESE = re.compile(r"\d+(?=[\u4e00-\u9fff])")


def date_heading(updated_at: float, now: float, zone: tzinfo) -> str:
    """Return "today", "yesterday", "week" (the 7 days before), "month" (the 30 before), else e.g. "2026-10".

    Both times are in seconds since 1970. A time in the future, by another machine's clock, counts as today.
    """
    day = datetime.fromtimestamp(updated_at, zone).date()
    age = (datetime.fromtimestamp(now, zone).date() - day).days
    return next((heading for max_age, heading in _RECENT_HEADINGS if age <= max_age), f"{day:%Y-%m}")


def heading_text(heading: str) -> str:
    """Return the words of a date heading: "Today", or "October 2026"."""
    year, _, month = heading.partition("-")
    if not month:
        return t(f"date.{heading}")
    return babel_dates.format_skeleton("yMMMM", date(int(year), int(month), 1), locale=current_locale())


def group_by_date(
    conversations: Iterable[Conversation], now: float, zone: tzinfo
) -> list[tuple[str, list[Conversation]]]:
    """Group conversations, newest first, under their date headings."""
    groups = groupby(conversations, lambda conversation: date_heading(conversation.updated_at, now, zone))
    return [(heading, list(group)) for heading, group in groups]


def format_date(timestamp: float) -> str:
    """Format the UTC date of a time in seconds since 1970: "Nov 29, 2026"."""
    return format_day(datetime.fromtimestamp(timestamp, UTC).date())


def format_day(day: date) -> str:
    """Format a day: "Nov 29, 2026"."""
    return babel_dates.format_date(day, locale=current_locale())


def format_short_day(timestamp: float) -> str:
    """Format the day of a time by the reader's clock, without what is obvious: "14:05", "Nov 29", "Nov 29, 2025"."""
    zone = reader_timezone()
    moment, now = datetime.fromtimestamp(timestamp, zone), datetime.fromtimestamp(time.time(), zone)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if moment.year == now.year:
        return format_day_of_year(moment.date())
    return format_day(moment.date())


def format_local_day(timestamp: float) -> str:
    """Format the day of a time in seconds since 1970 by the reader's clock: "Nov 29, 2026"."""
    return format_day(datetime.fromtimestamp(timestamp, reader_timezone()).date())


def format_day_of_year(day: date) -> str:
    """Format a day without its year: "Nov 29"."""
    return str(babel_dates.format_skeleton("MMMd", day, locale=current_locale()))


def format_age(seconds: float) -> str:
    """Format a time span as an age: "5 minutes ago"."""
    age = babel_dates.format_timedelta(
        timedelta(seconds=-seconds), add_direction=True, threshold=1.0, locale=current_locale()
    )
    return _NUMBER_BEFORE_CHINESE.sub(r"\g<0> ", age)


def format_moment(timestamp: float) -> str:
    """Format a time in seconds since 1970 by the reader's clock: "14:05", or with its date on another day."""
    zone = reader_timezone()
    moment, today = datetime.fromtimestamp(timestamp, zone), datetime.fromtimestamp(time.time(), zone).date()
    return f"{moment:%H:%M}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M}"


def format_time(timestamp: float) -> str:
    """Format a time in seconds since 1970 by the reader's clock: "2026-11-29 14:05"."""
    return f"{datetime.fromtimestamp(timestamp, reader_timezone()):%Y-%m-%d %H:%M}"


def reader_timezone() -> tzinfo:
    """Return the time zone of the reader's browser."""
    return resolve_timezone(st.context.timezone, st.context.timezone_offset)


def resolve_timezone(name: str | None, offset_minutes: int | None) -> tzinfo:
    """Return the named time zone; if unknown, the offset (minutes from local to UTC), else UTC."""
    try:
        return ZoneInfo(name or "")
    except (KeyError, ValueError, OSError):
        if offset_minutes and abs(offset_minutes) < 24 * 60:
            return timezone(timedelta(minutes=-offset_minutes))
        return UTC
