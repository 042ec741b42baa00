"""Quota periods in UTC and the actual amounts of requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.policy import Limit, Limits
from lib.core.quota import QuotaCounter, actual_amount, current_counter
from lib.core.target import Target
from lib.core.usage import UsageRecord

LIMITS = Limits(*(Limit(1) for _ in range(5)))
NAMES = [name for name, _ in LIMITS.active_limits()]
MAX_PERIOD_SECONDS = {"minute": 60, "day": 86_400, "month": 31 * 86_400}


def timestamp(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("name", "now", "period_start", "resets_at"),
    [
        ("requests_minute", "2026-11-22T16:59:59", "2026-11-22T16:59", "2026-11-22T17:00"),
        ("tokens_day", "2026-12-31T23:59:59", "2026-12-31", "2027-01-01"),
        ("cost_day", "2026-02-28T00:00:00", "2026-02-28", "2026-03-01"),
        ("cost_month", "2026-01-31T12:00:00", "2026-01-01", "2026-02-01"),
        ("tokens_month", "2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
        ("cost_month", "2026-12-01T00:00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_periods_follow_the_calendar(name, now, period_start, resets_at):
    counter = current_counter("all", name, timestamp(now) + 0.9)
    assert counter == QuotaCounter("all", name, timestamp(period_start))
    assert counter.resets_at == timestamp(resets_at)


@given(name=st.sampled_from(NAMES), now=st.floats(0, 4e9))
def test_periods_are_contiguous(name, now):
    counter = current_counter("all", name, now)
    assert counter.period_start <= now < counter.resets_at
    assert current_counter("all", name, counter.resets_at).period_start == counter.resets_at
    assert (
        current_counter("all", name, counter.period_start)
        == current_counter("all", name, counter.resets_at - 1)
        == counter
    )
    assert counter.resets_at - counter.period_start <= MAX_PERIOD_SECONDS[name.rpartition("_")[2]]


def usage_record(usage: Usage, cost: int | None, outcome: Outcome = Outcome.COMPLETE, first_token: float | None = 0.1):
    timing, target = Timing(first_token), Target("m", "openai")
    return UsageRecord("r", None, "answer", target, usage, timing, outcome, "", 1.0, cost=cost)


KNOWN_USAGE, NO_USAGE = usage_record(Usage(30, 4), 500), usage_record(Usage(), None, Outcome.FAILED, None)
CASES = {
    "known": ([KNOWN_USAGE], (1, 34, 500)),
    "nothing sent": ([], (0, 0, 0)),
    "failed before anything came": ([NO_USAGE], (1, 0, 0)),
    "stopped before anything came": ([usage_record(Usage(), None, Outcome.STOPPED, None)], (1, 100, 100)),
    "no token counts": ([usage_record(Usage(), None)], (1, 100, 100)),
    "less is known than was reserved": ([usage_record(Usage(30, None), None)], (1, 100, 100)),
    "more is known than was reserved": ([usage_record(Usage(300, None), None)], (1, 300, 100)),
    "unknown price": ([usage_record(Usage(30, 4), None)], (1, 34, 100)),
    "free": ([usage_record(Usage(0, 0), 0)], (1, 0, 0)),
    "retried": ([NO_USAGE, usage_record(Usage(), None, Outcome.FAILED), KNOWN_USAGE], (3, 134, 600)),
}


@pytest.mark.parametrize("case", CASES)
def test_unknown_usage_counts_as_reserved(case):
    records, expected = CASES[case]
    assert tuple(actual_amount(unit, 100, records) for unit in ("requests", "tokens", "cost")) == expected
