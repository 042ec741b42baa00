"""Which models a person may use and which limits hold, by the scopes that they are in."""

from __future__ import annotations

import pytest

from lib.core.policy import ALL, EACH, Bound, Limits, Policy, Rule
from lib.core.user import Person

ANN = Person("ann", groups=("sales", "ops"))
FEW, MANY = Limits(requests_minute=Bound(None, 1)), Limits(requests_minute=Bound(None, 9))


@pytest.mark.parametrize(
    ("rules", "may"),
    [
        ({}, {"claude-x", "gpt-x"}),
        ({EACH: Rule(models=("claude-*",))}, {"claude-x"}),
        ({EACH: Rule(models=())}, set()),
        ({EACH: Rule(models=("CLAUDE-*",))}, {"claude-x"}),
        ({EACH: Rule(models=()), "group:ops": Rule(models=("gpt-*",))}, {"gpt-x"}),
        (
            {"group:sales": Rule(models=("claude-*",)), "group:ops": Rule(models=("gpt-*",))},
            {"claude-x", "gpt-x"},
        ),
        ({"group:sales": Rule(models=("*",)), "person:ann": Rule(models=("gpt-x",))}, {"gpt-x"}),
        ({EACH: Rule(models=("gpt-*",)), "person:ann": Rule(MANY)}, {"gpt-x"}),
        ({"group:hr": Rule(models=())}, {"claude-x", "gpt-x"}),
    ],
)
def test_which_models_a_person_may_use(rules, may):
    policy = Policy(rules)
    assert {model for model in ("claude-x", "gpt-x") if policy.may(ANN, model)} == may


@pytest.mark.parametrize(
    ("rules", "limits"),
    [
        ({}, {}),
        ({ALL: Rule(MANY), EACH: Rule(FEW)}, {ALL: MANY, "person:ann": FEW}),
        ({EACH: Rule(FEW), "person:ann": Rule(MANY)}, {"person:ann": MANY}),
        # A person's own models lift no limit.
        ({EACH: Rule(FEW), "person:ann": Rule(models=("gpt-x",))}, {"person:ann": FEW}),
        ({"group:ops": Rule(MANY), "group:hr": Rule(FEW)}, {"group:ops": MANY}),
    ],
)
def test_which_limits_hold_for_a_person(rules, limits):
    assert Policy(rules).limits(ANN) == limits
