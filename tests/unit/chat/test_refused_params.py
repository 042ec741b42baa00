"""Memories of refused parameters: shared by the team, kept while the database is away, or of one session."""

from __future__ import annotations

import pytest

from lib.chat import refused_params
from lib.chat.connection import ModelFacts, connect, connect_with_key
from lib.chat.refused_params import SessionMemory, TeamMemory
from lib.config.settings import Settings
from lib.core.errors import StoreError
from lib.core.refused_params import RefusedParam
from lib.core.target import Target

TARGET, OTHER = Target("m", "openai"), Target("m", "anthropic")
REFUSED = RefusedParam(TARGET, "temperature", "", 1.0, "not supported")


class FakeStore:
    """A store in memory that can be out of reach."""

    def __init__(self, *refused: RefusedParam) -> None:
        self.refused = list(refused)
        self.is_away = False
        self.loads = 0

    def load(self) -> list[RefusedParam]:
        self.loads += 1
        if self.is_away:
            raise StoreError("away")
        return list(self.refused)

    def learn(self, refused: RefusedParam) -> None:
        if self.is_away:
            raise StoreError("away")
        self.refused.append(refused)


def test_what_one_learns_all_know() -> None:
    store = FakeStore()
    one, other = TeamMemory(lambda: store), TeamMemory(lambda: store)
    assert one.find(TARGET) == []
    one.learn(REFUSED)
    assert one.find(TARGET) == other.find(TARGET) == [REFUSED]
    assert one.find(OTHER) == []


def test_the_database_is_read_once_in_a_while_and_after_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore(REFUSED)
    memory = TeamMemory(lambda: store)
    for _ in range(5):
        assert memory.find(TARGET) == [REFUSED]
    assert store.loads == 1
    store.refused.clear()
    memory.refresh()
    assert (memory.find(TARGET), store.loads) == ([], 2)
    monkeypatch.setattr(refused_params, "CACHE_SECONDS", 0.0)
    store.refused.append(REFUSED)
    assert memory.find(TARGET) == [REFUSED]


def test_a_missing_database_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_params, "CACHE_SECONDS", 0.0)
    store = FakeStore()
    memory = TeamMemory(lambda: store)
    store.is_away = True
    memory.learn(REFUSED)
    assert memory.find(TARGET) == [REFUSED]


def test_a_personal_key_learns_for_itself_only() -> None:
    team = SessionMemory()
    facts = ModelFacts(refused_params=team)
    settings = Settings(
        api_key="sk-team-key-00000", base_url="https://a.example", personal_key_urls=("https://a.example",)
    )
    assert connect(settings, facts).gateway.refused_params is team
    personal = connect_with_key(settings, "sk-own-key-000000", "https://a.example", facts).gateway.refused_params
    personal.learn(REFUSED)
    assert (list(personal.find(TARGET)), list(team.find(TARGET))) == ([REFUSED], [])
