"""What everybody's requests took is the sum of what each one's took, however it is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.target import Target
from lib.core.usage import Spent, spent
from tests.unit.storage.test_ledger import BEGIN, DAY, SPAN, SPEND

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
        row = replace(SPEND, id=f"r{number}", created=created, target=target, cost=cost, timing=timing)
        store.spend(owner, row)
    return store


def test_the_lines_of_all_are_those_of_each_together(filled):
    each = filled.lines_of_each([SPAN])
    assert [(owner, line.day.day, line.target.model, line.spent.cost) for owner, line in each] == [
        ("ann", 1, "m", 5),
        ("bob", 1, "m", 100),
        ("ann", 1, "n", 7),
        ("eve", 5, "n", 1),
        ("bob", 10, "m", 0),
    ]
    for owner in ("ann", "bob", "eve"):
        assert [line for whose, line in each if whose == owner] == filled.lines(owner, [SPAN])
    every = filled.lines_of_all([SPAN])
    assert [(line.day.day, line.target.model, line.spent.cost) for line in every] == [
        (1, "m", 105),
        (1, "n", 7),
        (5, "n", 1),
        (10, "m", 0),
    ]
    assert every[0].spent == spent(replace(SPEND, cost=5)) + spent(replace(SPEND, cost=100))
    total = sum((line.spent for line in every), Spent())
    assert total == sum(filled.spent_by_each(BEGIN, SPAN.end).values(), Spent())


def test_the_dearest_comes_first_and_only_of_that_time(filled):
    found = filled.spent_by_each(BEGIN, SPAN.end)
    assert [(owner, one.cost, one.requests, one.unknown) for owner, one in found.items()] == [
        ("bob", 100, 2, 1),
        ("ann", 12, 2, 0),
        ("eve", 1, 1, 0),
    ]
    assert filled.spent_by_each(SPAN.end + 10 * DAY, SPAN.end + 11 * DAY) == {}


def test_the_newest_waits_of_everybody(filled):
    assert filled.firsts_of_all(BEGIN, SPAN.end, 2) == [(SPEND.target, 3.0), (OTHER, 4.0)]


def test_a_failure_that_said_nothing_is_of_no_unknown_cost(store):
    silent = replace(
        SPEND, outcome=Outcome.FAILED, usage=Usage(), timing=Timing(None, None, 1.0), cost=None, price=None
    )
    store.spend("ann", silent)
    assert store.spent_by_each(BEGIN, SPAN.end) == {"ann": Spent(1, 1, 0, 0)}
