"""Usage of all users is the sum of the usage of each user."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.target import Target
from lib.core.usage import UsageTotal, to_usage_total
from tests.unit.storage.test_usage import BEGIN, DAY, SPAN, SPEND

OTHER = Target("n", "anthropic")


@pytest.fixture
def filled(store):
    """Requests of three people on three days; the last is of another time."""
    for number, (owner, day, target, cost) in enumerate(
        [
            ("ann", 0, SPEND.target, 5),
            ("ann", 0, OTHER, 7),
            ("bob", 0, SPEND.target, 100),
            ("bob", 9, SPEND.target, None),
            ("eve", 4, OTHER, 1),
            ("zoe", 11, OTHER, 1),
        ]
    ):
        created = BEGIN + day * DAY + number
        timing = Timing(float(number), None, 9.0)
        row = replace(SPEND, id=f"r{number}", created_at=created, target=target, cost=cost, timing=timing)
        store.usage.record(owner, row)
    return store


def test_the_lines_of_all_are_those_of_each_together(filled):
    each = filled.usage.daily_by_user([SPAN])
    assert [(owner, line.day.day, line.target.model, line.total.cost) for owner, line in each] == [
        ("ann", 1, "m", 5),
        ("bob", 1, "m", 100),
        ("ann", 1, "n", 7),
        ("eve", 5, "n", 1),
        ("bob", 10, "m", 0),
    ]
    for owner in ("ann", "bob", "eve"):
        assert [line for whose, line in each if whose == owner] == filled.usage.daily(owner, [SPAN])
    every = filled.usage.daily(None, [SPAN])
    assert [(line.day.day, line.target.model, line.total.cost) for line in every] == [
        (1, "m", 105),
        (1, "n", 7),
        (5, "n", 1),
        (10, "m", 0),
    ]
    assert every[0].total == to_usage_total(replace(SPEND, cost=5)) + to_usage_total(replace(SPEND, cost=100))
    total = sum((line.total for line in every), UsageTotal())
    assert total == sum(filled.usage.totals_by_user(BEGIN, SPAN.end).values(), UsageTotal())


def test_the_dearest_comes_first_and_only_of_that_time(filled):
    found = filled.usage.totals_by_user(BEGIN, SPAN.end)
    assert [(owner, one.cost, one.request_count, one.unpriced_count) for owner, one in found.items()] == [
        ("bob", 100, 2, 1),
        ("ann", 12, 2, 0),
        ("eve", 1, 1, 0),
    ]
    assert filled.usage.totals_by_user(SPAN.end + 10 * DAY, SPAN.end + 11 * DAY) == {}


def test_the_newest_waits_of_everybody(filled):
    assert filled.usage.first_token_times(None, BEGIN, SPAN.end, 2) == [(SPEND.target, 3.0), (OTHER, 4.0)]


def test_a_failure_that_said_nothing_is_of_no_unknown_cost(store):
    silent = replace(
        SPEND, outcome=Outcome.FAILED, usage=Usage(), timing=Timing(None, None, 1.0), cost=None, price=None
    )
    store.usage.record("ann", silent)
    assert store.usage.totals_by_user(BEGIN, SPAN.end) == {"ann": UsageTotal(1, 1, 0, 0)}
