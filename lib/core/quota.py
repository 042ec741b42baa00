"""Quotas: counters of limits by scope and period, and reservations against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.core.usage import UsageRecord, failed_before_output

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class RunningLimit:
    """The most answers of an owner that may arrive at once; without a heartbeat for `stale_after` seconds none does."""

    count: int
    stale_after: float


@dataclass(frozen=True, order=True)
class QuotaCounter:
    """The counter of a limit in a scope, for the period from `period_start` in seconds since 1970.

    Scopes and limit names are those of lib/core/policy.py.
    """

    scope: str
    limit_name: str
    period_start: int

    @property
    def unit(self) -> str:
        """ "requests", "tokens" or "cost"."""
        return self.limit_name.partition("_")[0]

    @property
    def resets_at(self) -> int:
        """The end of the period, in seconds since 1970."""
        period, start = _parse_period(self.limit_name), datetime.fromtimestamp(self.period_start, UTC)
        if period == "minute":
            return self.period_start + SECONDS_PER_MINUTE
        end = start + timedelta(days=1 if period == "day" else 31)  # 31 days reach the next month
        return int((end if period == "day" else end.replace(day=1)).timestamp())


@dataclass(frozen=True)
class Reservation:
    """An amount that a request reserves of a counter; `hard_limit` None is unlimited."""

    counter: QuotaCounter
    amount: int
    hard_limit: int | None


@dataclass(frozen=True)
class LimitExceeded:
    """A reservation above its limit, and the amount that remains."""

    reservation: Reservation
    remaining: int


def current_counter(scope: str, limit_name: str, now: float) -> QuotaCounter:
    """Return the counter of the period at `now`, in seconds since 1970; days and months start in UTC."""
    period, moment = _parse_period(limit_name), datetime.fromtimestamp(now, UTC)
    start = moment.replace(second=0, microsecond=0)
    if period != "minute":
        start = start.replace(hour=0, minute=0)
    if period == "month":
        start = start.replace(day=1)
    return QuotaCounter(scope, limit_name, int(start.timestamp()))


def actual_amount(unit: str, reserved: int, records: Sequence[UsageRecord]) -> int:
    """Return the amount that the requests of one question used; `reserved` holds for each of unknown amount.

    A request that failed before any output used nothing.
    """
    if unit == "requests":
        return len(records)
    return sum(_actual_request_amount(unit, reserved, record) for record in records if not failed_before_output(record))


def _actual_request_amount(unit: str, reserved: int, record: UsageRecord) -> int:
    amounts = (record.usage.input, record.usage.output) if unit == "tokens" else (record.cost,)
    amount = sum(value for value in amounts if value is not None)
    return max(amount, reserved) if None in amounts else amount


def _parse_period(limit_name: str) -> str:
    return limit_name.rpartition("_")[2]
