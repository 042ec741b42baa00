"""Usage of all users is the sum of the usage of each user."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.reconciliation import RecordedRequest
from lib.core.target import Target
from lib.core.usage import UsageTotal, to_usage_total
from tests.unit.storage.test_usage import DAY, DAY_RANGE, RECORD, START

OTHER_TARGET = Target("n", "anthropic")


@pytest.fixture
def store_of_three_users(store):
    """Requests of three users on three days, and one outside the range."""
    for number, (owner, day, target, cost) in enumerate(
        [
            ("ann", 0, RECORD.target, 5),
            ("ann", 0, OTHER_TARGET, 7),
            ("bob", 0, RECORD.target, 100),
            ("bob", 9, RECORD.target, None),
            ("eve", 4, OTHER_TARGET, 1),
            ("zoe", 11, OTHER_TARGET, 1),
        ]
    ):
        created = START + day * DAY + number
        timing = Timing(float(number), None, 9.0)
        record = replace(RECORD, id=f"r{number}", created_at=created, target=target, cost=cost, timing=timing)
        store.usage.record(owner, record)
    return store


def test_daily_usage_of_all_users_is_the_sum_of_each_user(store_of_three_users):
    usage_by_user = store_of_three_users.usage.daily_by_user([DAY_RANGE])
    assert [(owner, daily.day.day, daily.target.model, daily.total.cost) for owner, daily in usage_by_user] == [
        ("ann", 1, "m", 5),
        ("bob", 1, "m", 100),
        ("ann", 1, "n", 7),
        ("eve", 5, "n", 1),
        ("bob", 10, "m", 0),
    ]
    for owner in ("ann", "bob", "eve"):
        assert [daily for user, daily in usage_by_user if user == owner] == store_of_three_users.usage.daily(
            owner, [DAY_RANGE]
        )
    usage_of_all = store_of_three_users.usage.daily(None, [DAY_RANGE])
    assert [(daily.day.day, daily.target.model, daily.total.cost) for daily in usage_of_all] == [
        (1, "m", 105),
        (1, "n", 7),
        (5, "n", 1),
        (10, "m", 0),
    ]
    assert usage_of_all[0].total == to_usage_total(replace(RECORD, cost=5)) + to_usage_total(replace(RECORD, cost=100))
    total = sum((daily.total for daily in usage_of_all), UsageTotal())
    assert total == sum(store_of_three_users.usage.totals_by_user(START, DAY_RANGE.end).values(), UsageTotal())


def test_totals_by_user_are_sorted_by_cost_and_limited_to_the_range(store_of_three_users):
    totals = store_of_three_users.usage.totals_by_user(START, DAY_RANGE.end)
    assert [(owner, total.cost, total.request_count, total.unpriced_count) for owner, total in totals.items()] == [
        ("bob", 100, 2, 1),
        ("ann", 12, 2, 0),
        ("eve", 1, 1, 0),
    ]
    assert store_of_three_users.usage.totals_by_user(DAY_RANGE.end + 10 * DAY, DAY_RANGE.end + 11 * DAY) == {}


def test_first_token_times_of_all_users_are_those_of_the_newest_requests(store_of_three_users):
    assert store_of_three_users.usage.first_token_times(None, START, DAY_RANGE.end, 2) == [
        (RECORD.target, 3.0),
        (OTHER_TARGET, 4.0),
    ]


def test_a_failed_request_without_output_has_a_known_cost_of_zero(store):
    failed = replace(
        RECORD, outcome=Outcome.FAILED, usage=Usage(), timing=Timing(None, None, 1.0), cost=None, price=None
    )
    store.usage.record("ann", failed)
    assert store.usage.totals_by_user(START, DAY_RANGE.end) == {"ann": UsageTotal(1, 1, 0, 0)}


def test_requests_of_all_users_are_read_newest_first(store_of_three_users):
    failure = replace(
        RECORD,
        id="f",
        created_at=START + 9 * DAY + 50,
        usage=Usage(),
        timing=Timing(None, None, 1.0),
        outcome=Outcome.FAILED,
        request_id="req-f",
        cost=None,
    )
    store_of_three_users.usage.record("ann", failure)
    requests = store_of_three_users.usage.requests(START, START + 10 * DAY, 9)
    assert [request.id for request in requests] == ["f", "r3", "r4", "r2", "r1", "r0"]
    assert requests[0] == RecordedRequest(
        "f", "req-f", "m", failure.created_at, 1.0, None, None, None, failed_before_output=True
    )
    assert requests[-1] == RecordedRequest("r0", RECORD.request_id, "m", START, 9.0, 10, 5, 5)
    assert [request.id for request in store_of_three_users.usage.requests(START, START + 10 * DAY, 2)] == ["f", "r3"]
    assert store_of_three_users.usage.requests(0.0, START, 9) == []
