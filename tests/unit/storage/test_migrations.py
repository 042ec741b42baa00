"""Databases of every earlier revision are migrated with their rows unchanged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from lib.core.conversation import Failure, Message, Node, Outcome, TextPart, ThinkingPart, Timing, Usage
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.usage import UsageRecord, UsageTotal
from lib.storage import engine
from lib.storage.schema import REVISION
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")
MORE = Message("user", (TextPart("More."),))
TALK = {
    "id": "c",
    "owner": "ann",
    "title": "为什么？ Why?",
    "head": "a",
    "model": "claude-x",
    "wire": "anthropic",
    # As they were named then: some may be taken away since, others come.
    "params": json.dumps({"system": "Be brief.", "temperature": 0.5, "gone": 1}),
    "created": 1.0,
    "updated": 2.0,
}
NODE = {
    "conversation": "c",
    "model": None,
    "wire": None,
    "outcome": "complete",
    "reason": "",
    "usage": "{}",
    "timing": "{}",
    "request_id": "",
    "beat": 2.0,
}
QUESTION = NODE | {
    "id": "q",
    "role": "user",
    "parts": json.dumps([{"type": "text", "text": "Why?\0 \ud83d 你好"}]),
    "created": 1.0,
}
ANSWER = NODE | {
    "id": "a",
    "parent": "q",
    "role": "assistant",
    "parts": json.dumps(
        [{"type": "thinking", "text": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "B"}]
    ),
    "created": 2.0,
    "outcome": "failed",
    "model": "claude-x",
    "wire": "anthropic",
    "usage": json.dumps({"input": 4, "output": 2}),
    "timing": json.dumps({"first": 0.5}),
    "failure": json.dumps({"code": "overloaded", "detail": "Busy", "status": 529}),
    "request_id": "r",
}
SERVED = {"id": "msg_1", "usage": {"more": [1, {"deep": None}]}}
FIRST = [("conversation", TALK), ("node", QUESTION), ("node", ANSWER)]
SECOND = [("conversation", TALK), ("node", QUESTION), ("node", ANSWER | {"served": json.dumps(SERVED)})]
LIKED = [("favourites", ["m-two", "claude-x"]), ("default", {"model": "claude-x", "wire": "anthropic"})]
THIRD = [("preference", {"owner": "ann", "name": name, "value": json.dumps(v)}) for name, v in LIKED]
TITLE = {
    "id": "t",
    "owner": "ann",
    "conversation": "c",
    "purpose": "title",
    "model": "claude-x",
    "wire": "anthropic",
    "input": 40,
    "output": 6,
    "total": 0.5,
    "outcome": "complete",
    "request_id": "r",
    "created": 3.0,
}
CHANGED = TALK | {
    "rev": 3,
    "titled": "person",
    "folder": "",
    "pinned": False,
    "archived": False,
    "unread": False,
}
FOURTH = [("conversation", CHANGED), *SECOND[1:], *THIRD, ("ledger", TITLE)]

# The rows of each state, and what they are when they are read today.
STATES: Mapping[str, tuple[list[tuple[str, dict[str, Any]]], dict[str, Any], Preferences]] = {
    "0001": (FIRST, {}, Preferences()),
    "0002": (SECOND, SERVED, Preferences()),
    "0003": (SECOND + THIRD, SERVED, Preferences(("m-two", "claude-x"), TARGET)),
    "0004": (FOURTH, SERVED, Preferences(("m-two", "claude-x"), TARGET)),
    "0005": (FOURTH, SERVED, Preferences(("m-two", "claude-x"), TARGET)),
    "0006": (FOURTH, SERVED, Preferences(("m-two", "claude-x"), TARGET)),
    "0007": (FOURTH, SERVED, Preferences(("m-two", "claude-x"), TARGET)),
}


def steps() -> Config:
    config = Config()
    config.set_main_option("script_location", str(engine.MIGRATIONS))
    return config


@contextlib.contextmanager
def at(url: str) -> Iterator[sa.Connection]:
    """A plain transaction, without a step up."""
    plain = sa.create_engine(url)
    with plain.begin() as connection:
        yield connection
    plain.dispose()


@pytest.fixture(params=STATES)
def state(request) -> str:
    return request.param


@pytest.fixture
def older(empty_url, state) -> str:
    """A database as it was left by the program of that state."""
    with at(empty_url) as connection:
        config = steps()
        config.attributes["connection"] = connection
        command.upgrade(config, state)
        for table, row in STATES[state][0]:
            names = ", ".join(row)
            places = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)
    return empty_url


def test_every_state_that_was_is_tested():
    revisions = [step.revision for step in ScriptDirectory.from_config(steps()).walk_revisions()]
    assert set(revisions[1:]) <= set(STATES) <= set(revisions)


def test_the_schema_names_the_newest_revision():
    assert ScriptDirectory.from_config(steps()).get_current_head() == REVISION


def test_it_is_brought_up_with_what_is_in_it(older, state):
    _, served, liked = STATES[state]
    store = Store(older)
    (talk,) = store.conversations.page("ann", 9)
    assert talk == store.conversations.get("ann", "c")
    assert (talk.id, talk.title, talk.updated_at, talk.head_id) == ("c", "为什么？ Why?", 2.0, "a")
    assert (talk.target, talk.params) == (TARGET, Params(system="Be brief.", temperature=0.5))
    assert store.messages.nodes("ann", "c") == [
        Node("q", None, Message("user", (TextPart("Why?\0 \ud83d 你好"),)), 1.0),
        Node(
            "a",
            "q",
            Message("assistant", (ThinkingPart("Hm.", "c2ln"), TextPart("B"))),
            2.0,
            Outcome.FAILED,
            target=TARGET,
            usage=Usage(4, 2),
            timing=Timing(0.5),
            failure=Failure("overloaded", "Busy", 529),
            request_id="r",
            provider_metadata=served,
        ),
    ]
    assert store.preferences.load("ann") == liked
    assert store.conversations.page("bob", 9) == []
    store.close()


@pytest.mark.parametrize("state", ["0004"])
def test_what_was_counted_before_prices_were_known_has_an_unknown_cost(older):
    store = Store(older)
    usage, timing = Usage(40, 6), Timing(None, None, 0.5)
    kept = UsageRecord("t", "c", "title", TARGET, usage, timing, Outcome.COMPLETE, "r", 3.0)
    assert store.usage.records("ann", "c") == [kept]
    assert store.usage.totals_by_answer("ann", "c") == {"": UsageTotal(1, 0, 1, 0, usage)}
    # What is spent from now on stands beside it.
    store.usage.record("ann", replace(kept, id="u", node_id="a", cost=7))
    assert store.usage.totals_by_answer("ann", "c")["a"] == UsageTotal(1, 0, 0, 7, usage)
    store.close()


def test_it_takes_what_is_new(older):
    store = Store(older)
    store.preferences.set_favourite("ann", "m-new", True)
    assert store.preferences.load("ann").favourites[-1] == "m-new"
    store.messages.save_turn("ann", store.conversations.get("ann", "c"), [Node("q2", "a", MORE, 3.0)])
    assert [node.id for node in store.messages.nodes("ann", "c")] == ["q", "a", "q2"]
    store.close()


def test_it_is_left_alone_the_next_time(older):
    seen = []
    for _ in range(2):
        store = Store(older)
        seen.append(
            (
                store.conversations.page("ann", 9),
                store.messages.nodes("ann", "c"),
                store.preferences.load("ann"),
            )
        )
        store.close()
        with at(older) as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    assert seen[0] == seen[1]
