"""The way up from a node, past those that are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def above(parents: Mapping[str, str | None], gone: Collection[str], node: str | None) -> str | None:
    """The node itself, or its nearest ancestor that is not `gone`; None where there is none.

    `parents` has the parent of each node by id. A circle ends the walk.
    """
    passed = set()
    while node is not None and node in gone and node not in passed:
        passed.add(node)
        node = parents.get(node)
    return None if node in gone else node
