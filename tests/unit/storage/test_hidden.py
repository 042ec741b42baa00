"""Nodes that are hidden keep their place, come back, and in the end go without what is under them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Message, Node, Outcome, Text

TALK = Conversation("c", "Why?", 9.0, "f", created=1.0)


def node(name: str, parent: str | None, **more) -> Node:
    return replace(Node(name, parent, Message("user", (Text(f"words of {name}"),)), float(ord(name))), **more)


# a ─ b ─ c ─ d ─ e ─ f, and beside them: c ─ g, b ─ h
TREE = [node("a", None), *(node(name, parent) for name, parent in ("ba", "cb", "dc", "ed", "fe", "gc", "hb"))]


@pytest.fixture
def grown(store):
    store.begin("ann", TALK, TREE)
    return store


def places(store) -> dict[str, str | None]:
    return {one.id: one.parent for one in store.nodes("ann", "c")}


def test_what_is_hidden_keeps_its_place_and_comes_back_as_it_was(grown):
    grown.hide("ann", "c", ["c", "d", "x"], 5.0)
    known = {one.id: one for one in grown.nodes("ann", "c")}
    assert {name: one.deleted for name, one in known.items() if one.deleted} == {"c": 5.0, "d": 5.0}
    assert replace(known["c"], deleted=None) == TREE[2]
    assert grown.node("ann", "d").deleted == 5.0
    grown.hide("ann", "c", ["c"], None)
    grown.hide("ann", "c", ["d"], None)
    assert grown.nodes("ann", "c") == TREE


def test_nodes_of_another_conversation_are_not_hidden(grown):
    grown.begin("ann", replace(TALK, id="other"), [node("z", None)])
    grown.hide("ann", "other", ["c"], 5.0)
    assert grown.node("ann", "c").deleted is None
    assert grown.conversation("ann", "other").rev == 0


def test_purge_puts_children_under_what_is_left_above_them(grown):
    grown.hide("ann", "c", ["c", "d"], time.time() - 100)
    assert grown.purge(200) == 0
    assert len(places(grown)) == 8
    assert grown.purge(50) == 0
    assert places(grown) == {"a": None, "b": "a", "e": "b", "f": "e", "g": "b", "h": "b"}
    assert grown.conversation("ann", "c").head == "f"
    grown.hide("ann", "c", ["c", "d"], None)
    assert len(places(grown)) == 6


def test_purge_of_the_first_and_of_the_last(grown):
    grown.hide("ann", "c", ["a", "b", "e", "f"], time.time() - 100)
    grown.purge(50)
    assert places(grown) == {"c": None, "d": "c", "g": "c", "h": None}
    assert grown.conversation("ann", "c").head == "d"


def test_purge_leaves_what_was_hidden_lately_and_what_is_under_it(grown):
    grown.hide("ann", "c", ["d"], time.time())
    grown.hide("ann", "c", ["c", "e"], time.time() - 100)
    grown.purge(50)
    assert places(grown) == {"a": None, "b": "a", "d": "b", "f": "d", "g": "b", "h": "b"}
    assert grown.node("ann", "d").deleted


def test_purge_of_all_leaves_an_empty_conversation(grown):
    grown.hide("ann", "c", [one.id for one in TREE], 5.0)
    grown.purge(50)
    assert grown.nodes("ann", "c") == []
    assert grown.conversation("ann", "c").head is None


def test_everything_is_read_without_what_is_hidden_or_deleted_oldest_first(grown):
    for number, name in enumerate("wxy"):
        talk = Conversation(name, name, 1.0, created=9.0 - number, archived=name == "x")
        grown.begin("ann", talk, [node(name, None)])
    grown.delete("ann", ["w"])
    grown.hide("ann", "c", ["c", "d", "f"], 5.0)
    found = list(grown.everything("ann"))
    assert [talk.id for talk, _ in found] == ["c", "y", "x"]
    talk, nodes = found[0]
    assert (talk.head, talk.rev) == ("e", 1)
    assert {one.id: one.parent for one in nodes} == {"a": None, "b": "a", "e": "b", "g": "b", "h": "b"}
    assert nodes[0] == TREE[0]


def test_everything_goes_on_where_a_conversation_is_gone_meanwhile(grown):
    grown.begin("ann", replace(TALK, id="d", created=2.0), [])
    grown.begin("ann", replace(TALK, id="e", created=3.0), [])
    found = grown.everything("ann")
    assert next(found)[0].id == "c"
    grown.delete("ann", ["d"])
    assert [talk.id for talk, _ in found] == ["e"]


def test_every_change_to_the_nodes_or_the_head_is_counted(grown):
    answer = node("i", "f", outcome=Outcome.ARRIVING)
    steps = [
        lambda: grown.begin("ann", TALK, [answer]),
        lambda: grown.reopen("ann", TALK, answer),
        lambda: grown.show("ann", "c", "h"),
        lambda: grown.hide("ann", "c", ["c"], 5.0),
        lambda: grown.hide("ann", "c", ["c"], None),
        lambda: grown.add("ann", "c", node("j", "f")),
        lambda: (grown.hide("ann", "c", ["h"], 5.0), grown.purge(50)),
    ]
    seen = [0]
    for step in steps:
        step()
        seen.append(grown.conversation("ann", "c").rev)
    assert seen == [0, 1, 2, 3, 4, 5, 6, 8]


def test_what_changes_nothing_is_not_counted(grown):
    grown.show("ann", "c", "nowhere")
    grown.hide("ann", "c", ["nowhere"], 5.0)
    grown.add("ann", "c", node("a", None))
    grown.reopen("ann", TALK, node("z", "a"))
    grown.purge(-1)
    grown.rename("ann", "c", "Mine")
    assert grown.conversation("ann", "c") == replace(TALK, title="Mine", titled="person")
