"""What was used in a range of days: by day, by model, by wire, and as a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol, TypeVar

from lib.chat.usage import csv_export
from lib.core.pricing import NANOS_PER_DOLLAR
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageTotal

MAX_DAYS = 3_660  # days of one range
MAX_LATENCY_SAMPLES = 20_000  # requests, the newest, that the times to the first token are taken from
_COLUMNS = (
    *("day", "model", "wire", "requests", "failed", "unknown_cost"),
    *("input", "cached", "written", "output", "reasoning", "cost_usd"),
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
    """Seconds to the first token: of half the requests at most `half`, of 95 in 100 at most `most`."""

    median: float
    p95: float


@dataclass(frozen=True)
class UsageStatistics:
    """What requests of some days took; `waits` are by target, None for all of them."""

    daily_usage: tuple[DailyUsage, ...]
    latencies: Mapping[Target | None, FirstTokenLatency]

    @property
    def total(self) -> UsageTotal:
        return sum((line.total for line in self.daily_usage), UsageTotal())

    def total_by_day(self) -> dict[date, UsageTotal]:
        return _sum_by(self.daily_usage, lambda line: line.day)

    def total_by_target(self) -> dict[Target, UsageTotal]:
        """The dearest first, and of those that cost the same the busiest."""
        found = _sum_by(self.daily_usage, lambda line: line.target)
        return dict(sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].request_count)))

    def total_by_wire(self) -> dict[str, UsageTotal]:
        return _sum_by(self.daily_usage, lambda line: str(line.target.wire))


def load_user_statistics(
    reader: UsageReader, owner: str, first_day: date, last_day: date, time_zone: tzinfo
) -> UsageStatistics:
    """Usage of an owner's requests from one day to another, both included. Raises StoreError."""
    return _load_statistics(reader, owner, split_into_day_ranges(first_day, last_day, time_zone))


def load_team_statistics(
    reader: UsageReader, first_day: date, last_day: date, time_zone: tzinfo
) -> UsageStatistics:
    """Usage of all users, for administrators. Raises StoreError."""
    return _load_statistics(reader, None, split_into_day_ranges(first_day, last_day, time_zone))


def _load_statistics(reader: UsageReader, owner: str | None, days: Sequence[DayRange]) -> UsageStatistics:
    return _build_statistics(
        reader.daily(owner, days),
        reader.first_token_times(owner, days[0].start, days[-1].end, MAX_LATENCY_SAMPLES),
    )


def _build_statistics(
    daily_usage: Sequence[DailyUsage], first_token_times: Sequence[tuple[Target, float]]
) -> UsageStatistics:
    seconds: dict[Target | None, list[float]] = (
        {None: [wait for _, wait in first_token_times]} if first_token_times else {}
    )
    for target, wait in first_token_times:
        seconds.setdefault(target, []).append(wait)
    return UsageStatistics(
        tuple(daily_usage), {target: _latency_percentiles(waits) for target, waits in seconds.items()}
    )


def split_into_day_ranges(first_day: date, last_day: date, time_zone: tzinfo) -> list[DayRange]:
    """The days in that zone, those of one length together: where clocks change, a day has 23 or 25 hours.

    There is always one day at least, and never more than DAYS_MOST, the latest.
    """
    first_day = max(first_day, last_day - timedelta(days=MAX_DAYS - 1))
    found: list[DayRange] = []
    for number in range(max(1, (last_day - first_day).days + 1)):
        day = first_day + timedelta(days=number)
        begin = _midnight(day, time_zone)
        seconds = int(_midnight(day + timedelta(days=1), time_zone) - begin)
        if found and found[-1].day_seconds == seconds:
            found[-1] = DayRange(found[-1].first_day, found[-1].start, found[-1].day_count + 1, seconds)
        else:
            found.append(DayRange(day, begin, 1, seconds))
    return found


def usage_to_csv(daily_usage: Iterable[DailyUsage]) -> str:
    """The lines as CSV with a head; costs in dollars to the last digit, empty cells for what is unknown."""
    return csv_export.to_csv(_COLUMNS, map(_csv_row, daily_usage))


def usage_by_user_to_csv(
    daily_usage_by_user: Iterable[tuple[str, DailyUsage]], user_names: Mapping[str, str]
) -> str:
    """The same with whose each line is: the person's name by `names`, where there is one, and their id."""
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


def _csv_row(daily_usage: DailyUsage) -> tuple[object, ...]:
    spent, usage = daily_usage.total, daily_usage.total.usage
    told = (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    counts = (spent.request_count, spent.failed_count, spent.unpriced_count)
    model = csv_export.escape_formula(daily_usage.target.model)
    return (daily_usage.day.isoformat(), model, daily_usage.target.wire, *counts, *told, _format_cost(spent))


def _format_cost(total: UsageTotal) -> str:
    return "" if total.unpriced_count and not total.cost else f"{Decimal(total.cost) / NANOS_PER_DOLLAR:f}"


def _sum_by(daily_usage: Iterable[DailyUsage], key: Callable[[DailyUsage], Key]) -> dict[Key, UsageTotal]:
    found: dict[Key, UsageTotal] = {}
    for line in daily_usage:
        found[key(line)] = found.get(key(line), UsageTotal()) + line.total
    return found


def _latency_percentiles(seconds: Sequence[float]) -> FirstTokenLatency:
    ranked = sorted(seconds)
    half, most = (ranked[math.ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
    return FirstTokenLatency(half, most)


def _midnight(day: date, time_zone: tzinfo) -> float:
    return datetime.combine(day, time(), time_zone).timestamp()
