"""Conversations and messages come back as they were saved."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

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
from lib.storage.engine import connect
from lib.storage.schema import metadata
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")


def question(name: str = "q", parent: str | None = None) -> Node:
    return Node(name, parent, Message("user", (TextPart("Why?\x00 \ud83d 你好"),)), 1.0)


def arriving(name: str = "a", parent: str | None = "q") -> Node:
    return Node(name, parent, Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET)


def conversation(name: str = "c", head: str = "a", updated: float = 2.0, **more) -> Conversation:
    return Conversation(name, "Why?", updated, head, TARGET, **{"created_at": updated} | more)


@pytest.fixture
def begun(store):
    store.messages.save_turn("ann", conversation(), [question(), arriving()])
    store.preferences.set_favourite("ann", "m-one", True)
    store.preferences.set_default_target("ann", TARGET)
    return store


def test_a_turn_comes_back_as_it_was_committed(store):
    talk = conversation(params=Params("Be brief.", 0.5, 100))
    store.messages.save_turn("ann", talk, [question(), arriving()])
    assert store.conversations.get("ann", "c") == replace(talk, arriving=True)
    assert store.messages.nodes("ann", "c") == [question(), arriving()]


def test_an_answer_comes_back_with_all_that_is_known_of_it(begun):
    ended = replace(
        arriving(),
        message=Message("assistant", (ThinkingPart("Hm.", "c2ln"), TextPart("Because."))),
        outcome=Outcome.FAILED,
        finish_reason="stop",
        usage=Usage(10, 20, 5, 3, 7),
        timing=Timing(0.5, 1.0, 2.0),
        failure=Failure("overloaded", "Busy", 529, "req1", True),
        request_id="msg_1",
    )
    begun.messages.finish("ann", ended)
    assert begun.messages.node("ann", "a") == ended


def test_a_checkpoint_keeps_what_has_come_and_leaves_it_arriving(begun):
    grown = replace(arriving(), message=Message("assistant", (TextPart("Bec"),)))
    assert begun.messages.checkpoint("ann", grown) is Outcome.ARRIVING
    assert begun.messages.node("ann", "a") == grown


def test_a_checkpoint_that_comes_late_does_not_touch_an_ended_answer(begun):
    ended = replace(arriving(), message=Message("assistant", (TextPart("Done."),)), outcome=Outcome.COMPLETE)
    begun.messages.finish("ann", ended)
    late = replace(arriving(), message=Message("assistant", (TextPart("Do"),)))
    assert begun.messages.checkpoint("ann", late) is Outcome.COMPLETE
    assert begun.messages.node("ann", "a") == ended


def test_a_checkpoint_of_a_row_that_is_gone_says_so(begun):
    begun.conversations.delete("ann", ["c"])
    assert begun.purge_deleted(-1) == 1
    assert begun.messages.checkpoint("ann", arriving()) is None


def test_sweep_marks_only_answers_without_a_sign_of_life(begun):
    assert begun.messages.mark_stale(60) == 0
    assert begun.messages.node("ann", "a").outcome is Outcome.ARRIVING
    assert begun.messages.mark_stale(-1) == 1
    assert begun.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_the_list_is_newest_first_and_limited(store):
    for place in range(5):
        name = f"c{place}"
        store.messages.save_turn(
            "ann", conversation(name, f"q{place}", float(place)), [question(f"q{place}")]
        )
    assert [talk.id for talk in store.conversations.page("ann", 3)] == ["c4", "c3", "c2"]


def test_rename_params_delete_and_restore(begun):
    begun.conversations.rename("ann", "c", "Because")
    begun.conversations.set_params("ann", "c", Params(system="Be brief."))
    assert begun.conversations.get("ann", "c") == replace(
        conversation(),
        title="Because",
        title_source="person",
        params=Params(system="Be brief."),
        arriving=True,
    )
    begun.conversations.delete("ann", ["c"])
    assert begun.conversations.get("ann", "c") is None
    assert begun.conversations.page("ann", 9) == []
    begun.conversations.restore("ann", ["c"])
    assert [talk.title for talk in begun.conversations.page("ann", 9)] == ["Because"]
    assert len(begun.messages.nodes("ann", "c")) == 2


def test_purge_removes_only_what_was_deleted_long_enough_ago(begun):
    assert begun.purge_deleted(-1) == 0
    begun.conversations.delete("ann", ["c"])
    assert begun.purge_deleted(60) == 0
    assert begun.purge_deleted(-1) == 1
    begun.conversations.restore("ann", ["c"])
    assert begun.conversations.get("ann", "c") is None
    assert begun.messages.node("ann", "a") is None


def test_a_second_turn_moves_the_head_and_leaves_the_title(begun):
    begun.conversations.rename("ann", "c", "Mine")
    begun.messages.save_turn(
        "ann", conversation(head="a2", updated=9.0), [question("q2", "a"), arriving("a2", "q2")]
    )
    talk = begun.conversations.get("ann", "c")
    assert (talk.title, talk.head_id, talk.updated_at) == ("Mine", "a2", 9.0)
    assert [node.id for node in begun.messages.nodes("ann", "c")] == ["q", "q2", "a", "a2"]


def test_many_writers_at_once_lose_nothing(url):
    stores = [Store(url) for _ in range(4)]

    def write(place: int) -> None:
        for turn in range(25):
            name = f"{place}-{turn}"
            stores[place].messages.save_turn(
                "ann", conversation(f"c{name}", f"q{name}"), [question(f"q{name}")]
            )

    threads = [threading.Thread(target=write, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(stores[0].conversations.page("ann", 1000)) == 100
    for store in stores:
        store.close()


def test_processes_that_start_together_migrate_once(empty_url):
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


def test_the_steps_lead_to_the_tables_of_the_schema(empty_url):
    engine = connect(empty_url)
    found = sa.inspect(engine)
    tables = {name for name in found.get_table_names() if not name.startswith("passage_words")}
    assert tables == set(metadata.tables) | {"alembic_version"}
    for table in metadata.tables.values():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        if table.name == "passage":
            columns.pop("words", None)  # Postgres' own index, and how it is filled
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        indexes = {index["name"] for index in found.get_indexes(table.name)} - {"passage_words"}
        assert indexes == {index.name for index in table.indexes}
    engine.dispose()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/file/antler.db")


def test_a_file_that_is_no_database_is_a_store_error(tmp_path):
    (tmp_path / "antler.db").write_text("no database " * 1000)
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/antler.db")
