"""What is counted against limits: in which scope, by which bound, since when; what a request takes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.core.usage import UsageRecord, failed_before_output

SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, order=True)
class QuotaCounter:
    """One sum: of a `scope`, by the `name` of a bound, in the period that `begins` so, in seconds since 1970.

    Scopes and names are those of lib/core/policy.py.
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
        """When the period is over, in seconds since 1970."""
        period, begin = _parse_period(self.limit_name), datetime.fromtimestamp(self.period_start, UTC)
        if period == "minute":
            return self.period_start + SECONDS_PER_MINUTE
        later = begin + timedelta(days=1 if period == "day" else 31)  # of the next month, whichever it is
        return int((later if period == "day" else later.replace(day=1)).timestamp())


@dataclass(frozen=True)
class Reservation:
    """What a request asks of a counter, up to its `hard` bound; None is no end."""

    counter: QuotaCounter
    amount: int
    hard_limit: int | None


@dataclass(frozen=True)
class LimitExceeded:
    """A claim that does not fit, and what is `left` there."""

    reservation: Reservation
    remaining: int


def current_counter(scope: str, limit_name: str, now: float) -> QuotaCounter:
    """The counter of this moment, which is in seconds since 1970; days and months begin by UTC."""
    period, moment = _parse_period(limit_name), datetime.fromtimestamp(now, UTC)
    begin = moment.replace(second=0, microsecond=0)
    if period != "minute":
        begin = begin.replace(hour=0, minute=0)
    if period == "month":
        begin = begin.replace(day=1)
    return QuotaCounter(scope, limit_name, int(begin.timestamp()))


def actual_amount(unit: str, reserved: int, records: Sequence[UsageRecord]) -> int:
    """What the requests of one question took, each of which may have had as much as was `reserved`.

    That stays where nobody knows better; what failed before anything came took nothing.
    """
    if unit == "requests":
        return len(records)
    return sum(
        _actual_request_amount(unit, reserved, spend) for spend in records if not failed_before_output(spend)
    )


def _actual_request_amount(unit: str, reserved: int, record: UsageRecord) -> int:
    told = (record.usage.input, record.usage.output) if unit == "tokens" else (record.cost,)
    known = sum(one for one in told if one is not None)
    return max(known, reserved) if None in told else known


def _parse_period(limit_name: str) -> str:
    return limit_name.rpartition("_")[2]
