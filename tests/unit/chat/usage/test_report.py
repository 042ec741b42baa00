"""Usage report: day ranges, first token latency and CSV export."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.usage import report
from lib.chat.usage.report import FirstTokenLatency, UsageStatistics
from lib.core.conversation import Usage
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageTotal

MODEL = Target("m", "openai")
BERLIN = ZoneInfo("Europe/Berlin")


def test_days_of_equal_length_are_one_range():
    assert report.split_into_day_ranges(date(2026, 1, 1), date(2026, 1, 31), UTC) == [
        DayRange(date(2026, 1, 1), 1767225600.0, 31)
    ]


def test_days_of_clock_changes_are_separate_ranges():
    ranges = report.split_into_day_ranges(date(2026, 3, 27), date(2026, 3, 31), BERLIN)
    assert [(day_range.first_day.day, day_range.day_count, day_range.day_seconds // 3600) for day_range in ranges] == [
        (27, 2, 24),
        (29, 1, 23),
        (30, 2, 24),
    ]


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(-5, 500),
    st.sampled_from([UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Shanghai")]),
)
def test_ranges_cover_all_days_in_order(first, day_count, zone):
    last = first + timedelta(days=day_count)
    ranges = report.split_into_day_ranges(first, last, zone)
    assert ranges[0].start == datetime(first.year, first.month, first.day, tzinfo=zone).timestamp()
    assert all(before.end == after.start for before, after in zip(ranges, ranges[1:], strict=False))
    assert sum(day_range.day_count for day_range in ranges) == max(1, day_count + 1)
    for day_range in ranges:
        assert day_range.first_day == datetime.fromtimestamp(day_range.start, zone).date()


def test_an_oversized_range_is_limited_to_its_latest_days():
    ranges = report.split_into_day_ranges(date(1, 1, 1), date(2026, 1, 1), UTC)
    assert sum(day_range.day_count for day_range in ranges) == report.MAX_DAYS
    assert ranges[-1].end == datetime(2026, 1, 2, tzinfo=UTC).timestamp()


class FakeUsageStore:
    """A usage store with fixed rows."""

    def __init__(
        self, first_token_times: Sequence[tuple[Target, float]], daily_usage: Sequence[DailyUsage] = ()
    ) -> None:
        self._first_token_times, self._daily_usage = list(first_token_times), list(daily_usage)

    def daily(self, owner, day_ranges):
        return self._daily_usage

    def first_token_times(self, owner, begin, end, limit):
        return self._first_token_times[:limit]


def test_latencies_are_median_and_95th_percentile():
    other = Target("n", "anthropic")
    first_token_times = [(MODEL, float(second)) for second in range(100, 0, -1)] + [(other, 500.0)]
    latencies = report.load_statistics(
        FakeUsageStore(first_token_times), "ann", date(2026, 1, 1), date(2026, 1, 2), UTC
    ).latencies
    assert latencies[MODEL] == FirstTokenLatency(50.0, 95.0)
    assert latencies[other] == FirstTokenLatency(500.0, 500.0)
    assert latencies[None] == FirstTokenLatency(51.0, 96.0)
    assert report.load_statistics(FakeUsageStore([]), "ann", date(2026, 1, 1), date(2026, 1, 2), UTC).latencies == {}


DAILY_USAGE = (
    DailyUsage(date(2026, 1, 1), MODEL, UsageTotal(2, 1, 0, 1_500_000_000, Usage(10, 5))),
    DailyUsage(date(2026, 1, 1), Target("=1+1", "anthropic"), UsageTotal(1, 0, 1, 0, Usage(7))),
    DailyUsage(date(2026, 1, 2), MODEL, UsageTotal(1, 0, 1, 1, Usage(1, 1))),
)


def test_totals_by_day_model_and_wire_equal_the_total():
    statistics = UsageStatistics(DAILY_USAGE, {})
    assert statistics.total == UsageTotal(4, 1, 2, 1_500_000_001, Usage(18, 6))
    for sums in (statistics.total_by_day(), statistics.total_by_target(), statistics.total_by_wire()):
        assert sum(sums.values(), UsageTotal()) == statistics.total
    assert list(statistics.total_by_target()) == [MODEL, DAILY_USAGE[1].target]


def test_csv_has_every_row_and_escapes_formulas():
    rows = list(csv.DictReader(io.StringIO(report.usage_to_csv(DAILY_USAGE))))
    assert [row["model"] for row in rows] == ["m", "'=1+1", "m"]
    assert [row["cost_usd"] for row in rows] == ["1.5", "", "0.000000001"]
    assert [row["unknown_cost"] for row in rows] == ["0", "1", "1"]
    assert (rows[1]["input"], rows[1]["output"]) == ("7", "")
    assert rows[0]["day"] == "2026-01-01"


@pytest.mark.parametrize("name", ['"quoted", and a comma', "line\nbreak", "模型"])
def test_csv_preserves_special_characters_of_names(name):
    day = DailyUsage(date(2026, 1, 1), Target(name, "openai"), UsageTotal(1))
    (row,) = csv.DictReader(io.StringIO(report.usage_to_csv([day]), newline=""))
    assert row["model"] == name


def test_team_statistics_use_the_same_calculation_as_user_statistics():
    usage_store = FakeUsageStore([(MODEL, 1.0), (MODEL, 2.0)], DAILY_USAGE)
    period = [date(2026, 1, 1), date(2026, 1, 2), UTC]
    assert report.load_statistics(usage_store, None, *period) == report.load_statistics(usage_store, "ann", *period)


def test_csv_of_all_users_has_user_columns():
    pairs = [("proxy:ann", DAILY_USAGE[0]), ("browser:=1", DAILY_USAGE[1]), ("=eve", DAILY_USAGE[2])]
    names = {"proxy:ann": "=Ann", "browser:=1": "Bob"}
    rows = list(csv.DictReader(io.StringIO(report.usage_by_user_to_csv(pairs, names))))
    assert [(row["person"], row["person_id"]) for row in rows] == [
        ("'=Ann", "proxy:ann"),
        ("Bob", "browser:=1"),
        ("", "'=eve"),
    ]
    single_user_rows = list(csv.DictReader(io.StringIO(report.usage_to_csv(DAILY_USAGE))))
    assert [{name: row[name] for name in single_user_rows[0]} for row in rows] == single_user_rows
