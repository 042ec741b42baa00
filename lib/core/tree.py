"""Branches: the path that is shown, alternatives, what deleting a turn leaves. Pure functions over nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lib.core.conversation import Node, Outcome, new_id


def find_undeleted_ancestor(
    parents: Mapping[str, str | None], deleted: Collection[str], node_id: str | None
) -> str | None:
    """The node itself, or its nearest ancestor that is not `gone`; None where there is none.

    `parents` has the parent of each node by id. A circle ends the walk.
    """
    passed = set()
    while node_id is not None and node_id in deleted and node_id not in passed:
        passed.add(node_id)
        node_id = parents.get(node_id)
    return None if node_id in deleted else node_id


def visible_nodes(nodes: Iterable[Node]) -> list[Node]:
    """The nodes without those of deleted turns, in their order.

    What followed a deleted turn follows what was before it; what was deleted keeps its own place, so
    that it can be brought back there.
    """
    known = list(nodes)
    parents, gone = _parents_and_deleted(known)
    return [
        replace(node, parent_id=find_undeleted_ancestor(parents, gone, node.parent_id))
        if node.parent_id in gone
        else node
        for node in known
        if node.id not in gone
    ]


def nearest_visible(nodes: Iterable[Node], node_id: str | None) -> str | None:
    """This node's id, or that of the nearest one above it that is not deleted; None where there is none."""
    parents, gone = _parents_and_deleted(nodes)
    found = find_undeleted_ancestor(parents, gone, node_id)
    return found if found in parents else None


def path(nodes: Iterable[Node], head_id: str | None) -> list[Node]:
    """The nodes from the root to `head`, in the order of reading; [] where there is no such head.

    Where `head` is deleted, its nearest living ancestor ends the path. A parent that is missing, or a
    circle, ends the walk: what can be shown is shown.
    """
    every = list(nodes)
    known = {node.id: node for node in visible_nodes(every)}
    head_id = nearest_visible(every, head_id)
    walked: list[Node] = []
    while head_id is not None and head_id in known:
        node = known.pop(head_id)
        walked.append(node)
        head_id = node.parent_id
    return walked[::-1]


def siblings(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """The ids of the alternatives of every message that has any, itself among them, oldest first."""
    families: dict[tuple[str | None, str], list[Node]] = {}
    for node in visible_nodes(nodes):
        families.setdefault((node.parent_id, node.message.role), []).append(node)
    return {
        node.id: [one.id for one in sorted(family, key=_creation_key)]
        for family in families.values()
        if len(family) > 1
        for node in family
    }


def newest_leaf(nodes: Iterable[Node], start: str) -> str:
    """The end of the branch through `start` that was added last."""
    newest: dict[str | None, Node] = {}
    for node in sorted(visible_nodes(nodes), key=_creation_key):
        newest[node.parent_id] = node
    walked = {start}
    while start in newest and newest[start].id not in walked:
        start = newest[start].id
        walked.add(start)
    return start


def turn_node_ids(nodes: Iterable[Node], node_id: str) -> list[str]:
    """The ids of a question and of all its answers, for either of them; [] where there is no such node."""
    alive = {one.id: one for one in visible_nodes(nodes)}
    found = alive.get(node_id)
    if found is None:
        return []
    question = found.id if found.message.role == "user" else found.parent_id
    answers = [
        one.id for one in alive.values() if one.parent_id == question and one.message.role == "assistant"
    ]
    return [question, *answers] if question in alive else answers or [node_id]


def head_after_delete(nodes: Iterable[Node], deleted_ids: Iterable[str], head_id: str | None) -> str | None:
    """The head to show when the turn of these nodes is deleted and `head` was shown; None where none is left.

    What was below is shown on. Where the head itself goes, another branch beside the turn is shown, and
    else what was before it.
    """
    lost = set(deleted_ids)
    rest = [replace(node, deleted_at=0.0) if node.id in lost else node for node in nodes]
    alive = {node.id: node for node in visible_nodes(rest)}
    if head_id in alive:
        return head_id
    before = nearest_visible(rest, head_id)
    beside = [node for node in alive.values() if node.parent_id == before and node.message.role == "user"]
    start = max(beside, key=_creation_key).id if beside else before
    return newest_leaf(rest, start) if start else None


def copy_path(nodes: Iterable[Node]) -> list[Node]:
    """A path as a tree of its own: the same nodes under new ids."""
    copies: list[Node] = []
    for node in nodes:
        parent = copies[-1].id if copies else None
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        copies.append(replace(node, id=new_id(), parent_id=parent, outcome=outcome))
    return copies


def _parents_and_deleted(nodes: Iterable[Node]) -> tuple[dict[str, str | None], set[str]]:
    """The parent of each node, and the ids of the deleted ones."""
    known = list(nodes)
    return {node.id: node.parent_id for node in known}, {
        node.id for node in known if node.deleted_at is not None
    }


def _creation_key(node: Node) -> tuple[float, str]:
    return node.created_at, node.id
