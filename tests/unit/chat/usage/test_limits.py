"""Enforcement of limits: refusals, statuses and warnings."""

from __future__ import annotations

from typing import Any

import pytest

from lib.chat.usage.limits import LimitEnforcer
from lib.core import errors
from lib.core.conversation import Usage
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.quota import current_counter
from lib.core.user import User
from tests.unit.chat.usage.limited import ANN, NOON, priced


def guard_of(store: Any, rules_: dict[str, Limits]) -> LimitEnforcer:
    rules_of = {scope: ScopePolicy(limits) for scope, limits in rules_.items()}
    return LimitEnforcer(ANN, Policy(rules_of), store.quotas, priced, lambda: NOON)


def test_a_refusal_says_which_limit_holds_longest_and_until_when(store):
    guard = guard_of(
        store,
        {
            TEAM_SCOPE: Limits(tokens_day=Limit(hard=1500)),
            "group:sales": Limits(tokens_month=Limit(hard=1600)),
            "person:ann": Limits(requests_minute=Limit(hard=9)),
        },
    )
    guard.reserve("r", "m", Usage(1000, 400))
    with pytest.raises(errors.LimitExceededError) as refused:
        guard.reserve("s", "m", Usage(1000, 100))
    told = refused.value
    assert (told.scope, told.limit_name, told.hard_limit, told.remaining) == (
        "group:sales",
        "tokens_month",
        1600,
        200,
    )
    assert (told.requested, told.retry_after) == (1100, told.resets_at - NOON)
    assert told.resets_at == current_counter("all", "cost_month", NOON).resets_at
    # No waiting helps against a bound that is too small for it.
    with pytest.raises(errors.LimitExceededError) as refused:
        guard.reserve("s", "m", Usage(1000, 550))
    assert (refused.value.scope, refused.value.retry_after) == (TEAM_SCOPE, None)


def test_everybody_and_each_group_is_counted_beside_the_person(store):
    limits = Limits(tokens_day=Limit(soft=100, hard=5000))
    guard = guard_of(
        store,
        dict.fromkeys((TEAM_SCOPE, "group:sales", "group:support", "group:other", PER_USER_SCOPE), limits),
    )
    guard.reserve("r", "m", Usage(90, 9))
    assert [(one.scope_kind, one.group_name, one.used) for one in guard.limit_statuses()] == [
        ("person", "", 99),
        ("group", "sales", 99),
        ("group", "support", 99),
        ("all", "", 99),
    ]
    assert guard.warnings() == []
    bob = LimitEnforcer(User("bob", groups=("sales",)), guard._policy, store.quotas, priced, lambda: NOON)
    bob.reserve("s", "m", Usage(1, 0))
    assert [(one.scope_kind, one.group_name, one.used) for one in bob.limit_statuses()] == [
        ("person", "", 1),
        ("group", "sales", 100),
        ("all", "", 100),
    ]
    assert [(one.scope_kind, one.usage_ratio) for one in bob.warnings()] == [("group", 0.02), ("all", 0.02)]


@pytest.mark.parametrize(
    ("bound", "share", "warned"),
    [
        (Limit(soft=80, hard=100), 0.9, True),
        (Limit(soft=91, hard=100), 0.9, False),
        (Limit(soft=90), 1.0, True),
        (Limit(hard=90), 1.0, False),
        (Limit(soft=0), 1.0, True),
    ],
)
def test_a_soft_bound_warns_from_its_own_amount_on(store, bound, share, warned):
    guard = guard_of(store, {PER_USER_SCOPE: Limits(tokens_month=bound)})
    guard.reserve("r", "m", Usage(40, 50))
    assert [one.usage_ratio for one in guard.limit_statuses()] == [share]
    assert bool(guard.warnings()) == warned


def test_a_soft_bound_on_money_refuses_nothing_of_unknown_price(store):
    guard = guard_of(store, {PER_USER_SCOPE: Limits(cost_day=Limit(soft=5))})
    guard.reserve("r", "unpriced", Usage(40, 50))
    assert [one.used for one in guard.limit_statuses()] == [0]


def test_tomorrow_all_of_it_is_there_again(store):
    clock = [NOON]
    policy = Policy({PER_USER_SCOPE: ScopePolicy(Limits(tokens_day=Limit(hard=100)))})
    guard = LimitEnforcer(ANN, policy, store.quotas, priced, lambda: clock[0])
    guard.reserve("r", "m", Usage(100, 0))
    with pytest.raises(errors.LimitExceededError) as refused:
        guard.reserve("s", "m", Usage(1, 0))
    clock[0] += refused.value.retry_after
    guard.reserve("s", "m", Usage(100, 0))
    assert [one.used for one in guard.limit_statuses()] == [100]
