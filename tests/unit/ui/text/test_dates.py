"""Date headings of the conversation list in the user's time zone, at their borders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lib.core.conversation import Conversation
from lib.ui.text import dates, i18n
from lib.ui.text.dates import date_heading, group_by_date, heading_text, resolve_timezone

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=SHANGHAI)


def timestamp(*clock: int, zone=SHANGHAI) -> float:
    return datetime(*clock, tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ((2026, 11, 22, 9, 30), "today"),
        ((2026, 11, 22, 0, 0), "today"),
        ((2026, 11, 21, 23, 59, 59), "yesterday"),
        ((2026, 11, 21, 0, 0), "yesterday"),
        ((2026, 11, 20, 23, 59), "week"),
        ((2026, 11, 15, 0, 0), "week"),
        ((2026, 11, 14, 23, 59), "month"),
        ((2026, 10, 23, 0, 0), "month"),
        ((2026, 10, 22, 23, 59), "2026-10"),
        ((2025, 11, 22, 9, 30), "2025-11"),
        ((2026, 11, 23, 4, 0), "today"),  # a clock that is ahead
    ],
)
def test_each_date_has_its_heading(clock, expected):
    assert date_heading(timestamp(*clock), NOW.timestamp(), SHANGHAI) == expected


def test_a_timestamp_has_the_date_of_the_time_zone():
    evening = timestamp(2026, 11, 22, 8, 0)  # the evening before, in New York
    assert date_heading(evening, NOW.timestamp(), SHANGHAI) == "today"
    assert date_heading(evening, timestamp(2026, 11, 22, 9, 0, zone=NEW_YORK), NEW_YORK) == "yesterday"


def test_a_day_of_25_hours_is_one_day():
    now = timestamp(2026, 11, 1, 12, 0, zone=NEW_YORK)  # 25 hours long
    assert date_heading(timestamp(2026, 11, 1, 0, 10, zone=NEW_YORK), now, NEW_YORK) == "today"
    assert date_heading(timestamp(2026, 10, 31, 23, 50, zone=NEW_YORK), now, NEW_YORK) == "yesterday"


def test_conversations_are_grouped_in_their_order():
    times = [NOW.timestamp() - hours * 3600 for hours in (0, 1, 12, 30, 24 * 40, 24 * 41)]
    conversations = [Conversation(str(index), "", updated) for index, updated in enumerate(times)]
    groups = [
        (heading, [conversation.id for conversation in group])
        for heading, group in group_by_date(conversations, NOW.timestamp(), SHANGHAI)
    ]
    assert groups == [("today", ["0", "1"]), ("yesterday", ["2", "3"]), ("2026-10", ["4", "5"])]


def test_an_unknown_time_zone_is_replaced_by_its_offset():
    assert resolve_timezone("Asia/Shanghai", None) == SHANGHAI
    for name in (None, "", "No/Such", "../etc"):
        assert resolve_timezone(name, -480).utcoffset(NOW) == timedelta(hours=8)
        assert resolve_timezone(name, None) is UTC
    assert resolve_timezone("No/Such", 99_999) is UTC


@pytest.mark.parametrize(
    ("language", "texts"),
    [("en", ["Today", "Previous 7 days", "October 2026"]), ("zh", ["今天", "过去 7 天", "2026年10月"])],
)
def test_headings_are_translated(language, texts, monkeypatch):
    monkeypatch.setattr(i18n, "current_language", lambda: language)
    assert [heading_text(heading) for heading in ("today", "week", "2026-10")] == texts


@pytest.mark.parametrize(("language", "text"), [("en", "1 hour ago"), ("zh", "1 小时前")])
def test_an_age_is_translated(language, text, monkeypatch):
    monkeypatch.setattr(i18n, "current_language", lambda: language)
    assert dates.format_age(3600) == text
