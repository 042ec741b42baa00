"""Which models a person may use and which limits hold, by the scopes that they are in."""

from __future__ import annotations

import pytest

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.user import User

ANN = User("ann", groups=("sales", "ops"))
FEW, MANY = Limits(requests_minute=Limit(None, 1)), Limits(requests_minute=Limit(None, 9))


@pytest.mark.parametrize(
    ("rules", "may"),
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
            {PER_USER_SCOPE: ScopePolicy(model_patterns=("gpt-*",)), "person:ann": ScopePolicy(MANY)},
            {"gpt-x"},
        ),
        ({"group:hr": ScopePolicy(model_patterns=())}, {"claude-x", "gpt-x"}),
    ],
)
def test_which_models_a_person_may_use(rules, may):
    policy = Policy(rules)
    assert {model for model in ("claude-x", "gpt-x") if policy.is_model_allowed(ANN, model)} == may


@pytest.mark.parametrize(
    ("rules", "limits"),
    [
        ({}, {}),
        (
            {TEAM_SCOPE: ScopePolicy(MANY), PER_USER_SCOPE: ScopePolicy(FEW)},
            {TEAM_SCOPE: MANY, "person:ann": FEW},
        ),
        ({PER_USER_SCOPE: ScopePolicy(FEW), "person:ann": ScopePolicy(MANY)}, {"person:ann": MANY}),
        # A person's own models lift no limit.
        (
            {PER_USER_SCOPE: ScopePolicy(FEW), "person:ann": ScopePolicy(model_patterns=("gpt-x",))},
            {"person:ann": FEW},
        ),
        ({"group:ops": ScopePolicy(MANY), "group:hr": ScopePolicy(FEW)}, {"group:ops": MANY}),
    ],
)
def test_which_limits_hold_for_a_person(rules, limits):
    assert Policy(rules).limits_for(ANN) == limits
