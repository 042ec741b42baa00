"""Turns, branches and imports are saved atomically, with nodes in any order."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.core.usage import UsageRecord
from tests.support.usage_records import read_usage_records

TARGET = Target("claude-x", "anthropic")
CONVERSATION = Conversation("c", "Imported", 7.0, "n1999", created_at=3.5, title_source="person", folder="Old")


def node(name: str, parent: str | None, created: float = 1.0) -> Node:
    return Node(name, parent, Message("user", (TextPart(f"你好 {name}"),)), created)


def test_nodes_of_a_long_conversation_are_saved_in_any_order(store):
    """A path of two thousand nodes, a third of them with a second child."""
    nodes = [node(f"n{number}", f"n{number - 1}" if number else None, number / 8) for number in range(2000)]
    nodes += [node(f"m{number}", f"n{number}", 1e9 + number) for number in range(0, 2000, 3)]
    shuffled = random.Random(1).sample(nodes, len(nodes))
    store.messages.save_turn("ann", CONVERSATION, shuffled)
    assert store.conversations.get("ann", "c") == CONVERSATION
    assert store.messages.nodes("ann", "c") == nodes
    assert store.search.find("ann", "你好 n1234", 9)[0].hits[0].node_id == "n1234"


def test_a_missing_creation_time_is_the_time_of_the_update(store):
    store.messages.save_turn("ann", replace(CONVERSATION, created_at=0.0), [])
    assert store.conversations.get("ann", "c").created_at == 7.0


def test_a_turn_updates_head_and_target_and_keeps_other_fields(store):
    store.messages.save_turn("ann", CONVERSATION, [node("a", None)])
    store.conversations.set_pinned("ann", ["c"], True)
    updated = replace(
        CONVERSATION,
        head_id="b",
        updated_at=9.0,
        target=TARGET,
        created_at=99.0,
        folder="New",
        title_source="question",
    )
    store.messages.save_turn("ann", replace(updated, title="New"), [node("b", "a")])
    assert store.conversations.get("ann", "c") == replace(
        CONVERSATION, head_id="b", updated_at=9.0, target=TARGET, pinned=True, revision=1
    )


@pytest.mark.parametrize(
    "nodes",
    [
        [node("a", None), node("b", "missing")],
        [node("a", "b"), node("b", "a")],
        [node("a", None), node("a", None)],
        [node("a", "taken")],
        [node("taken", None)],
    ],
    ids=["no parent", "a cycle", "duplicate ids", "a parent elsewhere", "an id elsewhere"],
)
def test_an_invalid_turn_saves_nothing(store, nodes):
    store.messages.save_turn("ann", replace(CONVERSATION, id="other"), [node("taken", None)])
    with pytest.raises(StoreError):
        store.messages.save_turn("ann", CONVERSATION, nodes)
    assert store.conversations.get("ann", "c") is None
    assert store.messages.nodes("ann", "c") == []
    assert len(store.search.find("ann", "你好", 9)) == 1


def test_an_alternative_without_a_parent_in_its_conversation_is_not_added(store):
    store.messages.save_turn("ann", CONVERSATION, [node("a", None)])
    store.messages.save_turn("ann", replace(CONVERSATION, id="other"), [node("b", None)])
    for parent in ("b", "missing"):
        store.messages.add("ann", "c", node("x", parent))
    store.messages.add("ann", "c", node("root", None))
    assert [saved_node.id for saved_node in store.messages.nodes("ann", "c")] == ["a", "root"]


def test_a_usage_record_is_never_changed_and_survives_a_purge(store):
    store.messages.save_turn("ann", CONVERSATION, [])
    usage, timing = Usage(2**40, 2, None, 0, 5), Timing(0.25, None, 3.5)
    answer_record = UsageRecord("s", "c", "answer", TARGET, usage, timing, Outcome.STOPPED, "req\x00\ud83d", 5.0)
    store.usage.record("ann", answer_record)
    store.usage.record("ann", replace(answer_record, usage=Usage(1)))
    title_record = UsageRecord("t", "c", "title", TARGET, Usage(), Timing(), Outcome.COMPLETE, "", 4.0)
    store.usage.record("ann", title_record)
    store.usage.record("ann", replace(title_record, id="u", conversation_id=None))
    sanitized = replace(answer_record, request_id="req\ufffd\ufffd")
    assert read_usage_records(store, "ann", "c") == [title_record, sanitized]
    store.conversations.delete("ann", ["c"])
    store.purge_deleted(-1)
    assert read_usage_records(store, "ann", "c") == [title_record, sanitized]
