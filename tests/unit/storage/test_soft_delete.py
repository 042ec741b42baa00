"""Soft delete: nodes keep their place, can be restored, and are purged without their children."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart

CONVERSATION = Conversation("c", "Why?", 9.0, "f", created_at=1.0)


def node(name: str, parent: str | None, **fields) -> Node:
    return replace(Node(name, parent, Message("user", (TextPart(f"text of {name}"),)), float(ord(name))), **fields)


# a ─ b ─ c ─ d ─ e ─ f, and beside them: c ─ g, b ─ h
TREE = [node("a", None), *(node(name, parent) for name, parent in ("ba", "cb", "dc", "ed", "fe", "gc", "hb"))]


@pytest.fixture
def tree_store(store):
    store.messages.save_turn("ann", CONVERSATION, TREE)
    return store


def parent_ids(store) -> dict[str, str | None]:
    return {node.id: node.parent_id for node in store.messages.nodes("ann", "c")}


def test_soft_deleted_nodes_keep_their_place_and_are_restored_unchanged(tree_store):
    tree_store.messages.set_deleted("ann", "c", ["c", "d", "x"], 5.0)
    nodes_by_id = {node.id: node for node in tree_store.messages.nodes("ann", "c")}
    assert {node_id: node.deleted_at for node_id, node in nodes_by_id.items() if node.deleted_at} == {
        "c": 5.0,
        "d": 5.0,
    }
    assert replace(nodes_by_id["c"], deleted_at=None) == TREE[2]
    assert tree_store.messages.node("ann", "d").deleted_at == 5.0
    tree_store.messages.set_deleted("ann", "c", ["c"], None)
    tree_store.messages.set_deleted("ann", "c", ["d"], None)
    assert tree_store.messages.nodes("ann", "c") == TREE


def test_soft_delete_ignores_nodes_of_another_conversation(tree_store):
    tree_store.messages.save_turn("ann", replace(CONVERSATION, id="other"), [node("z", None)])
    tree_store.messages.set_deleted("ann", "other", ["c"], 5.0)
    assert tree_store.messages.node("ann", "c").deleted_at is None
    assert tree_store.conversations.get("ann", "other").revision == 0


def test_purge_moves_children_to_the_nearest_remaining_ancestor(tree_store):
    tree_store.messages.set_deleted("ann", "c", ["c", "d"], time.time() - 100)
    assert tree_store.purge_deleted(200) == 0
    assert len(parent_ids(tree_store)) == 8
    assert tree_store.purge_deleted(50) == 0
    assert parent_ids(tree_store) == {"a": None, "b": "a", "e": "b", "f": "e", "g": "b", "h": "b"}
    assert tree_store.conversations.get("ann", "c").head_id == "f"
    tree_store.messages.set_deleted("ann", "c", ["c", "d"], None)
    assert len(parent_ids(tree_store)) == 6


def test_purge_of_root_and_leaf_nodes_updates_parents_and_head(tree_store):
    tree_store.messages.set_deleted("ann", "c", ["a", "b", "e", "f"], time.time() - 100)
    tree_store.purge_deleted(50)
    assert parent_ids(tree_store) == {"c": None, "d": "c", "g": "c", "h": None}
    assert tree_store.conversations.get("ann", "c").head_id == "d"


def test_purge_keeps_recently_deleted_nodes_and_their_children(tree_store):
    tree_store.messages.set_deleted("ann", "c", ["d"], time.time())
    tree_store.messages.set_deleted("ann", "c", ["c", "e"], time.time() - 100)
    tree_store.purge_deleted(50)
    assert parent_ids(tree_store) == {"a": None, "b": "a", "d": "b", "f": "d", "g": "b", "h": "b"}
    assert tree_store.messages.node("ann", "d").deleted_at


def test_purge_of_all_nodes_leaves_an_empty_conversation(tree_store):
    tree_store.messages.set_deleted("ann", "c", [node.id for node in TREE], 5.0)
    tree_store.purge_deleted(50)
    assert tree_store.messages.nodes("ann", "c") == []
    assert tree_store.conversations.get("ann", "c").head_id is None


def test_export_all_is_ordered_by_creation_and_omits_deleted_rows(tree_store):
    for number, name in enumerate("wxy"):
        conversation = Conversation(name, name, 1.0, created_at=9.0 - number, archived=name == "x")
        tree_store.messages.save_turn("ann", conversation, [node(name, None)])
    tree_store.conversations.delete("ann", ["w"])
    tree_store.messages.set_deleted("ann", "c", ["c", "d", "f"], 5.0)
    exported = list(tree_store.conversations.export_all("ann"))
    assert [conversation.id for conversation, _ in exported] == ["c", "y", "x"]
    conversation, nodes = exported[0]
    assert (conversation.head_id, conversation.revision) == ("e", 1)
    assert {child.id: child.parent_id for child in nodes} == {
        "a": None,
        "b": "a",
        "e": "b",
        "g": "b",
        "h": "b",
    }
    assert nodes[0] == TREE[0]


def test_export_all_skips_a_conversation_deleted_during_the_export(tree_store):
    tree_store.messages.save_turn("ann", replace(CONVERSATION, id="d", created_at=2.0), [])
    tree_store.messages.save_turn("ann", replace(CONVERSATION, id="e", created_at=3.0), [])
    exported = tree_store.conversations.export_all("ann")
    assert next(exported)[0].id == "c"
    tree_store.conversations.delete("ann", ["d"])
    assert [conversation.id for conversation, _ in exported] == ["e"]


def test_each_change_of_nodes_or_head_increments_the_revision(tree_store):
    answer = node("i", "f", outcome=Outcome.ARRIVING)
    changes = [
        lambda: tree_store.messages.save_turn("ann", CONVERSATION, [answer]),
        lambda: tree_store.messages.reopen("ann", CONVERSATION, answer),
        lambda: tree_store.messages.set_head("ann", "c", "h"),
        lambda: tree_store.messages.set_deleted("ann", "c", ["c"], 5.0),
        lambda: tree_store.messages.set_deleted("ann", "c", ["c"], None),
        lambda: tree_store.messages.add("ann", "c", node("j", "f")),
        lambda: (tree_store.messages.set_deleted("ann", "c", ["h"], 5.0), tree_store.purge_deleted(50)),
    ]
    revisions = [0]
    for change in changes:
        change()
        revisions.append(tree_store.conversations.get("ann", "c").revision)
    assert revisions == [0, 1, 2, 3, 4, 5, 6, 8]


def test_calls_without_effect_keep_the_revision(tree_store):
    tree_store.messages.set_head("ann", "c", "nowhere")
    tree_store.messages.set_deleted("ann", "c", ["nowhere"], 5.0)
    tree_store.messages.add("ann", "c", node("a", None))
    tree_store.messages.reopen("ann", CONVERSATION, node("z", "a"))
    tree_store.purge_deleted(-1)
    tree_store.conversations.rename("ann", "c", "Mine")
    assert tree_store.conversations.get("ann", "c") == replace(CONVERSATION, title="Mine", title_source="person")
