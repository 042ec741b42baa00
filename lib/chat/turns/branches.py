"""Branches of a conversation: show, rewind, copy, delete a turn, undo."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.chat.turns.services import TurnServices
from lib.core import errors, tree
from lib.core.conversation import Conversation, Node, new_id


@dataclass(frozen=True)
class UndoPoint:
    """State of a conversation before a change, as needed to undo it."""

    conversation_id: str
    head_id: str | None
    deleted_node_ids: tuple[str, ...] = ()


def show_branch(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> None:
    """Show the newest branch through a node. Raises ConversationNotFound and StoreError."""
    _, nodes = _load_conversation(services, owner, conversation_id, node_id)
    services.store.messages.set_head(owner, conversation_id, tree.newest_leaf(nodes, node_id))


def rewind_to(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> UndoPoint:
    """Make an earlier answer the head; what follows it stays. Raises ConversationNotFound and StoreError."""
    base, _ = _load_conversation(services, owner, conversation_id, node_id)
    services.store.messages.set_head(owner, conversation_id, node_id)
    return UndoPoint(conversation_id, base.head_id)


def delete_turn(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> UndoPoint:
    """Soft-delete a question and all its answers; what follows them stays.

    Raises TurnInProgress while one of them is arriving, ConversationNotFound and StoreError.
    """
    with services.generations.claim_turn(conversation_id):
        base, nodes = _load_conversation(services, owner, conversation_id, node_id)
        deleted_ids = tree.turn_node_ids(nodes, node_id)
        if any(node.arriving for node in nodes if node.id in deleted_ids):
            raise errors.TurnInProgress
        head = tree.head_after_delete(nodes, deleted_ids, base.head_id)
        services.store.messages.set_deleted(owner, conversation_id, deleted_ids, time.time())
        if head != base.head_id:
            services.store.messages.set_head(owner, conversation_id, head)
        return UndoPoint(conversation_id, base.head_id, tuple(deleted_ids))


def undo_change(services: TurnServices, owner: str, undo_point: UndoPoint) -> None:
    """Undo a change. Raises TurnInProgress while an answer is arriving, and StoreError."""
    with services.generations.claim_turn(undo_point.conversation_id):
        if undo_point.deleted_node_ids:
            services.store.messages.set_deleted(owner, undo_point.conversation_id, undo_point.deleted_node_ids, None)
        services.store.messages.set_head(owner, undo_point.conversation_id, undo_point.head_id)


def branch_conversation(
    services: TurnServices, owner: str, conversation_id: str, node_id: str, title: str
) -> Conversation:
    """Copy the path to a node into a new conversation. Raises ConversationNotFound and StoreError."""
    base, nodes = _load_conversation(services, owner, conversation_id, node_id)
    copies = tree.copy_path(route := tree.path(nodes, node_id))
    ids = {old.id: new.id for old, new in zip(route, copies, strict=True)}
    window = base.truncation and replace(
        base.truncation, start_id=ids.get(base.truncation.start_id, base.truncation.start_id)
    )
    now = time.time()
    new = Conversation(
        new_id(),
        title,
        now,
        head_id=copies[-1].id,
        target=base.target,
        params=base.params,
        created_at=now,
        title_source="person",
        folder=base.folder,
        truncation=window,
    )
    # A file that the original has lost, or was imported without, is named by the copy too.
    services.store.messages.save_turn(owner, new, copies, allow_missing_files=True)
    return new


def _load_conversation(
    services: TurnServices, owner: str, conversation_id: str, node_id: str
) -> tuple[Conversation, Sequence[Node]]:
    """Return a conversation and its nodes. Raises ConversationNotFound, also for a missing node."""
    base = services.store.conversations.get(owner, conversation_id)
    nodes = services.store.messages.nodes(owner, conversation_id) if base else []
    if base is None or not any(node.id == node_id and node.deleted_at is None for node in nodes):
        raise errors.ConversationNotFound
    return base, nodes
