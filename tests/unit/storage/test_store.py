"""Conversations and messages come back as they were saved."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.core.checkpoints import Checkpoint
from lib.core.conversation import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    Params,
    TextPart,
    ThinkingPart,
    Timing,
    Usage,
)
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.storage.database.engine import connect, read_transaction
from lib.storage.schema.tables import metadata
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")


def question(name: str = "q", parent: str | None = None) -> Node:
    return Node(name, parent, Message("user", (TextPart("Why?\x00 \ud83d 你好"),)), 1.0)


def arriving(name: str = "a", parent: str | None = "q") -> Node:
    return Node(name, parent, Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET)


def conversation(name: str = "c", head: str = "a", updated: float = 2.0, **fields) -> Conversation:
    return Conversation(name, "Why?", updated, head, TARGET, **{"created_at": updated} | fields)


@pytest.fixture
def saved_store(store):
    store.messages.save_turn("ann", conversation(), [question(), arriving()])
    store.preferences.set_favourite("ann", "m-one", True)
    store.preferences.set_default_target("ann", TARGET)
    return store


def test_a_saved_turn_is_read_unchanged(store):
    saved = conversation(params=Params("Be brief.", 0.5, 100))
    store.messages.save_turn("ann", saved, [question(), arriving()])
    assert store.conversations.get("ann", "c") == replace(saved, arriving=True)
    assert store.messages.nodes("ann", "c") == [question(), arriving()]


def test_all_fields_of_an_answer_are_saved(saved_store):
    finished = replace(
        arriving(),
        message=Message("assistant", (ThinkingPart("Hm.", "c2ln"), TextPart("Because."))),
        outcome=Outcome.FAILED,
        finish_reason="stop",
        usage=Usage(10, 20, 5, 3, 7),
        timing=Timing(0.5, 1.0, 2.0),
        failure=Failure("overloaded", "Busy", 529, "req1", True),
        request_id="msg_1",
    )
    saved_store.messages.finish("ann", finished)
    assert saved_store.messages.node("ann", "a") == finished


def test_a_checkpoint_saves_partial_text_and_keeps_the_answer_arriving(saved_store):
    partial = replace(arriving(), message=Message("assistant", (TextPart("Bec"),)))
    assert saved_store.messages.save_checkpoints([Checkpoint("ann", partial)])[0] is Outcome.ARRIVING
    assert saved_store.messages.node("ann", "a") == partial


def test_a_late_checkpoint_does_not_change_a_finished_answer(saved_store):
    finished = replace(arriving(), message=Message("assistant", (TextPart("Done."),)), outcome=Outcome.COMPLETE)
    saved_store.messages.finish("ann", finished)
    partial = replace(arriving(), message=Message("assistant", (TextPart("Do"),)))
    assert saved_store.messages.save_checkpoints([Checkpoint("ann", partial)])[0] is Outcome.COMPLETE
    assert saved_store.messages.node("ann", "a") == finished


def test_a_checkpoint_of_a_missing_row_returns_none(saved_store):
    saved_store.conversations.delete("ann", ["c"])
    assert saved_store.purge_deleted(-1) == 1
    assert saved_store.messages.save_checkpoints([Checkpoint("ann", arriving())])[0] is None


def test_only_answers_without_a_heartbeat_become_stale(saved_store):
    assert saved_store.messages.mark_stale(60) == 0
    assert saved_store.messages.node("ann", "a").outcome is Outcome.ARRIVING
    assert saved_store.messages.mark_stale(-1) == 1
    assert saved_store.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_the_list_is_newest_first_and_limited(store):
    for number in range(5):
        conversation_id = f"c{number}"
        store.messages.save_turn(
            "ann", conversation(conversation_id, f"q{number}", float(number)), [question(f"q{number}")]
        )
    assert [listed.id for listed in store.conversations.page("ann", 3)] == ["c4", "c3", "c2"]


def test_rename_set_params_delete_and_restore(saved_store):
    saved_store.conversations.rename("ann", "c", "Because")
    saved_store.conversations.set_params("ann", "c", Params(system="Be brief."))
    assert saved_store.conversations.get("ann", "c") == replace(
        conversation(),
        title="Because",
        title_source="person",
        params=Params(system="Be brief."),
        arriving=True,
    )
    saved_store.conversations.delete("ann", ["c"])
    assert saved_store.conversations.get("ann", "c") is None
    assert saved_store.conversations.page("ann", 9) == []
    saved_store.conversations.restore("ann", ["c"])
    assert [listed.title for listed in saved_store.conversations.page("ann", 9)] == ["Because"]
    assert len(saved_store.messages.nodes("ann", "c")) == 2


def test_purge_removes_only_rows_past_the_retention_time(saved_store):
    assert saved_store.purge_deleted(-1) == 0
    saved_store.conversations.delete("ann", ["c"])
    assert saved_store.purge_deleted(60) == 0
    assert saved_store.purge_deleted(-1) == 1
    saved_store.conversations.restore("ann", ["c"])
    assert saved_store.conversations.get("ann", "c") is None
    assert saved_store.messages.node("ann", "a") is None


def test_a_second_turn_moves_the_head_and_keeps_the_title(saved_store):
    saved_store.conversations.rename("ann", "c", "Mine")
    saved_store.messages.save_turn(
        "ann", conversation(head="a2", updated=9.0), [question("q2", "a"), arriving("a2", "q2")]
    )
    updated = saved_store.conversations.get("ann", "c")
    assert (updated.title, updated.head_id, updated.updated_at) == ("Mine", "a2", 9.0)
    assert [node.id for node in saved_store.messages.nodes("ann", "c")] == ["q", "q2", "a", "a2"]


def test_concurrent_turns_are_all_saved(url):
    stores = [Store(url) for _ in range(4)]

    def save_turns(index: int) -> None:
        for turn in range(25):
            suffix = f"{index}-{turn}"
            stores[index].messages.save_turn("ann", conversation(f"c{suffix}", f"q{suffix}"), [question(f"q{suffix}")])

    threads = [threading.Thread(target=save_turns, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stores[0].conversations.page("ann", 1000)) == 100
    for store in stores:
        store.close()


def test_concurrent_starts_migrate_once(empty_url):
    errors: list[StoreError] = []

    def start() -> None:
        try:
            Store(empty_url).close()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []


def test_migrations_result_in_the_schema(empty_url):
    engine = connect(empty_url)
    inspector = sa.inspect(engine)
    tables = {name for name in inspector.get_table_names() if not name.startswith("passage_words")}
    assert tables == set(metadata.tables) | {"alembic_version"}
    for table in metadata.tables.values():
        columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
        if table.name == "passage":
            columns.pop("words", None)  # the generated column of the Postgres index
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        indexes = {index["name"] for index in inspector.get_indexes(table.name)} - {"passage_words"}
        assert indexes == {index.name for index in table.indexes}
    engine.dispose()


def test_a_folder_that_cannot_be_created_raises_an_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/file/antler.db")


def test_a_file_that_is_no_database_raises_an_error(tmp_path):
    (tmp_path / "antler.db").write_text("no database " * 1000)
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/antler.db")


def test_transactions_report_their_kind_and_seconds_and_connections_are_counted(database_url):
    reported, counts = [], []
    opened = Store(database_url, on_transaction=lambda kind, seconds: reported.append((kind, seconds > 0)))
    with closing(opened):
        reported.clear()
        opened.ping()
        opened.purge_deleted(0.0)
        assert ("read", True) in reported and ("write", True) in reported
        with pytest.raises(StoreError), read_transaction(opened._engine) as connection:
            counts.append(opened.count_connections())
            connection.exec_driver_sql("SELECT nothing_there")
        assert (counts, opened.count_connections()) == ([1], 0)
        assert reported[-1] == ("read", True)
