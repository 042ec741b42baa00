"""Periods by UTC, one after the other without a gap, and what requests take of what was reserved."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.policy import Limit, Limits
from lib.core.quota import QuotaCounter, actual_amount, current_counter
from lib.core.target import Target
from lib.core.usage import UsageRecord

BOUNDS = Limits(*(Limit(1) for _ in range(5)))
NAMES = [name for name, _ in BOUNDS.active_limits()]
LONGEST = {"minute": 60, "day": 86_400, "month": 31 * 86_400}


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("name", "now", "begins", "resets"),
    [
        ("requests_minute", "2026-11-22T16:59:59", "2026-11-22T16:59", "2026-11-22T17:00"),
        ("tokens_day", "2026-12-31T23:59:59", "2026-12-31", "2027-01-01"),
        ("cost_day", "2026-02-28T00:00:00", "2026-02-28", "2026-03-01"),
        ("cost_month", "2026-01-31T12:00:00", "2026-01-01", "2026-02-01"),
        ("tokens_month", "2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
        ("cost_month", "2026-12-01T00:00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_a_period_is_one_of_the_calendar(name, now, begins, resets):
    counter = current_counter("all", name, moment(now) + 0.9)
    assert counter == QuotaCounter("all", name, moment(begins))
    assert counter.resets_at == moment(resets)


@given(name=some.sampled_from(NAMES), now=some.floats(0, 4e9))
def test_periods_follow_each_other(name, now):
    counter = current_counter("all", name, now)
    assert counter.period_start <= now < counter.resets_at
    assert current_counter("all", name, counter.resets_at).period_start == counter.resets_at
    assert (
        current_counter("all", name, counter.period_start)
        == current_counter("all", name, counter.resets_at - 1)
        == counter
    )
    assert counter.resets_at - counter.period_start <= LONGEST[name.rpartition("_")[2]]


def spend(usage: Usage, cost: int | None, outcome: Outcome = Outcome.COMPLETE, first: float | None = 0.1):
    timing, target = Timing(first), Target("m", "openai")
    return UsageRecord("r", None, "answer", target, usage, timing, outcome, "", 1.0, cost=cost)


KNOWN, SILENT = spend(Usage(30, 4), 500), spend(Usage(), None, Outcome.FAILED, None)
CASES = {
    "known": ([KNOWN], (1, 34, 500)),
    "nothing sent": ([], (0, 0, 0)),
    "failed before anything came": ([SILENT], (1, 0, 0)),
    "stopped before anything came": ([spend(Usage(), None, Outcome.STOPPED, None)], (1, 100, 100)),
    "said nothing of tokens": ([spend(Usage(), None)], (1, 100, 100)),
    "less is known than was reserved": ([spend(Usage(30, None), None)], (1, 100, 100)),
    "more is known than was reserved": ([spend(Usage(300, None), None)], (1, 300, 100)),
    "of unknown price": ([spend(Usage(30, 4), None)], (1, 34, 100)),
    "free": ([spend(Usage(0, 0), 0)], (1, 0, 0)),
    "tried again": ([SILENT, spend(Usage(), None, Outcome.FAILED), KNOWN], (3, 134, 600)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_unknown_is_never_nothing(case):
    spends, taken = CASES[case]
    assert tuple(actual_amount(unit, 100, spends) for unit in ("requests", "tokens", "cost")) == taken
