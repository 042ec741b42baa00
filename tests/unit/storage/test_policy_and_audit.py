"""Policy and audit: a change and its audit event commit together; damaged rows are skipped."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core.errors import StoreError
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, ScopePolicy
from lib.core.pricing import Price
from lib.core.prompts import Prompt
from lib.core.target import Target, parse_target
from lib.core.user import User, UserRecord
from lib.storage import audit as audit_module
from lib.storage import policy as policy_module
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.schema.tables import audit, policy
from lib.storage.store import Store

ROOT = User("proxy:root", "Root 根", "root@example.org", is_admin=True)
LIMITS = Limits(requests_minute=Limit(None, 5), cost_month=Limit(2**60, 2**61))
TARGET = Target("claude-x", "anthropic")


def insert_policy_row(store: Store, name: str, value: Any) -> None:
    with write_transaction(store._engine) as connection:
        row = {"name": name, "value": value, "changed": 1.0, "by": "x"}
        connection.execute(sa.insert(policy).values(row))


def read_policy_value(store: Store, name: str) -> Any:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(policy.c.value).where(policy.c.name == name))


def test_the_initial_policy_is_empty(store):
    assert store.policy.load() == Policy()


PRICE = Price(Decimal("2.50"), Decimal(10), Decimal("0.25"), reasoning=Decimal(20))


def test_a_price_is_stored_with_its_date_and_author_and_audited(store, url):
    before = time.time()
    store.policy.set_price(ROOT, "our/model:1", PRICE)
    store.policy.set_price(ROOT, "other", Price(Decimal(1), Decimal(2)))
    store.policy.set_price(ROOT, "other", None)
    reopened = Store(url)
    ((model, price),) = reopened.policy.load().prices.items()
    reopened.close()
    assert (model, price.price, price.author_id) == ("our/model:1", PRICE, ROOT.id)
    assert before <= price.changed_at <= time.time()
    events = [(event.action, event.resource, event.details.get("input")) for event in store.audit.page(9)]
    assert events == [("price_deleted", "other", None), ("price", "other", "1"), ("price", "our/model:1", "2.50")]


@pytest.mark.parametrize(
    "value", [None, [], {}, "2", {"input": "1"}, {"input": "-1", "output": "1"}, {"input": "NaN", "output": "1"}]
)
def test_a_damaged_price_is_skipped(store, value):
    insert_policy_row(store, "price:m", value)
    store.policy.set_price(ROOT, "n", PRICE)
    assert list(store.policy.load().prices) == ["n"]


def test_a_saved_policy_is_read_after_a_restart(store, url):
    store.policy.set_limits(ROOT, TEAM_SCOPE, LIMITS)
    store.policy.set_allowed_models(ROOT, "group:sales", ["claude-*", "gpt-4?"])
    store.policy.set_allowed_models(ROOT, "person:proxy:ann", [])
    store.policy.set_default_target(ROOT, TARGET)
    reopened = Store(url)
    assert reopened.policy.load() == Policy(
        {
            TEAM_SCOPE: ScopePolicy(LIMITS),
            "group:sales": ScopePolicy(model_patterns=("claude-*", "gpt-4?")),
            "person:proxy:ann": ScopePolicy(model_patterns=()),
        },
        TARGET,
    )
    reopened.close()


def test_limits_and_models_of_a_scope_are_independent(store):
    store.policy.set_limits(ROOT, PER_USER_SCOPE, LIMITS)
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, ["a*"])
    assert store.policy.load().scopes[PER_USER_SCOPE] == ScopePolicy(LIMITS, ("a*",))
    store.policy.set_limits(ROOT, PER_USER_SCOPE, Limits())
    assert store.policy.load().scopes[PER_USER_SCOPE] == ScopePolicy(model_patterns=("a*",))
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, None)
    assert store.policy.load() == Policy()
    store.policy.set_default_target(ROOT, TARGET)
    store.policy.set_default_target(ROOT, None)
    assert store.policy.load() == Policy()


def test_unknown_fields_are_ignored_and_preserved(store):
    insert_policy_row(store, "rule:all", {"limits": {"flights_day": {"hard": 1}}, "colour": "red", "models": None})
    insert_policy_row(store, "weather", [1])
    assert store.policy.load() == Policy({TEAM_SCOPE: ScopePolicy()})
    store.policy.set_allowed_models(ROOT, TEAM_SCOPE, ["m"])
    assert store.policy.load().scopes[TEAM_SCOPE].model_patterns == ("m",)
    assert read_policy_value(store, "rule:all") == {
        "limits": {"flights_day": {"hard": 1}},
        "colour": "red",
        "models": ["m"],
    }
    assert read_policy_value(store, "weather") == [1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("broken", ScopePolicy()),
        ({"limits": [1], "models": None}, ScopePolicy()),
        ({"limits": {"cost_day": {"soft": -1, "hard": "9"}}}, ScopePolicy()),
        ({"limits": {"cost_day": {"soft": True, "hard": 9}}}, ScopePolicy(Limits(cost_day=Limit(None, 9)))),
        # Damaged model patterns allow no model.
        ({"models": "claude-*"}, ScopePolicy(model_patterns=())),
        ({"models": ["a*", 7, None]}, ScopePolicy(model_patterns=("a*",))),
    ],
)
def test_damaged_entries_are_skipped(store, value, expected):
    insert_policy_row(store, "rule:each", value)
    insert_policy_row(store, "default", {"model": "m", "wire": "pigeon"})
    assert store.policy.load() == Policy({PER_USER_SCOPE: expected})


json_values = some.recursive(
    some.none() | some.booleans() | some.integers(-9, 2**70) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(some.dictionaries(some.sampled_from(["limits", "models", "soft", "cost_day"]), json_values), json_values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_value_is_read_as_a_policy(value, other):
    scope_policy = policy_module._scope_policy_from_json({**value, "limits": {"cost_day": value}})
    assert isinstance(scope_policy, ScopePolicy) and isinstance(scope_policy.limits.cost_day, Limit)
    assert isinstance(parse_target(other, value), Target | None)


def test_each_change_has_an_audit_event(store):
    store.policy.set_limits(ROOT, TEAM_SCOPE, Limits(cost_day=Limit(1, 2)))
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, ["claude-*"])
    store.policy.set_default_target(ROOT, TARGET)
    store.prompts.save_team(ROOT, Prompt("p", "persona", "Secret name", text="Secret text"))
    store.prompts.delete_team(ROOT, "p")
    store.prompts.delete_team(ROOT, "no-such")
    store.users.revoke_sessions(ROOT, "oidc:ann", 5.0)
    events = store.audit.page(9)
    assert [(event.action, event.resource) for event in reversed(events)] == [
        ("limits", TEAM_SCOPE),
        ("models", PER_USER_SCOPE),
        ("default", "claude-x"),
        ("prompt", "p"),
        ("prompt_deleted", "p"),
        ("put_out", "oidc:ann"),
    ]
    assert {(event.actor_id, event.actor_name) for event in events} == {(ROOT.id, ROOT.name)}
    assert events[-1].details == {"cost_day": {"soft": 1, "hard": 2}}
    assert events[-2].details == {"patterns": ["claude-*"]}
    assert "Secret" not in str(events)
    assert store.users.revoked_before("oidc:ann") == 5.0


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.policy.set_limits(ROOT, TEAM_SCOPE, LIMITS),
        lambda store: store.policy.set_allowed_models(ROOT, TEAM_SCOPE, []),
        lambda store: store.policy.set_default_target(ROOT, TARGET),
        lambda store: store.prompts.save_team(ROOT, Prompt("p", "prompt", "x", text="x")),
        lambda store: store.users.revoke_sessions(ROOT, "oidc:ann", 5.0),
    ],
)
def test_a_change_without_its_audit_event_is_rolled_back(store, change):
    with write_transaction(store._engine) as connection:
        audit.drop(connection)
    with pytest.raises(StoreError):
        change(store)
    assert store.policy.load() == Policy()
    assert store.prompts.summaries("ann") == []
    assert store.users.revoked_before("oidc:ann") == 0.0


def test_audit_events_are_paginated_newest_first(store):
    for number in range(7):
        store.audit.record(ROOT, "export" if number % 2 else "share", f"o{number}", count=number)
    pages, cursor = [], None
    while page := store.audit.page(3, cursor=cursor):
        pages.append([event.resource for event in page])
        cursor = page[-1]
    assert pages == [["o6", "o5", "o4"], ["o3", "o2", "o1"], ["o0"]]
    assert [event.resource for event in store.audit.page(9, "export")] == ["o5", "o3", "o1"]
    assert [event.resource for event in store.audit.page(9, "export", store.audit.page(1, "export")[0])] == [
        "o3",
        "o1",
    ]
    assert store.audit.page(9)[0].details == {"count": 6}


def test_audit_events_with_equal_timestamps_are_each_on_one_page(store, monkeypatch):
    monkeypatch.setattr(audit_module.time, "time", lambda: 5.0)
    for number in range(5):
        store.audit.record(ROOT, "export", f"o{number}")
    first = store.audit.page(2)
    rest = store.audit.page(9, cursor=first[-1])
    assert {event.resource for event in (*first, *rest)} == {f"o{number}" for number in range(5)}
    assert len(first) + len(rest) == 5


def test_old_audit_events_are_purged(store, monkeypatch):
    store.audit.record(ROOT, "export", "old")
    later = time.time() + 100
    monkeypatch.setattr(audit_module.time, "time", lambda: later)
    store.audit.record(ROOT, "export", "new")
    assert store.audit.purge(50) == 1
    assert [event.resource for event in store.audit.page(9)] == ["new"]


def test_deleting_a_user_removes_the_name_from_the_audit_log(store):
    store.audit.record(User("ann", "Ann", "ann@example.org"), "export")
    store.audit.record(replace(ROOT, name=""), "put_out", "ann")
    store.users.delete_data("ann")
    assert [(event.actor_id, event.actor_name) for event in store.audit.page(9)] == [
        (ROOT.id, ROOT.email),
        ("ann", ""),
    ]


def test_users_are_listed_by_last_visit_without_unseen_ones(store):
    store.users.upsert(User("oidc:ann", "Ann", "ann@example.org"))
    store.users.upsert(ROOT)
    store.users.sign_out_everywhere("oidc:ghost", 1.0)
    store.users.sign_out_everywhere("oidc:ann", 2.0)
    users = store.users.all()
    assert [(user.id, user.name, user.email, user.revoked_before) for user in users] == [
        (ROOT.id, ROOT.name, ROOT.email, 0.0),
        ("oidc:ann", "Ann", "ann@example.org", 2.0),
    ]
    assert all(isinstance(user, UserRecord) and user.last_seen_at > 0 for user in users)
    store.users.delete_data("oidc:ann")
    assert [user.id for user in store.users.all()] == [ROOT.id]
