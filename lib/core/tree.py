"""The message tree: paths, branches, alternatives and soft deletes, as pure functions over nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from lib.core.conversation import Node, Outcome, new_id


def find_undeleted_ancestor(
    parents: Mapping[str, str | None], deleted: Collection[str], node_id: str | None
) -> str | None:
    """Return the node itself or its nearest ancestor that is not deleted; None without one.

    `parents` maps node ids to parent ids. A cycle ends the walk.
    """
    passed = set()
    while node_id is not None and node_id in deleted and node_id not in passed:
        passed.add(node_id)
        node_id = parents.get(node_id)
    return None if node_id in deleted else node_id


def visible_nodes(nodes: Iterable[Node]) -> list[Node]:
    """Return the nodes without soft-deleted ones, in their order.

    Children of a deleted node get its nearest visible ancestor as parent. Deleted nodes keep their own
    parent, so that they can be restored.
    """
    nodes = list(nodes)
    parents, deleted = _parents_and_deleted(nodes)
    return [
        replace(node, parent_id=find_undeleted_ancestor(parents, deleted, node.parent_id))
        if node.parent_id in deleted
        else node
        for node in nodes
        if node.id not in deleted
    ]


def nearest_visible(nodes: Iterable[Node], node_id: str | None) -> str | None:
    """Return the id of the node or its nearest ancestor that is not deleted; None without one."""
    parents, deleted = _parents_and_deleted(nodes)
    ancestor = find_undeleted_ancestor(parents, deleted, node_id)
    return ancestor if ancestor in parents else None


def path(nodes: Iterable[Node], head_id: str | None) -> list[Node]:
    """Return the nodes from the root to `head_id`, [] if there is none.

    A deleted head is replaced by its nearest visible ancestor. A missing parent or a cycle ends the walk: the
    reachable part is returned.
    """
    nodes = list(nodes)
    unvisited = {node.id: node for node in visible_nodes(nodes)}
    head_id = nearest_visible(nodes, head_id)
    walked: list[Node] = []
    while head_id is not None and head_id in unvisited:
        node = unvisited.pop(head_id)
        walked.append(node)
        head_id = node.parent_id
    return walked[::-1]


def siblings(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Return the ids of all alternatives of each message that has any, itself included, oldest first."""
    families: dict[tuple[str | None, str], list[Node]] = {}
    for node in visible_nodes(nodes):
        families.setdefault((node.parent_id, node.message.role), []).append(node)
    return {
        node.id: [sibling.id for sibling in sorted(family, key=_creation_key)]
        for family in families.values()
        if len(family) > 1
        for node in family
    }


def newest_leaf(nodes: Iterable[Node], start: str) -> str:
    """Return the end of the branch through `start` that was added last."""
    newest: dict[str | None, Node] = {}
    for node in sorted(visible_nodes(nodes), key=_creation_key):
        newest[node.parent_id] = node
    walked = {start}
    while start in newest and newest[start].id not in walked:
        start = newest[start].id
        walked.add(start)
    return start


def turn_node_ids(nodes: Iterable[Node], node_id: str) -> list[str]:
    """Return the ids of a question and all its answers, for any of them; [] for an unknown node."""
    visible = {node.id: node for node in visible_nodes(nodes)}
    selected = visible.get(node_id)
    if selected is None:
        return []
    question_id = selected.id if selected.message.role == "user" else selected.parent_id
    answers = [
        node.id for node in visible.values() if node.parent_id == question_id and node.message.role == "assistant"
    ]
    return [question_id, *answers] if question_id in visible else answers or [node_id]


def head_after_delete(nodes: Iterable[Node], deleted_ids: Iterable[str], head_id: str | None) -> str | None:
    """Return the head to show after these nodes are deleted; None if no node remains.

    The head stays if it survives. Otherwise it is the end of a branch beside the deleted turn, or else the
    node before it.
    """
    deleted = set(deleted_ids)
    remaining = [replace(node, deleted_at=0.0) if node.id in deleted else node for node in nodes]
    visible = {node.id: node for node in visible_nodes(remaining)}
    if head_id in visible:
        return head_id
    previous_id = nearest_visible(remaining, head_id)
    branches = [node for node in visible.values() if node.parent_id == previous_id and node.message.role == "user"]
    start = max(branches, key=_creation_key).id if branches else previous_id
    return newest_leaf(remaining, start) if start else None


def copy_path(nodes: Iterable[Node]) -> list[Node]:
    """Return a path as a tree of its own: the same nodes under new ids, without feedback."""
    copies: list[Node] = []
    for node in nodes:
        parent = copies[-1].id if copies else None
        outcome = Outcome.INTERRUPTED if node.arriving else node.outcome
        copies.append(replace(node, id=new_id(), parent_id=parent, outcome=outcome, feedback=None))
    return copies


def sort_nodes(nodes: Iterable[Node]) -> list[Node]:
    """Sort nodes branch by branch, parents first, siblings oldest first; a cycle is left out."""
    nodes_by_id = {node.id: node for node in sorted(nodes, key=lambda node: (node.created_at, node.id))}
    parents = {node.id: node.parent_id if node.parent_id in nodes_by_id else None for node in nodes_by_id.values()}
    return [nodes_by_id[node_id] for node_id in preorder(parents)]


def preorder(parents: Mapping[str, str | None]) -> list[str]:
    """List all ids, each after its parent and before its parent's next child."""
    children: dict[str | None, list[str]] = {}
    for child_id, parent_id in parents.items():
        children.setdefault(parent_id, []).append(child_id)
    order: list[str] = []
    stack = children.get(None, [])[::-1]
    while stack:
        order.append(stack.pop())
        stack += reversed(children.get(order[-1], ()))
    return order


def _parents_and_deleted(nodes: Iterable[Node]) -> tuple[dict[str, str | None], set[str]]:
    """Return the parent of each node, and the ids of deleted nodes."""
    nodes = list(nodes)
    parents = {node.id: node.parent_id for node in nodes}
    return parents, {node.id for node in nodes if node.deleted_at is not None}


def _creation_key(node: Node) -> tuple[float, str]:
    return node.created_at, node.id
