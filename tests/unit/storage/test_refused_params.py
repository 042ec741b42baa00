"""Refused parameters: learnt once, updated, reset one by one or all together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from lib.core.user import User
from lib.storage import refused_params
from lib.storage.store import Store

ADMIN = User("root", "Root")
OPENAI, ANTHROPIC = Target("m-one", "openai"), Target("m-one", "anthropic")
TEMPERATURE = RefusedParam(OPENAI, "temperature", "", 100.0, "temperature is not supported")
TOP_P = RefusedParam(ANTHROPIC, "top_p", "temperature", 200.0, "not both")


def test_refusals_are_shared_by_all_servers(store, url):
    store.refused_params.learn(TEMPERATURE)
    store.refused_params.learn(TOP_P)
    other = Store(url)
    assert other.refused_params.load() == [TOP_P, TEMPERATURE]
    other.close()


def test_the_same_refusal_is_kept_once_with_its_newest_date_and_words(store):
    store.refused_params.learn(TEMPERATURE)
    newer = replace(TEMPERATURE, refused_at=300.0, words="deprecated")
    store.refused_params.learn(newer)
    beside = replace(TEMPERATURE, beside="top_p")
    store.refused_params.learn(beside)
    assert store.refused_params.load() == [newer, beside]


def test_reset_of_one_and_of_all_with_an_audit_event(store):
    for refused in (TEMPERATURE, TOP_P, replace(TEMPERATURE, field="seed")):
        store.refused_params.learn(refused)
    store.refused_params.reset(ADMIN, TEMPERATURE)
    assert {refused.field for refused in store.refused_params.load()} == {"top_p", "seed"}
    store.refused_params.reset(ADMIN, None)
    assert store.refused_params.load() == []
    events = store.audit.page(9)
    assert [(event.action, event.actor_id, event.resource) for event in events] == [
        ("refused_params_reset", "root", ""),
        ("refused_params_reset", "root", "m-one"),
    ]
    assert events[1].details == {"wire": "openai", "field": "temperature"}


def test_long_words_are_cut_and_impossible_names_ignored(store):
    store.refused_params.learn(replace(TEMPERATURE, words="x" * 10_000))
    store.refused_params.learn(replace(TEMPERATURE, target=Target("m" * 321, "openai")))
    (refused,) = store.refused_params.load()
    assert len(refused.words) == 300


def test_the_number_of_rows_is_limited(store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refused_params, "MAX_ROWS", 2)
    for number in range(4):
        store.refused_params.learn(replace(TEMPERATURE, target=Target(f"m-{number}", "openai")))
    assert len(store.refused_params.load()) == 2
