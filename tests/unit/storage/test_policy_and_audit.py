"""Policy and audit: a change and its audit event commit together; damaged rows are skipped."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core.errors import StoreError
from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, Limit, Limits, Policy, Prompt, ScopePolicy
from lib.core.target import Target
from lib.core.user import User, UserRecord
from lib.storage import audit as audit_module
from lib.storage import policy as policy_module
from lib.storage.engine import read_transaction, write_transaction
from lib.storage.schema import audit, policy
from lib.storage.store import Store

ROOT = User("proxy:root", "Root 根", "root@example.org", is_admin=True)
LIMITS = Limits(requests_minute=Limit(None, 5), cost_month=Limit(2**60, 2**61))
TARGET = Target("claude-x", "anthropic")


def put(store: Store, name: str, value: Any) -> None:
    with write_transaction(store._engine) as connection:
        row = {"name": name, "value": value, "changed": 1.0, "by": "x"}
        connection.execute(sa.insert(policy).values(row))


def raw(store: Store, name: str) -> Any:
    with read_transaction(store._engine) as connection:
        return connection.scalar(sa.select(policy.c.value).where(policy.c.name == name))


def test_nothing_is_settled_at_first(store):
    assert store.policy.load() == Policy()


def test_what_is_settled_is_read_again(store, url):
    store.policy.set_limits(ROOT, TEAM_SCOPE, LIMITS)
    store.policy.set_allowed_models(ROOT, "group:sales", ["claude-*", "gpt-4?"])
    store.policy.set_allowed_models(ROOT, "person:proxy:ann", [])
    store.policy.set_default_target(ROOT, TARGET)
    store.policy.set_prompt(ROOT, "", Prompt("Brief 简", "Be brief.\n简短。"))
    again = Store(url)
    assert again.policy.load() == Policy(
        {
            TEAM_SCOPE: ScopePolicy(LIMITS),
            "group:sales": ScopePolicy(model_patterns=("claude-*", "gpt-4?")),
            "person:proxy:ann": ScopePolicy(model_patterns=()),
        },
        TARGET,
        (Prompt("Brief 简", "Be brief.\n简短。"),),
    )
    again.close()


def test_limits_and_models_of_a_scope_leave_each_other_alone(store):
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


def test_prompts_keep_their_order_through_a_change(store):
    for name in ("one", "two", "three"):
        store.policy.set_prompt(ROOT, "", Prompt(name, name))
    store.policy.set_prompt(ROOT, "two", Prompt("zwei", "2"))
    store.policy.set_prompt(ROOT, "one", None)
    store.policy.set_prompt(ROOT, "one", None)
    assert store.policy.load().prompts == (Prompt("zwei", "2"), Prompt("three", "three"))


def test_what_nobody_knows_here_is_left_out_and_stays_through_a_change(store):
    put(store, "rule:all", {"limits": {"flights_day": {"hard": 1}}, "colour": "red", "models": None})
    put(store, "weather", [1])
    assert store.policy.load() == Policy({TEAM_SCOPE: ScopePolicy()})
    store.policy.set_allowed_models(ROOT, TEAM_SCOPE, ["m"])
    assert store.policy.load().scopes[TEAM_SCOPE].model_patterns == ("m",)
    assert raw(store, "rule:all") == {
        "limits": {"flights_day": {"hard": 1}},
        "colour": "red",
        "models": ["m"],
    }
    assert raw(store, "weather") == [1]


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("broken", ScopePolicy()),
        ({"limits": [1], "models": None}, ScopePolicy()),
        ({"limits": {"cost_day": {"soft": -1, "hard": "9"}}}, ScopePolicy()),
        ({"limits": {"cost_day": {"soft": True, "hard": 9}}}, ScopePolicy(Limits(cost_day=Limit(None, 9)))),
        # What was closed does not open.
        ({"models": "claude-*"}, ScopePolicy(model_patterns=())),
        ({"models": ["a*", 7, None]}, ScopePolicy(model_patterns=("a*",))),
    ],
)
def test_damaged_entries_are_left_out(store, value, rule):
    put(store, "rule:each", value)
    put(store, "default", {"model": "m", "wire": "pigeon"})
    put(store, "prompts", [{"name": "x"}, 3, {"name": "y", "text": "Y", "more": 1}])
    assert store.policy.load() == Policy({PER_USER_SCOPE: rule}, None, (Prompt("y", "Y"),))


json = some.recursive(
    some.none() | some.booleans() | some.integers(-9, 2**70) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(some.dictionaries(some.sampled_from(["limits", "models", "soft", "cost_day"]), json), json)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_value_makes_the_policy_unreadable(value, other):
    rule = policy_module._scope_policy_from_json({**value, "limits": {"cost_day": value}})
    assert isinstance(rule, ScopePolicy) and isinstance(rule.limits.cost_day, Limit)
    assert isinstance(policy_module._target_from_json(other), Target | None)
    assert all(isinstance(one, Prompt) for one in policy_module._prompts_from_json(other))


def test_each_change_is_told_of(store):
    store.policy.set_limits(ROOT, TEAM_SCOPE, Limits(cost_day=Limit(1, 2)))
    store.policy.set_allowed_models(ROOT, PER_USER_SCOPE, ["claude-*"])
    store.policy.set_default_target(ROOT, TARGET)
    store.policy.set_prompt(ROOT, "", Prompt("Secret name", "Secret text"))
    store.policy.set_prompt(ROOT, "Secret name", None)
    store.users.revoke_sessions(ROOT, "oidc:ann", 5.0)
    found = store.audit.page(9)
    assert [(act.action, act.resource) for act in reversed(found)] == [
        ("limits", TEAM_SCOPE),
        ("models", PER_USER_SCOPE),
        ("default", "claude-x"),
        ("prompt", ""),
        ("prompt_deleted", ""),
        ("put_out", "oidc:ann"),
    ]
    assert {(act.actor_id, act.actor_name) for act in found} == {(ROOT.id, ROOT.name)}
    assert found[-1].details == {"cost_day": {"soft": 1, "hard": 2}}
    assert found[-2].details == {"patterns": ["claude-*"]}
    assert "Secret" not in str(found)
    assert store.users.revoked_before("oidc:ann") == 5.0


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.policy.set_limits(ROOT, TEAM_SCOPE, LIMITS),
        lambda store: store.policy.set_allowed_models(ROOT, TEAM_SCOPE, []),
        lambda store: store.policy.set_default_target(ROOT, TARGET),
        lambda store: store.policy.set_prompt(ROOT, "", Prompt("x", "x")),
        lambda store: store.users.revoke_sessions(ROOT, "oidc:ann", 5.0),
    ],
)
def test_what_cannot_be_told_of_is_not_done(store, change):
    with write_transaction(store._engine) as connection:
        audit.drop(connection)
    with pytest.raises(StoreError):
        change(store)
    assert store.policy.load() == Policy()
    assert store.users.revoked_before("oidc:ann") == 0.0


def test_acts_come_newest_first_page_by_page(store):
    for number in range(7):
        store.audit.record(ROOT, "export" if number % 2 else "share", f"o{number}", count=number)
    pages, before = [], None
    while page := store.audit.page(3, cursor=before):
        pages.append([act.resource for act in page])
        before = page[-1]
    assert pages == [["o6", "o5", "o4"], ["o3", "o2", "o1"], ["o0"]]
    assert [act.resource for act in store.audit.page(9, "export")] == ["o5", "o3", "o1"]
    assert [act.resource for act in store.audit.page(9, "export", store.audit.page(1, "export")[0])] == [
        "o3",
        "o1",
    ]
    assert store.audit.page(9)[0].details == {"count": 6}


def test_acts_of_the_same_moment_are_each_on_one_page(store, monkeypatch):
    monkeypatch.setattr(audit_module.time, "time", lambda: 5.0)
    for number in range(5):
        store.audit.record(ROOT, "export", f"o{number}")
    first = store.audit.page(2)
    rest = store.audit.page(9, cursor=first[-1])
    assert {act.resource for act in (*first, *rest)} == {f"o{number}" for number in range(5)}
    assert len(first) + len(rest) == 5


def test_old_acts_are_purged(store, monkeypatch):
    store.audit.record(ROOT, "export", "old")
    later = time.time() + 100
    monkeypatch.setattr(audit_module.time, "time", lambda: later)
    store.audit.record(ROOT, "export", "new")
    assert store.audit.purge(50) == 1
    assert [act.resource for act in store.audit.page(9)] == ["new"]


def test_who_erases_everything_is_an_id_in_the_audit(store):
    store.audit.record(User("ann", "Ann", "ann@example.org"), "export")
    store.audit.record(replace(ROOT, name=""), "put_out", "ann")
    store.users.delete_data("ann")
    assert [(act.actor_id, act.actor_name) for act in store.audit.page(9)] == [
        (ROOT.id, ROOT.email),
        ("ann", ""),
    ]


def test_the_people_are_those_who_were_seen_last_first(store):
    store.users.upsert(User("oidc:ann", "Ann", "ann@example.org"))
    store.users.upsert(ROOT)
    store.users.sign_out_everywhere("oidc:ghost", 1.0)
    store.users.sign_out_everywhere("oidc:ann", 2.0)
    found = store.users.all()
    assert [(one.id, one.name, one.email, one.revoked_before) for one in found] == [
        (ROOT.id, ROOT.name, ROOT.email, 0.0),
        ("oidc:ann", "Ann", "ann@example.org", 2.0),
    ]
    assert all(isinstance(one, UserRecord) and one.last_seen_at > 0 for one in found)
    store.users.delete_data("oidc:ann")
    assert [one.id for one in store.users.all()] == [ROOT.id]
