"""Under which heading a conversation is listed, by the days of its reader's time zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo

from lib.core.conversation import Conversation

# How many days back the headings reach that come before the months.
_RECENT_HEADINGS = ((0, "today"), (1, "yesterday"), (7, "week"), (30, "month"))


def date_heading(updated_at: float, now: float, zone: tzinfo) -> str:
    """ "today", "yesterday", "week" (the 7 days before today), "month" (the 30), else e.g. "2026-10".

    Both times are in seconds since 1970. What is said to be of tomorrow, by another clock, is of today.
    """
    day = datetime.fromtimestamp(updated_at, zone).date()
    days = (datetime.fromtimestamp(now, zone).date() - day).days
    return next((name for most, name in _RECENT_HEADINGS if days <= most), f"{day:%Y-%m}")


def group_by_date(
    conversations: Iterable[Conversation], now: float, zone: tzinfo
) -> list[tuple[str, list[Conversation]]]:
    """Conversations, newest first, under their headings."""
    groups = groupby(conversations, lambda one: date_heading(one.updated_at, now, zone))
    return [(name, list(group)) for name, group in groups]


def resolve_timezone(name: str | None, offset_minutes: int | None) -> tzinfo:
    """The zone of that name; where this machine does not know it, the `offset` from it to UTC, in minutes."""
    try:
        return ZoneInfo(name or "")
    except (KeyError, ValueError, OSError):  # of a name that is not known here, or is none
        return (
            timezone(timedelta(minutes=-offset_minutes))
            if offset_minutes and abs(offset_minutes) < 24 * 60
            else UTC
        )
