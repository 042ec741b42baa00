"""Branches: the path that is shown, alternatives, what deleting a turn leaves. Pure functions over nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lib.core.conversation import Node, Outcome, new_id


def above(parents: Mapping[str, str | None], gone: Collection[str], node: str | None) -> str | None:
    """The node itself, or its nearest ancestor that is not `gone`; None where there is none.

    `parents` has the parent of each node by id. A circle ends the walk.
    """
    passed = set()
    while node is not None and node in gone and node not in passed:
        passed.add(node)
        node = parents.get(node)
    return None if node in gone else node


def living(nodes: Iterable[Node]) -> list[Node]:
    """The nodes without those of deleted turns, in their order.

    What followed a deleted turn follows what was before it; what was deleted keeps its own place, so
    that it can be brought back there.
    """
    known = list(nodes)
    parents, gone = _lineage(known)
    return [
        replace(node, parent=above(parents, gone, node.parent)) if node.parent in gone else node
        for node in known
        if node.id not in gone
    ]


def settled(nodes: Iterable[Node], node: str | None) -> str | None:
    """This node's id, or that of the nearest one above it that is not deleted; None where there is none."""
    parents, gone = _lineage(nodes)
    found = above(parents, gone, node)
    return found if found in parents else None


def path(nodes: Iterable[Node], head: str | None) -> list[Node]:
    """The nodes from the root to `head`, in the order of reading; [] where there is no such head.

    Where `head` is deleted, its nearest living ancestor ends the path. A parent that is missing, or a
    circle, ends the walk: what can be shown is shown.
    """
    every = list(nodes)
    known = {node.id: node for node in living(every)}
    head = settled(every, head)
    walked: list[Node] = []
    while head is not None and head in known:
        node = known.pop(head)
        walked.append(node)
        head = node.parent
    return walked[::-1]


def siblings(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """The ids of the alternatives of every message that has any, itself among them, oldest first."""
    families: dict[tuple[str | None, str], list[Node]] = {}
    for node in living(nodes):
        families.setdefault((node.parent, node.message.role), []).append(node)
    return {
        node.id: [one.id for one in sorted(family, key=_age)]
        for family in families.values()
        if len(family) > 1
        for node in family
    }


def leaf(nodes: Iterable[Node], start: str) -> str:
    """The end of the branch through `start` that was added last."""
    newest: dict[str | None, Node] = {}
    for node in sorted(living(nodes), key=_age):
        newest[node.parent] = node
    walked = {start}
    while start in newest and newest[start].id not in walked:
        start = newest[start].id
        walked.add(start)
    return start


def turn(nodes: Iterable[Node], node: str) -> list[str]:
    """The ids of a question and of all its answers, for either of them; [] where there is no such node."""
    alive = {one.id: one for one in living(nodes)}
    found = alive.get(node)
    if found is None:
        return []
    question = found.id if found.message.role == "user" else found.parent
    answers = [one.id for one in alive.values() if one.parent == question and one.message.role == "assistant"]
    return [question, *answers] if question in alive else answers or [node]


def after(nodes: Iterable[Node], gone: Iterable[str], head: str | None) -> str | None:
    """The head to show when the turn of these nodes is deleted and `head` was shown; None where none is left.

    What was below is shown on. Where the head itself goes, another branch beside the turn is shown, and
    else what was before it.
    """
    lost = set(gone)
    rest = [replace(node, deleted=0.0) if node.id in lost else node for node in nodes]
    alive = {node.id: node for node in living(rest)}
    if head in alive:
        return head
    before = settled(rest, head)
    beside = [node for node in alive.values() if node.parent == before and node.message.role == "user"]
    start = max(beside, key=_age).id if beside else before
    return leaf(rest, start) if start else None


def copied(route: Iterable[Node]) -> list[Node]:
    """A path as a tree of its own: the same nodes under new ids."""
    copies: list[Node] = []
    for node in route:
        parent = copies[-1].id if copies else None
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        copies.append(replace(node, id=new_id(), parent=parent, outcome=outcome))
    return copies


def _lineage(nodes: Iterable[Node]) -> tuple[dict[str, str | None], set[str]]:
    """The parent of each node, and the ids of the deleted ones."""
    known = list(nodes)
    return {node.id: node.parent for node in known}, {node.id for node in known if node.deleted is not None}


def _age(node: Node) -> tuple[float, str]:
    return node.created, node.id
