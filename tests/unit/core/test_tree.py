"""The path that is shown, whatever the nodes are like."""

from hypothesis import given
from hypothesis import strategies as some

from lib.core.conversation import Message, Node, TextPart
from lib.core.tree import path


def node(name: str, parent: str | None) -> Node:
    return Node(name, parent, Message("user", (TextPart(name),)), 0.0)


def names(nodes: list[Node]) -> list[str]:
    return [one.id for one in nodes]


def test_the_path_runs_from_the_root_to_the_head():
    nodes = [node("a", None), node("b", "a"), node("c", "b"), node("d", "b")]
    assert names(path(nodes, "d")) == ["a", "b", "d"]
    assert names(path(nodes, "c")) == ["a", "b", "c"]


def test_no_head_or_an_unknown_one_shows_nothing():
    assert path([node("a", None)], None) == []
    assert path([node("a", None)], "z") == []


def test_a_missing_parent_and_a_circle_end_the_walk():
    assert names(path([node("b", "gone"), node("c", "b")], "c")) == ["b", "c"]
    assert names(path([node("a", "b"), node("b", "a")], "b")) == ["a", "b"]


@given(
    some.lists(some.tuples(some.integers(0, 9), some.integers(0, 9) | some.none()), max_size=20),
    some.integers(0, 9),
)
def test_any_links_give_a_path_without_repeats_that_ends_at_the_head(links, head):
    nodes = [node(str(child), None if parent is None else str(parent)) for child, parent in links]
    walked = names(path(nodes, str(head)))
    assert len(set(walked)) == len(walked)
    assert not walked or walked[-1] == str(head)
