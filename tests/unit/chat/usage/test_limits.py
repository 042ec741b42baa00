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
from tests.unit.chat.usage.limited import ANN, NOON, find_price


def build_enforcer(store: Any, limits_by_scope: dict[str, Limits]) -> LimitEnforcer:
    policies = {scope: ScopePolicy(limits) for scope, limits in limits_by_scope.items()}
    return LimitEnforcer(ANN, Policy(policies), store.quotas, find_price, lambda: NOON)


def test_a_refusal_names_the_limit_that_resets_last(store):
    enforcer = build_enforcer(
        store,
        {
            TEAM_SCOPE: Limits(tokens_day=Limit(hard=1500)),
            "group:sales": Limits(tokens_month=Limit(hard=1600)),
            "person:ann": Limits(requests_minute=Limit(hard=9)),
        },
    )
    enforcer.reserve("r", "m", Usage(1000, 400))
    with pytest.raises(errors.LimitExceededError) as caught:
        enforcer.reserve("s", "m", Usage(1000, 100))
    error = caught.value
    assert (error.scope, error.limit_name, error.hard_limit, error.remaining) == (
        "group:sales",
        "tokens_month",
        1600,
        200,
    )
    assert (error.requested, error.retry_after) == (1100, error.resets_at - NOON)
    assert error.resets_at == current_counter("all", "cost_month", NOON).resets_at
    # A request larger than the limit has no retry time.
    with pytest.raises(errors.LimitExceededError) as caught:
        enforcer.reserve("s", "m", Usage(1000, 550))
    assert (caught.value.scope, caught.value.retry_after) == (TEAM_SCOPE, None)


def test_usage_is_counted_for_user_groups_and_team(store):
    limits = Limits(tokens_day=Limit(soft=100, hard=5000))
    enforcer = build_enforcer(
        store,
        dict.fromkeys((TEAM_SCOPE, "group:sales", "group:support", "group:other", PER_USER_SCOPE), limits),
    )
    enforcer.reserve("r", "m", Usage(90, 9))
    assert [(status.scope_kind, status.group_name, status.used) for status in enforcer.limit_statuses()] == [
        ("person", "", 99),
        ("group", "sales", 99),
        ("group", "support", 99),
        ("all", "", 99),
    ]
    assert enforcer.warnings() == []
    bob = LimitEnforcer(User("bob", groups=("sales",)), enforcer._policy, store.quotas, find_price, lambda: NOON)
    bob.reserve("s", "m", Usage(1, 0))
    assert [(status.scope_kind, status.group_name, status.used) for status in bob.limit_statuses()] == [
        ("person", "", 1),
        ("group", "sales", 100),
        ("all", "", 100),
    ]
    assert [(status.scope_kind, status.usage_ratio) for status in bob.warnings()] == [
        ("group", 0.02),
        ("all", 0.02),
    ]


@pytest.mark.parametrize(
    ("limit", "ratio", "has_warning"),
    [
        (Limit(soft=80, hard=100), 0.9, True),
        (Limit(soft=91, hard=100), 0.9, False),
        (Limit(soft=90), 1.0, True),
        (Limit(hard=90), 1.0, False),
        (Limit(soft=0), 1.0, True),
    ],
)
def test_a_soft_limit_warns_from_its_amount(store, limit, ratio, has_warning):
    enforcer = build_enforcer(store, {PER_USER_SCOPE: Limits(tokens_month=limit)})
    enforcer.reserve("r", "m", Usage(40, 50))
    assert [status.usage_ratio for status in enforcer.limit_statuses()] == [ratio]
    assert bool(enforcer.warnings()) == has_warning


def test_a_soft_cost_limit_allows_models_of_unknown_price(store):
    enforcer = build_enforcer(store, {PER_USER_SCOPE: Limits(cost_day=Limit(soft=5))})
    enforcer.reserve("r", "unpriced", Usage(40, 50))
    assert [status.used for status in enforcer.limit_statuses()] == [0]


def test_a_daily_limit_resets_the_next_day(store):
    clock = [NOON]
    policy = Policy({PER_USER_SCOPE: ScopePolicy(Limits(tokens_day=Limit(hard=100)))})
    enforcer = LimitEnforcer(ANN, policy, store.quotas, find_price, lambda: clock[0])
    enforcer.reserve("r", "m", Usage(100, 0))
    with pytest.raises(errors.LimitExceededError) as caught:
        enforcer.reserve("s", "m", Usage(1, 0))
    clock[0] += caught.value.retry_after
    enforcer.reserve("s", "m", Usage(100, 0))
    assert [status.used for status in enforcer.limit_statuses()] == [100]
