"""Visible paths of message trees."""

from hypothesis import given
from hypothesis import strategies as st

from lib.core.conversation import Message, Node, TextPart
from lib.core.tree import path


def node(name: str, parent: str | None) -> Node:
    return Node(name, parent, Message("user", (TextPart(name),)), 0.0)


def node_ids(nodes: list[Node]) -> list[str]:
    return [item.id for item in nodes]


def test_the_path_runs_from_the_root_to_the_head():
    nodes = [node("a", None), node("b", "a"), node("c", "b"), node("d", "b")]
    assert node_ids(path(nodes, "d")) == ["a", "b", "d"]
    assert node_ids(path(nodes, "c")) == ["a", "b", "c"]


def test_a_missing_or_unknown_head_has_an_empty_path():
    assert path([node("a", None)], None) == []
    assert path([node("a", None)], "z") == []


def test_a_missing_parent_and_a_cycle_end_the_path():
    assert node_ids(path([node("b", "gone"), node("c", "b")], "c")) == ["b", "c"]
    assert node_ids(path([node("a", "b"), node("b", "a")], "b")) == ["a", "b"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9) | st.none()), max_size=20),
    st.integers(0, 9),
)
def test_any_links_give_a_path_without_repetition_that_ends_at_the_head(links, head):
    nodes = [node(str(child), None if parent is None else str(parent)) for child, parent in links]
    ids = node_ids(path(nodes, str(head)))
    assert len(set(ids)) == len(ids)
    assert not ids or ids[-1] == str(head)
