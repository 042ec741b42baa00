"""What is counted against limits: in which scope, by which bound, since when; what a request takes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.core.usage import Spend, silent

MINUTE = 60


@dataclass(frozen=True, order=True)
class Counter:
    """One sum: of a `scope`, by the `name` of a bound, in the period that `begins` so, in seconds since 1970.

    Scopes and names are those of lib/core/policy.py.
    """

    scope: str
    name: str
    begins: int

    @property
    def unit(self) -> str:
        """ "requests", "tokens" or "cost"."""
        return self.name.partition("_")[0]

    @property
    def resets(self) -> int:
        """When the period is over, in seconds since 1970."""
        period, begin = _period(self.name), datetime.fromtimestamp(self.begins, UTC)
        if period == "minute":
            return self.begins + MINUTE
        later = begin + timedelta(days=1 if period == "day" else 31)  # of the next month, whichever it is
        return int((later if period == "day" else later.replace(day=1)).timestamp())


@dataclass(frozen=True)
class Claim:
    """What a request asks of a counter, up to its `hard` bound; None is no end."""

    counter: Counter
    amount: int
    hard: int | None


@dataclass(frozen=True)
class Over:
    """A claim that does not fit, and what is `left` there."""

    claim: Claim
    left: int


def current(scope: str, name: str, now: float) -> Counter:
    """The counter of this moment, which is in seconds since 1970; days and months begin by UTC."""
    period, moment = _period(name), datetime.fromtimestamp(now, UTC)
    begin = moment.replace(second=0, microsecond=0)
    if period != "minute":
        begin = begin.replace(hour=0, minute=0)
    if period == "month":
        begin = begin.replace(day=1)
    return Counter(scope, name, int(begin.timestamp()))


def took(unit: str, reserved: int, spends: Sequence[Spend]) -> int:
    """What the requests of one question took, each of which may have had as much as was `reserved`.

    That stays where nobody knows better; what failed before anything came took nothing.
    """
    if unit == "requests":
        return len(spends)
    return sum(_took(unit, reserved, spend) for spend in spends if not silent(spend))


def _took(unit: str, reserved: int, spend: Spend) -> int:
    told = (spend.usage.input, spend.usage.output) if unit == "tokens" else (spend.cost,)
    known = sum(one for one in told if one is not None)
    return max(known, reserved) if None in told else known


def _period(name: str) -> str:
    return name.rpartition("_")[2]
