"""Databases of every earlier revision are migrated with their rows unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from lib.core.conversation import Failure, Message, Node, Outcome, TextPart, ThinkingPart, Timing, Usage
from lib.core.params import Params
from lib.core.preferences import Preferences
from lib.core.target import Target
from lib.core.usage import UsageRecord, UsageTotal
from lib.storage.database.engine import SQLITE_SCHEMA
from lib.storage.schema.tables import REVISION
from lib.storage.store import Store
from tests.support.sqlite_schema import build_migrated, read_schema
from tests.support.usage_records import read_usage_records
from tests.unit.storage.revisions import migration_config, plain_transaction

TARGET = Target("claude-x", "anthropic")
FOLLOW_UP = Message("user", (TextPart("More."),))
CONVERSATION = {
    "id": "c",
    "owner": "ann",
    "title": "为什么？ Why?",
    "head": "a",
    "model": "claude-x",
    "wire": "anthropic",
    # Parameters by their names of that revision; unknown ones are ignored.
    "params": json.dumps({"system": "Be brief.", "temperature": 0.5, "removed_param": 1}),
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
    "parts": json.dumps([{"type": "thinking", "text": "Hm.", "signature": "c2ln"}, {"type": "text", "text": "B"}]),
    "created": 2.0,
    "outcome": "failed",
    "model": "claude-x",
    "wire": "anthropic",
    "usage": json.dumps({"input": 4, "output": 2}),
    "timing": json.dumps({"first": 0.5}),
    "failure": json.dumps({"code": "overloaded", "detail": "Busy", "status": 529}),
    "request_id": "r",
}
PROVIDER_METADATA = {"id": "msg_1", "usage": {"more": [1, {"deep": None}]}}
ROWS_0001 = [("conversation", CONVERSATION), ("node", QUESTION), ("node", ANSWER)]
ROWS_0002 = [
    ("conversation", CONVERSATION),
    ("node", QUESTION),
    ("node", ANSWER | {"served": json.dumps(PROVIDER_METADATA)}),
]
PREFERENCE_VALUES = [
    ("favourites", ["m-two", "claude-x"]),
    ("default", {"model": "claude-x", "wire": "anthropic"}),
]
PREFERENCE_ROWS = [
    ("preference", {"owner": "ann", "name": name, "value": json.dumps(v)}) for name, v in PREFERENCE_VALUES
]
TITLE_USAGE = {
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
CONVERSATION_0004 = CONVERSATION | {
    "rev": 3,
    "titled": "person",
    "folder": "",
    "pinned": False,
    "archived": False,
    "unread": False,
}
ROWS_0004 = [("conversation", CONVERSATION_0004), *ROWS_0002[1:], *PREFERENCE_ROWS, ("ledger", TITLE_USAGE)]

# The rows of each revision, and the provider metadata and preferences read from them.
REVISIONS: Mapping[str, tuple[list[tuple[str, dict[str, Any]]], dict[str, Any], Preferences]] = {
    "0001": (ROWS_0001, {}, Preferences()),
    "0002": (ROWS_0002, PROVIDER_METADATA, Preferences()),
    "0003": (ROWS_0002 + PREFERENCE_ROWS, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0004": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0005": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0006": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0007": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0008": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0009": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0010": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0011": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0012": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0013": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0014": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0015": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0016": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0017": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0018": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0019": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0020": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0021": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0022": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0023": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0024": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
    "0025": (ROWS_0004, PROVIDER_METADATA, Preferences(("m-two", "claude-x"), TARGET)),
}


@pytest.fixture(params=REVISIONS)
def revision(request) -> str:
    return request.param


@pytest.fixture
def old_database_url(old_schema_url, revision) -> str:
    """The URL of a database with the schema and rows of a revision."""
    with plain_transaction(old_schema_url) as connection:
        for table, row in REVISIONS[revision][0]:
            names = ", ".join(row)
            placeholders = ", ".join(f":{name}" for name in row)
            connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({placeholders})"), row)
    return old_schema_url


def test_every_earlier_revision_is_tested():
    revisions = [script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()]
    assert set(revisions[1:]) <= set(REVISIONS) <= set(revisions)


@pytest.mark.parametrize("revision", ["0008"])
def test_answers_that_arrive_during_an_upgrade_keep_their_text(old_database_url):
    with plain_transaction(old_database_url) as connection:
        connection.execute(sa.text("UPDATE node SET outcome = 'arriving', failure = NULL WHERE id = 'a'"))
    store = Store(old_database_url)
    arriving = store.messages.node("ann", "a")
    assert (arriving.outcome, arriving.message.text) == (Outcome.ARRIVING, "B")
    assert store.messages.mark_stale(6.0) == 1
    assert store.messages.node("ann", "a") == replace(arriving, outcome=Outcome.INTERRUPTED)
    store.close()


def test_a_new_sqlite_file_has_the_schema_of_the_migrations(tmp_path):
    build_migrated(tmp_path / "migrated.db")
    Store(f"sqlite:///{tmp_path}/new.db").close()
    migrated, new = (read_schema(tmp_path / name) for name in ("migrated.db", "new.db"))
    assert migrated == SQLITE_SCHEMA.read_text(), "write it: .venv/bin/python -m tests.support.sqlite_schema"
    assert new == migrated


def test_the_schema_names_the_newest_revision():
    assert ScriptDirectory.from_config(migration_config()).get_current_head() == REVISION


def test_migrated_rows_are_unchanged_and_new_rows_are_accepted(old_database_url, revision):
    preferences = REVISIONS[revision][2]
    # The second store finds nothing to migrate.
    for _ in range(2):
        store = Store(old_database_url)
        assert_rows_are_unchanged(store, revision)
        assert store.preferences.load("ann") == preferences
        assert store.conversations.page("bob", 9) == []
        store.close()
        with plain_transaction(old_database_url) as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    store = Store(old_database_url)
    store.preferences.set_favourite("ann", "m-new", True)
    assert store.preferences.load("ann").favourites[-1] == "m-new"
    store.messages.save_turn("ann", store.conversations.get("ann", "c"), [Node("q2", "a", FOLLOW_UP, 3.0)])
    assert [node.id for node in store.messages.nodes("ann", "c")] == ["q", "a", "q2"]
    store.close()


def assert_rows_are_unchanged(store: Store, revision: str) -> None:
    provider_metadata = REVISIONS[revision][1]
    (conversation,) = store.conversations.page("ann", 9)
    assert conversation == store.conversations.get("ann", "c")
    assert (conversation.id, conversation.title, conversation.updated_at, conversation.head_id) == (
        "c",
        "为什么？ Why?",
        2.0,
        "a",
    )
    assert (conversation.target, conversation.params) == (TARGET, Params(system="Be brief.", temperature=0.5))
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
            provider_metadata=provider_metadata,
        ),
    ]


@pytest.mark.parametrize("revision", ["0004"])
def test_usage_recorded_before_prices_has_an_unknown_cost(old_database_url):
    store = Store(old_database_url)
    usage, timing = Usage(40, 6), Timing(None, None, 0.5)
    record = UsageRecord("t", "c", "title", TARGET, usage, timing, Outcome.COMPLETE, "r", 3.0)
    assert read_usage_records(store, "ann", "c") == [record]
    assert store.usage.totals_by_answer("ann", "c") == {"": UsageTotal(1, 0, 1, 0, usage)}
    # New usage is listed beside it.
    store.usage.record("ann", replace(record, id="u", node_id="a", cost=7))
    assert store.usage.totals_by_answer("ann", "c")["a"] == UsageTotal(1, 0, 0, 7, usage)
    store.close()


SHARED_PROMPTS = [{"name": "Brief", "text": "Be {{brief}}."}, {"name": "x"}, 3, {"name": "Angry 怒", "text": "No."}]


@pytest.mark.parametrize("revision", ["0014"])
@pytest.mark.parametrize("value", [SHARED_PROMPTS, {"name": "Brief"}, None])
def test_shared_prompts_of_the_policy_become_personas_of_the_team(old_database_url, value):
    row = {"name": "prompts", "value": json.dumps(value), "changed": 5.0, "by": "root"}
    with plain_transaction(old_database_url) as connection:
        connection.execute(
            sa.text("INSERT INTO policy (name, value, changed, by) VALUES (:name, :value, :changed, :by)"), row
        )
    store = Store(old_database_url)
    entries = [store.prompts.get("anyone", summary.id) for summary in store.prompts.summaries("anyone")]
    texts = {entry.name: entry.text for entry in entries}
    assert texts == ({"Angry 怒": "No.", "Brief": "Be \\{{brief}}."} if isinstance(value, list) else {})
    assert all((entry.kind, entry.is_team, entry.updated_at) == ("persona", True, 5.0) for entry in entries)
    assert store.prompts.export_all("") == store.prompts.export_all("root") == []
    store.close()
