"""Allowed models and limits of a user by scope."""

from __future__ import annotations

import pytest

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.user import User

ANN = User("ann", groups=("sales", "ops"))
LOW, HIGH = Limits(requests_minute=Limit(None, 1)), Limits(requests_minute=Limit(None, 9))


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ({}, {"claude-x", "gpt-x"}),
        ({PER_USER_SCOPE: ScopePolicy(model_patterns=("claude-*",))}, {"claude-x"}),
        ({PER_USER_SCOPE: ScopePolicy(model_patterns=())}, set()),
        ({PER_USER_SCOPE: ScopePolicy(model_patterns=("CLAUDE-*",))}, {"claude-x"}),
        (
            {
                PER_USER_SCOPE: ScopePolicy(model_patterns=()),
                "group:ops": ScopePolicy(model_patterns=("gpt-*",)),
            },
            {"gpt-x"},
        ),
        (
            {
                "group:sales": ScopePolicy(model_patterns=("claude-*",)),
                "group:ops": ScopePolicy(model_patterns=("gpt-*",)),
            },
            {"claude-x", "gpt-x"},
        ),
        (
            {
                "group:sales": ScopePolicy(model_patterns=("*",)),
                "person:ann": ScopePolicy(model_patterns=("gpt-x",)),
            },
            {"gpt-x"},
        ),
        (
            {PER_USER_SCOPE: ScopePolicy(model_patterns=("gpt-*",)), "person:ann": ScopePolicy(HIGH)},
            {"gpt-x"},
        ),
        ({"group:hr": ScopePolicy(model_patterns=())}, {"claude-x", "gpt-x"}),
    ],
)
def test_allowed_models_of_a_user(rules, allowed):
    policy = Policy(rules)
    assert {model for model in ("claude-x", "gpt-x") if policy.is_model_allowed(ANN, model)} == allowed


@pytest.mark.parametrize(
    ("rules", "limits"),
    [
        ({}, {}),
        (
            {TEAM_SCOPE: ScopePolicy(HIGH), PER_USER_SCOPE: ScopePolicy(LOW)},
            {TEAM_SCOPE: HIGH, "person:ann": LOW},
        ),
        ({PER_USER_SCOPE: ScopePolicy(LOW), "person:ann": ScopePolicy(HIGH)}, {"person:ann": HIGH}),
        # A user's model patterns remove no limit.
        (
            {PER_USER_SCOPE: ScopePolicy(LOW), "person:ann": ScopePolicy(model_patterns=("gpt-x",))},
            {"person:ann": LOW},
        ),
        ({"group:ops": ScopePolicy(HIGH), "group:hr": ScopePolicy(LOW)}, {"group:ops": HIGH}),
    ],
)
def test_limits_of_a_user(rules, limits):
    assert Policy(rules).limits_for(ANN) == limits


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), False),
        (Limits(cost_day=Limit(5, None)), False),
        (Limits(tokens_day=Limit(None, 5), requests_minute=Limit(None, 1)), False),
        (Limits(cost_day=Limit(None, 0)), True),
        (Limits(cost_month=Limit(1, 5)), True),
    ],
)
def test_hard_cost_limit_of_any_scope(limits, expected):
    assert Policy({"group:sales": ScopePolicy(limits), TEAM_SCOPE: ScopePolicy()}).has_hard_cost_limit() is expected
