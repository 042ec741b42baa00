"""Lists of conversations: one place for each, paginated, read from an index."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Truncation
from lib.core.usage import ConversationFilter
from lib.storage import rows
from lib.storage.engine import read_transaction, write_transaction
from lib.storage.schema import conversation as conversations
from lib.storage.store import Store

PINNED, ARCHIVED = ConversationFilter("pinned"), ConversationFilter("archived")
MANY = 10_000


def node(name: str, role: str = "user", **more) -> Node:
    return replace(Node(name, None, Message(role, (TextPart("Why?"),)), 1.0), **more)


def add(store: Store, name: str, updated: float = 1.0, **more) -> Conversation:
    talk = Conversation(name, "Why?", updated, f"q{name}", created_at=0.5, **more)
    store.messages.save_turn("ann", talk, [node(f"q{name}")])
    return talk


def listed(store: Store, shelf: ConversationFilter = ConversationFilter(), size: int = 2) -> list[str]:  # noqa: B008
    """The ids on a shelf, read in pages."""
    found: list[str] = []
    last = None
    while page := store.conversations.page("ann", size, shelf, last):
        found += [talk.id for talk in page]
        last = page[-1]
    return found


@pytest.fixture
def five(store):
    for place, name in enumerate("abcde"):
        add(store, name, float(place))
    return store


def test_each_stands_in_one_place_only(five):
    five.conversations.move_to_folder("ann", ["a", "b", "c"], "Work")
    five.conversations.set_pinned("ann", ["b", "c", "d"], True)
    five.conversations.set_archived("ann", ["c"], True)
    assert [
        listed(five, shelf)
        for shelf in (ConversationFilter(), PINNED, ConversationFilter("folder", "Work"), ARCHIVED)
    ] == [
        ["e"],
        ["d", "b"],
        ["a"],
        ["c"],
    ]
    five.conversations.set_archived("ann", ["c"], False)
    five.conversations.set_pinned("ann", ["b", "c", "d"], False)
    assert listed(five, ConversationFilter("folder", "Work")) == ["c", "b", "a"]
    five.conversations.move_to_folder("ann", ["a", "c", "a", "nobody's"], "")
    assert listed(five) == ["e", "d", "c", "a"]


def test_where_it_stands_comes_back_with_it(five):
    five.conversations.set_pinned("ann", ["a"], True)
    five.conversations.move_to_folder("ann", ["a"], "Work")
    five.conversations.set_archived("ann", ["a"], True)
    talk = five.conversations.get("ann", "a")
    assert (talk.pinned, talk.archived, talk.folder) == (True, True, "Work")
    assert five.conversations.page("ann", 9, ARCHIVED) == [talk]
    made = add(
        five,
        "f",
        9.0,
        folder="New",
        pinned=True,
        title_source="person",
        truncation=Truncation("qf", "Before."),
    )
    assert five.conversations.get("ann", "f") == made


def test_folders_are_in_order_with_how_many_stand_in_them(five):
    for name, folder in zip("abcd", ["b", "数据", "A", "b"], strict=True):
        five.conversations.move_to_folder("ann", [name], folder)
    assert five.conversations.folders("ann") == [("A", 1), ("b", 2), ("数据", 1)]
    five.conversations.set_pinned("ann", ["a"], True)
    five.conversations.set_archived("ann", ["b"], True)
    five.conversations.delete("ann", ["c"])
    assert five.conversations.folders("ann") == [("b", 1)]


def test_deleted_ones_are_nowhere_until_they_are_brought_back(five):
    five.conversations.set_pinned("ann", ["a", "b"], True)
    five.conversations.delete("ann", ["a", "e"])
    assert (listed(five), listed(five, PINNED)) == (["d", "c"], ["b"])
    assert five.conversations.get("ann", "a") is None
    five.conversations.restore("ann", ["a", "e"])
    assert (listed(five), listed(five, PINNED)) == (["e", "d", "c"], ["b", "a"])


def test_more_than_a_statement_takes_are_changed_at_once(store):
    names = [f"c{number}" for number in range(1200)]
    for name in names[::300]:
        add(store, name)
    store.conversations.set_archived("ann", names, True)
    assert sorted(listed(store, ARCHIVED)) == sorted(names[::300])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_lose_nothing_and_repeat_nothing_where_many_changed_at_one_time(store, size):
    for number in range(9):
        add(store, f"c{number}", float(number // 4))
    assert listed(store, size=size) == [f"c{n}" for n in (8, 7, 6, 5, 4, 3, 2, 1, 0)]


def test_a_page_goes_on_where_the_last_ended_whatever_came_meanwhile(five):
    first = five.conversations.page("ann", 2)
    add(five, "new", 99.0)
    five.conversations.delete("ann", ["d"])
    assert [talk.id for talk in five.conversations.page("ann", 2, cursor=first[-1])] == ["c", "b"]


@pytest.fixture
def many(store):
    """Ten thousand, in no order, most of them on no shelf."""
    kinds = random.Random(7).choices(
        [{}, {"pinned": True}, {"folder": "Work"}, {"archived": True}], [90, 1, 5, 4], k=MANY
    )
    talks = [
        Conversation(f"c{number}", "Why?", float(number * 7919 % MANY), **kind)
        for number, kind in enumerate(kinds)
    ]
    with write_transaction(store._engine) as connection:
        written = [rows.conversation_to_row(talk) | {"owner": "ann"} for talk in talks]
        connection.execute(sa.insert(conversations), written)
        connection.execute(sa.text("ANALYZE"))
    return store


@pytest.mark.parametrize(
    "shelf",
    [ConversationFilter(), PINNED, ARCHIVED, ConversationFilter("folder", "Work")],
    ids=lambda s: s.kind,
)
def test_a_page_of_ten_thousand_is_read_from_an_index_in_its_order(many, shelf):
    asked = []

    def note(_, __, statement, parameters, *___):
        asked.append((statement, parameters))

    sa.event.listen(many._engine, "before_cursor_execute", note)
    first = many.conversations.page("ann", 50, shelf)
    second = many.conversations.page("ann", 50, shelf, first[-1])
    sa.event.remove(many._engine, "before_cursor_execute", note)
    stamps = [talk.updated_at for talk in first + second]
    assert stamps == sorted(stamps, reverse=True)
    assert len({talk.id for talk in first + second}) == len(stamps) > 60
    with read_transaction(many._engine) as connection:
        explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        statements = [step for step in asked if "conversation.updated" in step[0]]
        assert len(statements) == 2
        for statement, parameters in statements:
            plan = "\n".join(
                str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters)
            )
            name = "conversation_" + {"open": "shelf", "folder": "shelf"}.get(shelf.kind, shelf.kind)
            assert f"INDEX {name}" in plan or f"Scan Backward using {name}" in plan, plan
            assert "TEMP B-TREE" not in plan and "Sort" not in plan, plan
            assert connection.dialect.name != "sqlite" or "INDEX node_arriving" in plan, plan
            assert "SCAN" not in plan and "Seq Scan on conversation" not in plan, plan


def test_an_answer_that_is_coming_is_told(store):
    talk = add(store, "c")
    add(store, "other")
    answer = node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)
    store.messages.save_turn("ann", talk, [answer])
    assert {talk.id: talk.arriving for talk in store.conversations.page("ann", 9)} == {
        "c": True,
        "other": False,
    }
    assert store.conversations.get("ann", "c").arriving
    store.messages.finish("ann", replace(answer, outcome=Outcome.COMPLETE))
    assert not any(talk.arriving for talk in store.conversations.page("ann", 9))


@pytest.mark.parametrize("swept", [False, True])
def test_a_conversation_is_unread_from_an_answers_end_until_it_is_seen(store, swept):
    talk = add(store, "c")
    answer = node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)
    store.messages.save_turn("ann", talk, [answer])
    store.messages.checkpoint("ann", answer)
    assert not store.conversations.get("ann", "c").unread
    if swept:
        assert store.messages.mark_stale(-1) == 1
    else:
        store.messages.finish("ann", replace(answer, outcome=Outcome.COMPLETE))
    assert store.conversations.page("ann", 9)[0].unread
    store.conversations.mark_read("ann", "c")
    assert not store.conversations.get("ann", "c").unread


def test_stopping_leaves_nothing_unread(store):
    talk = add(store, "c")
    store.messages.save_turn("ann", talk, [node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)])
    store.messages.mark_stopped("ann", "a")
    assert not store.conversations.get("ann", "c").unread


def test_a_models_title_takes_the_questions_place_and_no_other(store):
    add(store, "c")
    store.conversations.set_generated_title("ann", "c", "A model's")
    assert (store.conversations.get("ann", "c").title, store.conversations.get("ann", "c").title_source) == (
        "A model's",
        "model",
    )
    store.conversations.set_generated_title("ann", "c", "Another")
    assert store.conversations.get("ann", "c").title == "A model's"
    store.conversations.rename("ann", "c", "Mine")
    store.conversations.set_generated_title("ann", "c", "Another")
    assert store.conversations.get("ann", "c").title == "Mine"
    assert store.conversations.get("ann", "c").title_source == "person"


def test_a_window_is_kept_and_taken_away(store):
    add(store, "c")
    for window in (Truncation("qc"), Truncation("qc", "Before: 你好 \ud83d\x00"), None):
        store.conversations.set_truncation("ann", "c", window)
        assert store.conversations.get("ann", "c").truncation == window


def test_any_title_and_any_folder_can_be_kept(store):
    add(store, "c")
    store.conversations.rename("ann", "c", "a\x00b\ud83d")
    store.conversations.move_to_folder("ann", ["c"], "a\x00b\ud83d")
    store.conversations.set_generated_title("ann", "c", "\x00")
    ((folder, count),) = store.conversations.folders("ann")
    assert count == 1 and "\x00" not in folder
    assert listed(store, ConversationFilter("folder", "a\x00b\ud83d")) == ["c"]
