"""Large imports: in several transactions, with other writers in between, and all or nothing."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from lib.core.comparisons import Column, Comparison, Origin, Vote
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError
from lib.core.params import Params
from lib.core.target import Target
from lib.storage import conversations

TARGET = Target("m-one", "openai")


def build(name: str, count: int = 2) -> tuple[Conversation, list[Node]]:
    nodes = [
        Node(f"{name}-{n}", f"{name}-{n - 1}" if n else None, Message("user", (TextPart("Why?"),)), float(n))
        for n in range(count)
    ]
    return Conversation(name, "Why?", 2.0, nodes[-1].id, created_at=1.0), nodes


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """A transaction for each record, and records of 20 nodes."""
    monkeypatch.setattr(conversations, "_IMPORT_SECONDS", 0.0)
    monkeypatch.setattr(conversations, "_IMPORT_PAUSE", 0.01)
    monkeypatch.setattr(conversations, "_IMPORT_NODES", 20)


def test_other_users_write_while_a_large_import_runs(store):
    written = threading.Event()

    def records():
        yield build("a")
        yield build("b")
        # The transaction of the second record ends before the third is asked for.
        writer = threading.Thread(target=lambda: (store.messages.save_turn("bob", *build("x")), written.set()))
        writer.start()
        assert written.wait(20)
        writer.join()
        yield build("c")

    store.conversations.import_all("ann", records())
    assert {conversation.id for conversation in store.conversations.page("ann", 9)} == {"a", "b", "c"}
    assert store.conversations.get("bob", "x")


def test_a_failed_import_leaves_nothing_and_takes_nothing(store):
    kept, nodes = build("kept")
    store.messages.save_turn("ann", kept, nodes)
    twice = replace(build("b")[1][0], id="kept-0")
    with pytest.raises(StoreError):
        store.conversations.import_all("ann", [build("a"), build("b", 50), (build("c")[0], [twice])])
    assert [conversation.id for conversation in store.conversations.page("ann", 9)] == ["kept"]
    assert store.messages.nodes("ann", "kept") == nodes


def test_comparisons_are_exported_and_imported_with_their_columns(store):
    kept, column = build("kept"), build("column")
    columns = (Column("kept", "kept-0", TARGET), Column("column", "column-0", TARGET, Params(seed=1)))
    comparison = Comparison("k", "Why?", 1.0, columns, True, Vote("best", 1), Origin("kept", "kept-0"))
    records = [kept, (replace(column[0], comparison_id="k"), column[1])]
    store.conversations.import_all("ann", records, [comparison])
    assert store.comparisons.export_all("ann") == [comparison]
    assert [each.id for each, _ in store.conversations.export_all("ann")] == ["kept"]
    assert [each.id for each, _ in store.conversations.export_all("ann", has_columns=True)] == ["column"]
    store.comparisons.delete("ann", "k")
    assert store.comparisons.export_all("ann") == list(store.conversations.export_all("ann", has_columns=True)) == []


def test_a_failed_import_leaves_no_comparison(store):
    comparison = Comparison("k", "Why?", 1.0, (Column("c", "c-0", TARGET),))
    conversation, nodes = build("c", 30)
    cycle = [replace(nodes[0], parent_id="c-29"), *nodes[1:]]
    with pytest.raises(StoreError):
        store.conversations.import_all("ann", [(replace(conversation, comparison_id="k"), cycle)], [comparison])
    assert store.comparisons.export_all("ann") == []


def test_a_long_conversation_is_imported_in_parts_in_any_order_of_its_nodes(store):
    conversation, nodes = build("long", 101)
    store.conversations.import_all("ann", [(conversation, nodes[::-1])])
    assert store.messages.nodes("ann", "long") == nodes
    assert store.conversations.get("ann", "long").head_id == conversation.head_id


def test_nodes_that_form_a_cycle_are_refused(store):
    conversation, nodes = build("c", 30)
    with pytest.raises(StoreError):
        store.conversations.import_all("ann", [(conversation, [replace(nodes[0], parent_id="c-29"), *nodes[1:]])])
    assert store.conversations.get("ann", "c") is None
