"""What a person may send by what the team has settled, what is left of it, and what is warned of."""

from __future__ import annotations

from typing import Any

import pytest

from lib.chat.usage.limits import Guard
from lib.core import errors
from lib.core.conversation import Usage
from lib.core.policy import ALL, EACH, Bound, Limits, Policy, Rule
from lib.core.quota import current
from lib.core.user import Person
from tests.unit.chat.usage.limited import ANN, NOON, priced


def guard_of(store: Any, rules_: dict[str, Limits]) -> Guard:
    rules_of = {scope: Rule(limits) for scope, limits in rules_.items()}
    return Guard(ANN, Policy(rules_of), store, priced, lambda: NOON)


def test_a_refusal_says_which_limit_holds_longest_and_until_when(store):
    guard = guard_of(
        store,
        {
            ALL: Limits(tokens_day=Bound(hard=1500)),
            "group:sales": Limits(tokens_month=Bound(hard=1600)),
            "person:ann": Limits(requests_minute=Bound(hard=9)),
        },
    )
    guard.reserve("r", "m", Usage(1000, 400))
    with pytest.raises(errors.OverLimit) as refused:
        guard.reserve("s", "m", Usage(1000, 100))
    told = refused.value
    assert (told.scope, told.name, told.hard, told.left) == ("group:sales", "tokens_month", 1600, 200)
    assert (told.needed, told.wait) == (1100, told.resets - NOON)
    assert told.resets == current("all", "cost_month", NOON).resets
    # No waiting helps against a bound that is too small for it.
    with pytest.raises(errors.OverLimit) as refused:
        guard.reserve("s", "m", Usage(1000, 550))
    assert (refused.value.scope, refused.value.wait) == (ALL, None)


def test_everybody_and_each_group_is_counted_beside_the_person(store):
    limits = Limits(tokens_day=Bound(soft=100, hard=5000))
    guard = guard_of(store, dict.fromkeys((ALL, "group:sales", "group:support", "group:other", EACH), limits))
    guard.reserve("r", "m", Usage(90, 9))
    assert [(one.kind, one.group, one.used) for one in guard.left()] == [
        ("person", "", 99),
        ("group", "sales", 99),
        ("group", "support", 99),
        ("all", "", 99),
    ]
    assert guard.warnings() == []
    bob = Guard(Person("bob", groups=("sales",)), guard._policy, store, priced, lambda: NOON)
    bob.reserve("s", "m", Usage(1, 0))
    assert [(one.kind, one.group, one.used) for one in bob.left()] == [
        ("person", "", 1),
        ("group", "sales", 100),
        ("all", "", 100),
    ]
    assert [(one.kind, one.share) for one in bob.warnings()] == [("group", 0.02), ("all", 0.02)]


@pytest.mark.parametrize(
    ("bound", "share", "warned"),
    [
        (Bound(soft=80, hard=100), 0.9, True),
        (Bound(soft=91, hard=100), 0.9, False),
        (Bound(soft=90), 1.0, True),
        (Bound(hard=90), 1.0, False),
        (Bound(soft=0), 1.0, True),
    ],
)
def test_a_soft_bound_warns_from_its_own_amount_on(store, bound, share, warned):
    guard = guard_of(store, {EACH: Limits(tokens_month=bound)})
    guard.reserve("r", "m", Usage(40, 50))
    assert [one.share for one in guard.left()] == [share]
    assert bool(guard.warnings()) == warned


def test_a_soft_bound_on_money_refuses_nothing_of_unknown_price(store):
    guard = guard_of(store, {EACH: Limits(cost_day=Bound(soft=5))})
    guard.reserve("r", "unpriced", Usage(40, 50))
    assert [one.used for one in guard.left()] == [0]


def test_tomorrow_all_of_it_is_there_again(store):
    clock = [NOON]
    policy = Policy({EACH: Rule(Limits(tokens_day=Bound(hard=100)))})
    guard = Guard(ANN, policy, store, priced, lambda: clock[0])
    guard.reserve("r", "m", Usage(100, 0))
    with pytest.raises(errors.OverLimit) as refused:
        guard.reserve("s", "m", Usage(1, 0))
    clock[0] += refused.value.wait
    guard.reserve("s", "m", Usage(100, 0))
    assert [one.used for one in guard.left()] == [100]
