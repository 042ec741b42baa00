"""What is kept comes back as it was, and only to its owner."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.core.errors import StoreError
from lib.core.preferences import Preferences
from lib.core.types import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    Params,
    Target,
    Text,
    Thinking,
    Timing,
    Usage,
)
from lib.storage.engine import connect
from lib.storage.schema import metadata
from lib.storage.store import Store

TARGET = Target("claude-x", "anthropic")


def question(name: str = "q", parent: str | None = None) -> Node:
    return Node(name, parent, Message("user", (Text("Why?\x00 \ud83d 你好"),)), 1.0)


def arriving(name: str = "a", parent: str | None = "q") -> Node:
    return Node(name, parent, Message("assistant", ()), 2.0, Outcome.ARRIVING, target=TARGET)


def conversation(name: str = "c", head: str = "a", updated: float = 2.0, **more) -> Conversation:
    return Conversation(name, "Why?", updated, head, TARGET, **more)


@pytest.fixture
def begun(store):
    store.begin("ann", conversation(), [question(), arriving()])
    store.favour("ann", "m-one", True)
    store.set_default("ann", TARGET)
    return store


def test_a_turn_comes_back_as_it_was_committed(store):
    talk = conversation(params=Params("Be brief.", 0.5, 100))
    store.begin("ann", talk, [question(), arriving()])
    assert store.conversation("ann", "c") == talk
    assert store.nodes("ann", "c") == [question(), arriving()]


def test_an_answer_comes_back_with_all_that_is_known_of_it(begun):
    ended = replace(
        arriving(),
        message=Message("assistant", (Thinking("Hm.", "c2ln"), Text("Because."))),
        outcome=Outcome.FAILED,
        reason="stop",
        usage=Usage(10, 20, 5, 3, 7),
        timing=Timing(0.5, 1.0, 2.0),
        failure=Failure("overloaded", "Busy", 529, "req1", True),
        request_id="msg_1",
    )
    begun.settle("ann", ended)
    assert begun.node("ann", "a") == ended


def test_a_checkpoint_keeps_what_has_come_and_leaves_it_arriving(begun):
    grown = replace(arriving(), message=Message("assistant", (Text("Bec"),)))
    assert begun.checkpoint("ann", grown) is Outcome.ARRIVING
    assert begun.node("ann", "a") == grown


def test_a_checkpoint_that_comes_late_does_not_touch_an_ended_answer(begun):
    ended = replace(arriving(), message=Message("assistant", (Text("Done."),)), outcome=Outcome.COMPLETE)
    begun.settle("ann", ended)
    late = replace(arriving(), message=Message("assistant", (Text("Do"),)))
    assert begun.checkpoint("ann", late) is Outcome.COMPLETE
    assert begun.node("ann", "a") == ended


def test_a_checkpoint_of_a_row_that_is_gone_says_so(begun):
    begun.delete("ann", "c")
    assert begun.purge(-1) == 1
    assert begun.checkpoint("ann", arriving()) is None


def test_sweep_marks_only_answers_without_a_sign_of_life(begun):
    assert begun.sweep(60) == 0
    assert begun.node("ann", "a").outcome is Outcome.ARRIVING
    assert begun.sweep(-1) == 1
    assert begun.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_the_list_is_newest_first_and_limited(store):
    for place in range(5):
        name = f"c{place}"
        store.begin("ann", conversation(name, f"q{place}", float(place)), [question(f"q{place}")])
    assert [talk.id for talk in store.conversations("ann", 3)] == ["c4", "c3", "c2"]


def test_rename_params_delete_and_restore(begun):
    begun.rename("ann", "c", "Because")
    begun.set_params("ann", "c", Params(system="Be brief."))
    assert begun.conversation("ann", "c") == replace(
        conversation(), title="Because", params=Params(system="Be brief.")
    )
    begun.delete("ann", "c")
    assert begun.conversation("ann", "c") is None
    assert begun.conversations("ann", 9) == []
    begun.restore("ann", "c")
    assert [talk.title for talk in begun.conversations("ann", 9)] == ["Because"]
    assert len(begun.nodes("ann", "c")) == 2


def test_purge_removes_only_what_was_deleted_long_enough_ago(begun):
    assert begun.purge(-1) == 0
    begun.delete("ann", "c")
    assert begun.purge(60) == 0
    assert begun.purge(-1) == 1
    begun.restore("ann", "c")
    assert begun.conversation("ann", "c") is None
    assert begun.node("ann", "a") is None


def test_a_second_turn_moves_the_head_and_leaves_the_title(begun):
    begun.rename("ann", "c", "Mine")
    begun.begin("ann", conversation(head="a2", updated=9.0), [question("q2", "a"), arriving("a2", "q2")])
    talk = begun.conversation("ann", "c")
    assert (talk.title, talk.head, talk.updated) == ("Mine", "a2", 9.0)
    assert [node.id for node in begun.nodes("ann", "c")] == ["q", "q2", "a", "a2"]


NOT_OWNED = {"close", "sweep", "purge"}
CALLS = {
    "conversations": lambda store, who: store.conversations(who, 9),
    "conversation": lambda store, who: store.conversation(who, "c"),
    "nodes": lambda store, who: store.nodes(who, "c"),
    "node": lambda store, who: store.node(who, "a"),
    "begin": lambda store, who: store.begin(who, conversation(head="x"), [question("x", "a")]),
    "reopen": lambda store, who: store.reopen(who, conversation(head="x", updated=9.0), question("a")),
    "add": lambda store, who: store.add(who, "c", arriving("x", "q")),
    "show": lambda store, who: store.show(who, "c", "q"),
    "checkpoint": lambda store, who: store.checkpoint(who, arriving()),
    "settle": lambda store, who: store.settle(who, replace(arriving(), outcome=Outcome.COMPLETE)),
    "stop": lambda store, who: store.stop(who, "a"),
    "rename": lambda store, who: store.rename(who, "c", "Stolen"),
    "set_params": lambda store, who: store.set_params(who, "c", Params(system="Stolen")),
    "delete": lambda store, who: store.delete(who, "c"),
    "restore": lambda store, who: store.restore(who, "c"),
    "preferences": lambda store, who: store.preferences(who) != Preferences(),
    "favour": lambda store, who: store.favour(who, "m-two", True),
    "set_default": lambda store, who: store.set_default(who, None),
}


def test_every_method_is_in_the_table_of_owners():
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if name[0] != "_"}
    assert methods == set(CALLS) | NOT_OWNED


@pytest.mark.parametrize("method", CALLS)
def test_another_owners_rows_look_like_none_and_stay_as_they_are(begun, method):

    def hers():
        return begun.conversation("ann", "c"), begun.nodes("ann", "c"), begun.preferences("ann")

    before = hers()
    assert not CALLS[method](begun, "bob")
    assert hers() == before
    assert begun.conversations("bob", 9) == []


def test_many_writers_at_once_lose_nothing(url):
    stores = [Store(url) for _ in range(4)]

    def write(place: int) -> None:
        for turn in range(25):
            name = f"{place}-{turn}"
            stores[place].begin("ann", conversation(f"c{name}", f"q{name}"), [question(f"q{name}")])

    threads = [threading.Thread(target=write, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].conversations("ann", 1000)) == 100
    for store in stores:
        store.close()


def test_processes_that_start_together_migrate_once(url):
    errors: list[StoreError] = []

    def start() -> None:
        try:
            Store(url).close()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_the_steps_lead_to_the_tables_of_the_schema(url):
    engine = connect(url)
    found = sa.inspect(engine)
    assert set(found.get_table_names()) == set(metadata.tables) | {"alembic_version"}
    for table in metadata.tables.values():
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}
        assert {index["name"] for index in found.get_indexes(table.name)} == {i.name for i in table.indexes}
    engine.dispose()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/file/antler.db")


def test_a_file_that_is_no_database_is_a_store_error(tmp_path):
    (tmp_path / "antler.db").write_text("no database " * 1000)
    with pytest.raises(StoreError):
        Store(f"sqlite:///{tmp_path}/antler.db")
