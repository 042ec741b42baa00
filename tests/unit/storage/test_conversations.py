"""Lists of conversations: one place for each, paginated, read from an index."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Truncation
from lib.core.usage import ConversationFilter
from lib.storage import rows
from lib.storage.database.engine import write_transaction
from lib.storage.schema.tables import conversation as conversations
from lib.storage.store import Store
from tests.unit.storage.plans import explain

OPEN, PINNED, ARCHIVED = ConversationFilter(), ConversationFilter("pinned"), ConversationFilter("archived")
CONVERSATION_COUNT = 10_000


def node(name: str, role: str = "user", **fields) -> Node:
    return replace(Node(name, None, Message(role, (TextPart("Why?"),)), 1.0), **fields)


def save_conversation(store: Store, name: str, updated: float = 1.0, **fields) -> Conversation:
    conversation = Conversation(name, "Why?", updated, f"q{name}", created_at=0.5, **fields)
    store.messages.save_turn("ann", conversation, [node(f"q{name}")])
    return conversation


def list_ids(store: Store, conversation_filter: ConversationFilter = OPEN, size: int = 2) -> list[str]:
    """Return the ids of a list, read in pages."""
    ids: list[str] = []
    cursor = None
    while page := store.conversations.page("ann", size, conversation_filter, cursor):
        ids += [conversation.id for conversation in page]
        cursor = page[-1]
    return ids


@pytest.fixture
def store_of_five(store):
    for position, name in enumerate("abcde"):
        save_conversation(store, name, float(position))
    return store


def test_a_conversation_is_in_exactly_one_list(store_of_five):
    store_of_five.conversations.move_to_folder("ann", ["a", "b", "c"], "Work")
    store_of_five.conversations.set_pinned("ann", ["b", "c", "d"], True)
    store_of_five.conversations.set_archived("ann", ["c"], True)
    assert [
        list_ids(store_of_five, conversation_filter)
        for conversation_filter in (
            ConversationFilter(),
            PINNED,
            ConversationFilter("folder", "Work"),
            ARCHIVED,
        )
    ] == [
        ["e"],
        ["d", "b"],
        ["a"],
        ["c"],
    ]
    store_of_five.conversations.set_archived("ann", ["c"], False)
    store_of_five.conversations.set_pinned("ann", ["b", "c", "d"], False)
    assert list_ids(store_of_five, ConversationFilter("folder", "Work")) == ["c", "b", "a"]
    store_of_five.conversations.move_to_folder("ann", ["a", "c", "a", "missing"], "")
    assert list_ids(store_of_five) == ["e", "d", "c", "a"]


def test_pinned_archived_and_folder_are_saved(store_of_five):
    store_of_five.conversations.set_pinned("ann", ["a"], True)
    store_of_five.conversations.move_to_folder("ann", ["a"], "Work")
    store_of_five.conversations.set_archived("ann", ["a"], True)
    conversation = store_of_five.conversations.get("ann", "a")
    assert (conversation.pinned, conversation.archived, conversation.folder) == (True, True, "Work")
    assert store_of_five.conversations.page("ann", 9, ARCHIVED) == [conversation]
    saved = save_conversation(
        store_of_five,
        "f",
        9.0,
        folder="New",
        pinned=True,
        title_source="person",
        truncation=Truncation("qf", "Before."),
    )
    assert store_of_five.conversations.get("ann", "f") == saved


def test_folders_are_sorted_and_counted(store_of_five):
    for conversation_id, folder in zip("abcd", ["b", "数据", "A", "b"], strict=True):
        store_of_five.conversations.move_to_folder("ann", [conversation_id], folder)
    assert store_of_five.conversations.folders("ann") == [("A", 1), ("b", 2), ("数据", 1)]
    store_of_five.conversations.set_pinned("ann", ["a"], True)
    store_of_five.conversations.set_archived("ann", ["b"], True)
    store_of_five.conversations.delete("ann", ["c"])
    assert store_of_five.conversations.folders("ann") == [("b", 1)]


def test_deleted_conversations_are_unlisted_until_restored(store_of_five):
    store_of_five.conversations.set_pinned("ann", ["a", "b"], True)
    store_of_five.conversations.delete("ann", ["a", "e"])
    assert (list_ids(store_of_five), list_ids(store_of_five, PINNED)) == (["d", "c"], ["b"])
    assert store_of_five.conversations.get("ann", "a") is None
    store_of_five.conversations.restore("ann", ["a", "e"])
    assert (list_ids(store_of_five), list_ids(store_of_five, PINNED)) == (["e", "d", "c"], ["b", "a"])


def test_more_ids_than_fit_in_a_statement_are_updated(store):
    ids = [f"c{number}" for number in range(1200)]
    for conversation_id in ids[::300]:
        save_conversation(store, conversation_id)
    store.conversations.set_archived("ann", ids, True)
    assert sorted(list_ids(store, ARCHIVED)) == sorted(ids[::300])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_neither_omit_nor_repeat_conversations_with_equal_timestamps(store, size):
    for number in range(9):
        save_conversation(store, f"c{number}", float(number // 4))
    assert list_ids(store, size=size) == [f"c{n}" for n in (8, 7, 6, 5, 4, 3, 2, 1, 0)]


def test_a_page_starts_at_its_cursor_after_insertions_and_deletions(store_of_five):
    first = store_of_five.conversations.page("ann", 2)
    save_conversation(store_of_five, "new", 99.0)
    store_of_five.conversations.delete("ann", ["d"])
    assert [conversation.id for conversation in store_of_five.conversations.page("ann", 2, cursor=first[-1])] == [
        "c",
        "b",
    ]


@pytest.fixture
def store_of_many(store):
    """A store of ten thousand conversations in random order, most of them neither pinned nor filed."""
    field_sets: list[dict[str, Any]] = [{}, {"pinned": True}, {"folder": "Work"}, {"archived": True}]
    kinds = [rows.conversation_to_row(Conversation("c", "Why?", 1.0, **fields)) for fields in field_sets]
    chosen = random.Random(7).choices(kinds, [90, 1, 5, 4], k=CONVERSATION_COUNT)
    values = [
        kind | {"id": f"c{number}", "owner": "ann", "updated": float(number * 7919 % CONVERSATION_COUNT)}
        for number, kind in enumerate(chosen)
    ]
    with write_transaction(store._engine) as connection:
        connection.execute(sa.insert(conversations), values)
        connection.execute(sa.text("ANALYZE"))
    return store


def test_pages_of_ten_thousand_are_read_in_index_order(store_of_many):
    for conversation_filter in (OPEN, PINNED, ARCHIVED, ConversationFilter("folder", "Work")):
        assert_pages_are_read_in_index_order(store_of_many, conversation_filter)


def assert_pages_are_read_in_index_order(store: Store, conversation_filter: ConversationFilter) -> None:
    found: list[Conversation] = []

    def read_two_pages() -> None:
        found.extend(store.conversations.page("ann", 50, conversation_filter))
        found.extend(store.conversations.page("ann", 50, conversation_filter, found[-1]))

    plans = explain(store, read_two_pages)
    timestamps = [conversation.updated_at for conversation in found]
    assert timestamps == sorted(timestamps, reverse=True)
    assert len({conversation.id for conversation in found}) == len(timestamps) > 60
    plans = {statement: plan for statement, plan in plans.items() if "conversation.updated" in statement}
    assert len(plans) == 2
    index_name = "conversation_" + {"open": "shelf", "folder": "shelf"}.get(
        conversation_filter.kind, conversation_filter.kind
    )
    for plan in plans.values():
        assert f"INDEX {index_name}" in plan or f"Scan Backward using {index_name}" in plan, plan
        assert "TEMP B-TREE" not in plan and "Sort" not in plan, plan
        assert store._engine.dialect.name != "sqlite" or "INDEX node_arriving" in plan, plan
        assert "SCAN" not in plan and "Seq Scan on conversation" not in plan, plan


def test_a_conversation_with_an_arriving_answer_is_marked(store):
    conversation = save_conversation(store, "c")
    save_conversation(store, "other")
    answer = node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)
    store.messages.save_turn("ann", conversation, [answer])
    assert {conversation.id: conversation.arriving for conversation in store.conversations.page("ann", 9)} == {
        "c": True,
        "other": False,
    }
    assert store.conversations.get("ann", "c").arriving
    store.messages.finish("ann", replace(answer, outcome=Outcome.COMPLETE))
    assert not any(conversation.arriving for conversation in store.conversations.page("ann", 9))


@pytest.mark.parametrize("is_stale", [False, True])
def test_a_conversation_is_unread_from_the_end_of_an_answer_until_marked_read(store, is_stale):
    conversation = save_conversation(store, "c")
    answer = node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)
    store.messages.save_turn("ann", conversation, [answer])
    store.messages.save_checkpoints([Checkpoint("ann", answer)])[0]
    assert not store.conversations.get("ann", "c").unread
    if is_stale:
        assert store.messages.mark_stale(-1) == 1
    else:
        store.messages.finish("ann", replace(answer, outcome=Outcome.COMPLETE))
    assert store.conversations.page("ann", 9)[0].unread
    store.conversations.mark_read("ann", "c")
    assert not store.conversations.get("ann", "c").unread


def test_a_stopped_answer_is_not_unread(store):
    conversation = save_conversation(store, "c")
    store.messages.save_turn("ann", conversation, [node("a", "assistant", parent_id="qc", outcome=Outcome.ARRIVING)])
    store.messages.mark_stopped("ann", "a")
    assert not store.conversations.get("ann", "c").unread


def test_a_generated_title_replaces_only_the_title_from_the_question(store):
    save_conversation(store, "c")
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


def test_a_truncation_is_saved_and_cleared(store):
    save_conversation(store, "c")
    for truncation in (Truncation("qc"), Truncation("qc", "Before: 你好 \ud83d\x00"), None):
        store.conversations.set_truncation("ann", "c", truncation)
        assert store.conversations.get("ann", "c").truncation == truncation


def test_any_title_and_folder_name_can_be_saved(store):
    save_conversation(store, "c")
    store.conversations.rename("ann", "c", "a\x00b\ud83d")
    store.conversations.move_to_folder("ann", ["c"], "a\x00b\ud83d")
    store.conversations.set_generated_title("ann", "c", "\x00")
    ((folder, count),) = store.conversations.folders("ann")
    assert count == 1 and "\x00" not in folder
    assert list_ids(store, ConversationFilter("folder", "a\x00b\ud83d")) == ["c"]
