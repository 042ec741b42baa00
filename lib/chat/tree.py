"""Branches: the path that is shown. Pure functions over nodes."""

from __future__ import annotations

from collections.abc import Iterable

from lib.core.types import Node


def path(nodes: Iterable[Node], head: str | None) -> list[Node]:
    """The nodes from the root to `head`, in the order of reading; [] where there is no such head.

    A parent that is missing, or a circle, ends the walk: what can be shown is shown.
    """
    known = {node.id: node for node in nodes}
    walked: list[Node] = []
    while head is not None and head in known:
        node = known.pop(head)
        walked.append(node)
        head = node.parent
    return walked[::-1]


def siblings(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """The ids of the alternatives of every message that has any, itself among them, oldest first."""
    families: dict[tuple[str | None, str], list[Node]] = {}
    for node in nodes:
        families.setdefault((node.parent, node.message.role), []).append(node)
    return {
        node.id: [one.id for one in sorted(family, key=lambda one: (one.created, one.id))]
        for family in families.values()
        if len(family) > 1
        for node in family
    }


def leaf(nodes: Iterable[Node], start: str) -> str:
    """The end of the branch through `start` that was added last."""
    newest: dict[str | None, Node] = {}
    for node in sorted(nodes, key=lambda node: (node.created, node.id)):
        newest[node.parent] = node
    walked = {start}
    while start in newest and newest[start].id not in walked:
        start = newest[start].id
        walked.add(start)
    return start
