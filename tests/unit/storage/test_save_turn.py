"""Saving turns, branches and imports: whole or not at all, with nodes in any order."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.core.usage import UsageRecord

TARGET = Target("claude-x", "anthropic")
TALK = Conversation("c", "Brought here", 7.0, "n1999", created_at=3.5, title_source="person", folder="Old")


def node(name: str, parent: str | None, created: float = 1.0) -> Node:
    return Node(name, parent, Message("user", (TextPart(f"你好 {name}"),)), created)


def test_a_long_conversation_is_brought_in_in_any_order(store):
    """A path of two thousand, a third of its nodes with a second child."""
    nodes = [node(f"n{number}", f"n{number - 1}" if number else None, number / 8) for number in range(2000)]
    nodes += [node(f"m{number}", f"n{number}", 1e9 + number) for number in range(0, 2000, 3)]
    shuffled = random.Random(1).sample(nodes, len(nodes))
    store.messages.save_turn("ann", TALK, shuffled)
    assert store.conversations.get("ann", "c") == TALK
    assert store.messages.nodes("ann", "c") == nodes
    assert store.search.find("ann", "你好 n1234", 9)[0].node_id == "n1234"


def test_a_conversation_that_does_not_say_when_it_was_made_was_made_now(store):
    store.messages.save_turn("ann", replace(TALK, created_at=0.0), [])
    assert store.conversations.get("ann", "c").created_at == 7.0


def test_a_turn_moves_the_conversation_and_leaves_what_else_is_set(store):
    store.messages.save_turn("ann", TALK, [node("a", None)])
    store.conversations.set_pinned("ann", ["c"], True)
    moved = replace(
        TALK,
        head_id="b",
        updated_at=9.0,
        target=TARGET,
        created_at=99.0,
        folder="New",
        title_source="question",
    )
    store.messages.save_turn("ann", replace(moved, title="New"), [node("b", "a")])
    assert store.conversations.get("ann", "c") == replace(
        TALK, head_id="b", updated_at=9.0, target=TARGET, pinned=True, revision=1
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
    ids=["no parent", "a circle", "twice", "a parent elsewhere", "an id elsewhere"],
)
def test_what_cannot_be_begun_leaves_nothing(store, nodes):
    store.messages.save_turn("ann", replace(TALK, id="other"), [node("taken", None)])
    with pytest.raises(StoreError):
        store.messages.save_turn("ann", TALK, nodes)
    assert store.conversations.get("ann", "c") is None
    assert store.messages.nodes("ann", "c") == []
    assert len(store.search.find("ann", "你好", 9)) == 1


def test_an_alternative_without_a_parent_here_is_not_added(store):
    store.messages.save_turn("ann", TALK, [node("a", None)])
    store.messages.save_turn("ann", replace(TALK, id="other"), [node("b", None)])
    for parent in ("b", "missing"):
        store.messages.add("ann", "c", node("x", parent))
    store.messages.add("ann", "c", node("root", None))
    assert [one.id for one in store.messages.nodes("ann", "c")] == ["a", "root"]


def test_what_a_request_took_is_written_once_and_stays(store):
    store.messages.save_turn("ann", TALK, [])
    usage, timing = Usage(2**40, 2, None, 0, 5), Timing(0.25, None, 3.5)
    spend = UsageRecord("s", "c", "answer", TARGET, usage, timing, Outcome.STOPPED, "req\x00\ud83d", 5.0)
    store.usage.record("ann", spend)
    store.usage.record("ann", replace(spend, usage=Usage(1)))
    title = UsageRecord("t", "c", "title", TARGET, Usage(), Timing(), Outcome.COMPLETE, "", 4.0)
    store.usage.record("ann", title)
    store.usage.record("ann", replace(title, id="u", conversation_id=None))
    kept = replace(spend, request_id="req\ufffd\ufffd")
    assert store.usage.records("ann", "c") == [title, kept]
    store.conversations.delete("ann", ["c"])
    store.purge_deleted(-1)
    assert store.usage.records("ann", "c") == [title, kept]
