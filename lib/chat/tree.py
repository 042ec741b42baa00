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
