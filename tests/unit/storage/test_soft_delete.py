"""Soft delete: nodes keep their place, can be restored, and are purged without their children."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart

TALK = Conversation("c", "Why?", 9.0, "f", created_at=1.0)


def node(name: str, parent: str | None, **more) -> Node:
    return replace(
        Node(name, parent, Message("user", (TextPart(f"words of {name}"),)), float(ord(name))), **more
    )


# a ─ b ─ c ─ d ─ e ─ f, and beside them: c ─ g, b ─ h
TREE = [node("a", None), *(node(name, parent) for name, parent in ("ba", "cb", "dc", "ed", "fe", "gc", "hb"))]


@pytest.fixture
def grown(store):
    store.messages.save_turn("ann", TALK, TREE)
    return store


def places(store) -> dict[str, str | None]:
    return {one.id: one.parent_id for one in store.messages.nodes("ann", "c")}


def test_what_is_hidden_keeps_its_place_and_comes_back_as_it_was(grown):
    grown.messages.soft_delete("ann", "c", ["c", "d", "x"], 5.0)
    known = {one.id: one for one in grown.messages.nodes("ann", "c")}
    assert {name: one.deleted_at for name, one in known.items() if one.deleted_at} == {"c": 5.0, "d": 5.0}
    assert replace(known["c"], deleted_at=None) == TREE[2]
    assert grown.messages.node("ann", "d").deleted_at == 5.0
    grown.messages.restore("ann", "c", ["c"])
    grown.messages.restore("ann", "c", ["d"])
    assert grown.messages.nodes("ann", "c") == TREE


def test_nodes_of_another_conversation_are_not_hidden(grown):
    grown.messages.save_turn("ann", replace(TALK, id="other"), [node("z", None)])
    grown.messages.soft_delete("ann", "other", ["c"], 5.0)
    assert grown.messages.node("ann", "c").deleted_at is None
    assert grown.conversations.get("ann", "other").revision == 0


def test_purge_puts_children_under_what_is_left_above_them(grown):
    grown.messages.soft_delete("ann", "c", ["c", "d"], time.time() - 100)
    assert grown.purge_deleted(200) == 0
    assert len(places(grown)) == 8
    assert grown.purge_deleted(50) == 0
    assert places(grown) == {"a": None, "b": "a", "e": "b", "f": "e", "g": "b", "h": "b"}
    assert grown.conversations.get("ann", "c").head_id == "f"
    grown.messages.restore("ann", "c", ["c", "d"])
    assert len(places(grown)) == 6


def test_purge_of_the_first_and_of_the_last(grown):
    grown.messages.soft_delete("ann", "c", ["a", "b", "e", "f"], time.time() - 100)
    grown.purge_deleted(50)
    assert places(grown) == {"c": None, "d": "c", "g": "c", "h": None}
    assert grown.conversations.get("ann", "c").head_id == "d"


def test_purge_leaves_what_was_hidden_lately_and_what_is_under_it(grown):
    grown.messages.soft_delete("ann", "c", ["d"], time.time())
    grown.messages.soft_delete("ann", "c", ["c", "e"], time.time() - 100)
    grown.purge_deleted(50)
    assert places(grown) == {"a": None, "b": "a", "d": "b", "f": "d", "g": "b", "h": "b"}
    assert grown.messages.node("ann", "d").deleted_at


def test_purge_of_all_leaves_an_empty_conversation(grown):
    grown.messages.soft_delete("ann", "c", [one.id for one in TREE], 5.0)
    grown.purge_deleted(50)
    assert grown.messages.nodes("ann", "c") == []
    assert grown.conversations.get("ann", "c").head_id is None


def test_everything_is_read_without_what_is_hidden_or_deleted_oldest_first(grown):
    for number, name in enumerate("wxy"):
        talk = Conversation(name, name, 1.0, created_at=9.0 - number, archived=name == "x")
        grown.messages.save_turn("ann", talk, [node(name, None)])
    grown.conversations.delete("ann", ["w"])
    grown.messages.soft_delete("ann", "c", ["c", "d", "f"], 5.0)
    found = list(grown.conversations.export_all("ann"))
    assert [talk.id for talk, _ in found] == ["c", "y", "x"]
    talk, nodes = found[0]
    assert (talk.head_id, talk.revision) == ("e", 1)
    assert {one.id: one.parent_id for one in nodes} == {"a": None, "b": "a", "e": "b", "g": "b", "h": "b"}
    assert nodes[0] == TREE[0]


def test_everything_goes_on_where_a_conversation_is_gone_meanwhile(grown):
    grown.messages.save_turn("ann", replace(TALK, id="d", created_at=2.0), [])
    grown.messages.save_turn("ann", replace(TALK, id="e", created_at=3.0), [])
    found = grown.conversations.export_all("ann")
    assert next(found)[0].id == "c"
    grown.conversations.delete("ann", ["d"])
    assert [talk.id for talk, _ in found] == ["e"]


def test_every_change_to_the_nodes_or_the_head_is_counted(grown):
    answer = node("i", "f", outcome=Outcome.ARRIVING)
    steps = [
        lambda: grown.messages.save_turn("ann", TALK, [answer]),
        lambda: grown.messages.reopen("ann", TALK, answer),
        lambda: grown.messages.set_head("ann", "c", "h"),
        lambda: grown.messages.soft_delete("ann", "c", ["c"], 5.0),
        lambda: grown.messages.restore("ann", "c", ["c"]),
        lambda: grown.messages.add("ann", "c", node("j", "f")),
        lambda: (grown.messages.soft_delete("ann", "c", ["h"], 5.0), grown.purge_deleted(50)),
    ]
    seen = [0]
    for step in steps:
        step()
        seen.append(grown.conversations.get("ann", "c").revision)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 8]


def test_what_changes_nothing_is_not_counted(grown):
    grown.messages.set_head("ann", "c", "nowhere")
    grown.messages.soft_delete("ann", "c", ["nowhere"], 5.0)
    grown.messages.add("ann", "c", node("a", None))
    grown.messages.reopen("ann", TALK, node("z", "a"))
    grown.purge_deleted(-1)
    grown.conversations.rename("ann", "c", "Mine")
    assert grown.conversations.get("ann", "c") == replace(TALK, title="Mine", title_source="person")
