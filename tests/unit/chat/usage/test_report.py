"""The days of a range, the times to the first token, the file: what the page is made of."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.chat.usage import report
from lib.chat.usage.report import FirstTokenLatency, UsageStatistics
from lib.core.conversation import Usage
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageTotal

M = Target("m", "openai")
BERLIN = ZoneInfo("Europe/Berlin")


def test_days_of_one_length_are_one_span():
    assert report.split_into_day_ranges(date(2026, 1, 1), date(2026, 1, 31), UTC) == [
        DayRange(date(2026, 1, 1), 1767225600.0, 31)
    ]


def test_the_days_on_which_clocks_change_stand_alone():
    found = report.split_into_day_ranges(date(2026, 3, 27), date(2026, 3, 31), BERLIN)
    assert [(span.first_day.day, span.day_count, span.day_seconds // 3600) for span in found] == [
        (27, 2, 24),
        (29, 1, 23),
        (30, 2, 24),
    ]


@given(
    some.dates(date(2020, 1, 1), date(2030, 1, 1)),
    some.integers(-5, 500),
    some.sampled_from([UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Shanghai")]),
)
def test_the_spans_are_all_the_days_one_after_the_other(first, more, zone):
    last = first + timedelta(days=more)
    found = report.split_into_day_ranges(first, last, zone)
    assert found[0].start == datetime(first.year, first.month, first.day, tzinfo=zone).timestamp()
    assert all(before.end == after.start for before, after in zip(found, found[1:], strict=False))
    assert sum(span.day_count for span in found) == max(1, more + 1)
    for span in found:
        assert span.first_day == datetime.fromtimestamp(span.start, zone).date()


def test_a_range_without_end_is_the_latest_of_it():
    found = report.split_into_day_ranges(date(1, 1, 1), date(2026, 1, 1), UTC)
    assert sum(span.day_count for span in found) == report.MAX_DAYS
    assert found[-1].end == datetime(2026, 1, 2, tzinfo=UTC).timestamp()


class Known:
    """A book of one page."""

    def __init__(self, waits: Sequence[tuple[Target, float]], lines: Sequence[DailyUsage] = ()) -> None:
        self._waits, self._lines = list(waits), list(lines)

    def daily(self, owner, spans):
        return self._lines

    def first_token_times(self, owner, begin, end, limit):
        return self._waits[:limit]


def test_waits_are_of_half_and_of_nearly_all():
    other = Target("n", "anthropic")
    waits = [(M, float(second)) for second in range(100, 0, -1)] + [(other, 500.0)]
    found = report.load_user_statistics(
        Known(waits), "ann", date(2026, 1, 1), date(2026, 1, 2), UTC
    ).latencies
    assert found[M] == FirstTokenLatency(50.0, 95.0)
    assert found[other] == FirstTokenLatency(500.0, 500.0)
    assert found[None] == FirstTokenLatency(51.0, 96.0)
    assert (
        report.load_user_statistics(Known([]), "ann", date(2026, 1, 1), date(2026, 1, 2), UTC).latencies == {}
    )


LINES = (
    DailyUsage(date(2026, 1, 1), M, UsageTotal(2, 1, 0, 1_500_000_000, Usage(10, 5))),
    DailyUsage(date(2026, 1, 1), Target("=1+1", "anthropic"), UsageTotal(1, 0, 1, 0, Usage(7))),
    DailyUsage(date(2026, 1, 2), M, UsageTotal(1, 0, 1, 1, Usage(1, 1))),
)


def test_sums_by_day_and_by_model_are_the_same_sum():
    found = UsageStatistics(LINES, {})
    assert found.total == UsageTotal(4, 1, 2, 1_500_000_001, Usage(18, 6))
    for sums in (found.total_by_day(), found.total_by_target(), found.total_by_wire()):
        assert sum(sums.values(), UsageTotal()) == found.total
    assert list(found.total_by_target()) == [M, LINES[1].target]


def test_the_file_has_every_line_and_nothing_that_is_a_formula():
    rows = list(csv.DictReader(io.StringIO(report.usage_to_csv(LINES))))
    assert [row["model"] for row in rows] == ["m", "'=1+1", "m"]
    assert [row["cost_usd"] for row in rows] == ["1.5", "", "0.000000001"]
    assert [row["unknown_cost"] for row in rows] == ["0", "1", "1"]
    assert (rows[1]["input"], rows[1]["output"]) == ("7", "")
    assert rows[0]["day"] == "2026-01-01"


@pytest.mark.parametrize("name", ['"quoted", and a comma', "line\nbreak", "模型"])
def test_any_name_comes_back_from_the_file(name):
    line = DailyUsage(date(2026, 1, 1), Target(name, "openai"), UsageTotal(1))
    (row,) = csv.DictReader(io.StringIO(report.usage_to_csv([line]), newline=""))
    assert row["model"] == name


def test_the_report_of_everybody_is_made_as_one_persons_is():
    book = Known([(M, 1.0), (M, 2.0)], LINES)
    both = [date(2026, 1, 1), date(2026, 1, 2), UTC]
    assert report.load_team_statistics(book, *both) == report.load_user_statistics(book, "ann", *both)


def test_the_file_of_everybody_says_whose_each_line_is():
    pairs = [("proxy:ann", LINES[0]), ("browser:=1", LINES[1]), ("=eve", LINES[2])]
    names = {"proxy:ann": "=Ann", "browser:=1": "Bob"}
    rows = list(csv.DictReader(io.StringIO(report.usage_by_user_to_csv(pairs, names))))
    assert [(row["person"], row["person_id"]) for row in rows] == [
        ("'=Ann", "proxy:ann"),
        ("Bob", "browser:=1"),
        ("", "'=eve"),
    ]
    own = list(csv.DictReader(io.StringIO(report.usage_to_csv(LINES))))
    assert [{name: row[name] for name in own[0]} for row in rows] == own
