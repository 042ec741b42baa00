"""Usage statistics of a range of days: by day, model and wire, and as CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol, TypeVar

from lib.chat.usage import csv_export
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, FeedbackCount, UsageTotal

MAX_DAYS = 3_660  # days of one range
MAX_LATENCY_SAMPLES = 20_000  # newest requests, for the times to the first token
_COLUMNS = (
    *("day", "model", "wire", "requests", "failed", "unknown_cost"),
    *("input", "cached", "written", "written_1h", "output", "reasoning", "searches", "cost_usd"),
)
Key = TypeVar("Key")


class UsageReader(Protocol):
    """Storage of usage records; each method may raise StoreError. The owner None stands for all users."""

    def daily(self, owner: str | None, day_ranges: Sequence[DayRange]) -> list[DailyUsage]: ...
    def first_token_times(
        self, owner: str | None, start: float, end: float, limit: int
    ) -> list[tuple[Target, float]]: ...


@dataclass(frozen=True)
class FirstTokenLatency:
    """Median and 95th percentile of the seconds to the first token."""

    median: float
    p95: float


@dataclass(frozen=True)
class UsageStatistics:
    """Usage by day and target, and latencies by target, with None for all targets."""

    daily_usage: tuple[DailyUsage, ...]
    latencies: Mapping[Target | None, FirstTokenLatency]

    @property
    def total(self) -> UsageTotal:
        return sum((line.total for line in self.daily_usage), UsageTotal())

    def total_by_day(self) -> dict[date, UsageTotal]:
        return _sum_by(self.daily_usage, lambda line: line.day)

    def total_by_target(self) -> dict[Target, UsageTotal]:
        """Return totals by target, by descending cost, then by descending request count."""
        totals = _sum_by(self.daily_usage, lambda line: line.target)
        return dict(sorted(totals.items(), key=lambda item: (-item[1].cost, -item[1].request_count)))

    def total_by_wire(self) -> dict[str, UsageTotal]:
        return _sum_by(self.daily_usage, lambda line: str(line.target.wire))


def load_statistics(
    reader: UsageReader, owner: str | None, first_day: date, last_day: date, time_zone: tzinfo
) -> UsageStatistics:
    """Usage of an owner's requests from one day to another, both included. Raises StoreError.

    None is for all users; only callers that have checked for an administrator may pass it.
    """
    days = split_into_day_ranges(first_day, last_day, time_zone)
    seconds: dict[Target | None, list[float]] = {}
    for target, wait in reader.first_token_times(owner, days[0].start, days[-1].end, MAX_LATENCY_SAMPLES):
        seconds.setdefault(None, []).append(wait)
        seconds.setdefault(target, []).append(wait)
    latencies = {target: _latency_percentiles(waits) for target, waits in seconds.items()}
    return UsageStatistics(tuple(reader.daily(owner, days)), latencies)


def split_into_day_ranges(first_day: date, last_day: date, time_zone: tzinfo) -> list[DayRange]:
    """Return the days in a time zone, grouped by length: a day of a clock change has 23 or 25 hours.

    There is at least one day, and at most the MAX_DAYS latest.
    """
    first_day = max(first_day, last_day - timedelta(days=MAX_DAYS - 1))
    ranges: list[DayRange] = []
    for number in range(max(1, (last_day - first_day).days + 1)):
        day = first_day + timedelta(days=number)
        start = _midnight(day, time_zone)
        seconds = int(_midnight(day + timedelta(days=1), time_zone) - start)
        if ranges and ranges[-1].day_seconds == seconds:
            ranges[-1] = replace(ranges[-1], day_count=ranges[-1].day_count + 1)
        else:
            ranges.append(DayRange(day, start, 1, seconds))
    return ranges


def usage_to_csv(daily_usage: Iterable[DailyUsage]) -> str:
    """Return usage as CSV with a header; costs in dollars without rounding, unknown values empty."""
    return csv_export.to_csv(_COLUMNS, map(_csv_row, daily_usage))


def usage_by_user_to_csv(daily_usage_by_user: Iterable[tuple[str, DailyUsage]], user_names: Mapping[str, str]) -> str:
    """Return usage of all users as CSV, with columns for the user's name and id."""
    columns = ("person", "person_id", *_COLUMNS)
    rows = (
        (
            csv_export.escape_formula(user_names.get(owner, "")),
            csv_export.escape_formula(owner),
            *_csv_row(line),
        )
        for owner, line in daily_usage_by_user
    )
    return csv_export.to_csv(columns, rows)


def feedback_to_csv(counts: Iterable[FeedbackCount]) -> str:
    """Return the feedback of all users by model as CSV with a header."""
    rows = ((csv_export.escape_formula(count.model), count.good, count.bad) for count in counts)
    return csv_export.to_csv(("model", "good", "bad"), rows)


def _csv_row(daily_usage: DailyUsage) -> tuple[object, ...]:
    total, usage = daily_usage.total, daily_usage.total.usage
    cache = (usage.cache_read, usage.cache_write, usage.cache_write_1h)
    amounts = (usage.input, *cache, usage.output, usage.reasoning, usage.searches)
    counts = (total.request_count, total.failed_count, total.unpriced_count)
    model = csv_export.escape_formula(daily_usage.target.model)
    return (
        daily_usage.day.isoformat(),
        model,
        daily_usage.target.wire,
        *counts,
        *amounts,
        _format_cost(total),
    )


def _format_cost(total: UsageTotal) -> str:
    return "" if total.unpriced_count and not total.cost else f"{Decimal(total.cost) / NANOS_PER_DOLLAR:f}"


def _sum_by(daily_usage: Iterable[DailyUsage], key: Callable[[DailyUsage], Key]) -> dict[Key, UsageTotal]:
    totals: dict[Key, UsageTotal] = {}
    for line in daily_usage:
        totals[key(line)] = totals.get(key(line), UsageTotal()) + line.total
    return totals


def _latency_percentiles(seconds: Sequence[float]) -> FirstTokenLatency:
    ranked = sorted(seconds)
    median, p95 = (ranked[math.ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
    return FirstTokenLatency(median, p95)


def _midnight(day: date, time_zone: tzinfo) -> float:
    return datetime.combine(day, time(), time_zone).timestamp()
