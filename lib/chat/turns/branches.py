"""What can be done with a conversation's branches: show one, go back, copy one, delete a turn, undo that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.chat.turns.turn import TurnServices
from lib.core import errors, tree
from lib.core.conversation import Conversation, Node, new_id


@dataclass(frozen=True)
class UndoPoint:
    """How a conversation was before a change, as far as is needed to undo it."""

    conversation_id: str
    head_id: str | None
    deleted_node_ids: tuple[str, ...] = ()


def show_branch(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> None:
    """Show the branch of a node: where it was last read to its end. Raises Gone and StoreError."""
    _, nodes = _load_conversation(services, owner, conversation_id, node_id)
    services.store.messages.set_head(owner, conversation_id, tree.newest_leaf(nodes, node_id))


def rewind_to(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> UndoPoint:
    """Go on from an earlier answer: what follows it stays, unseen. Raises Gone and StoreError."""
    base, _ = _load_conversation(services, owner, conversation_id, node_id)
    services.store.messages.set_head(owner, conversation_id, node_id)
    return UndoPoint(conversation_id, base.head_id)


def delete_turn(services: TurnServices, owner: str, conversation_id: str, node_id: str) -> UndoPoint:
    """Delete the turn of a node: its question and all answers to that. What follows it stays.

    Raises StaleTurn while one of them is arriving, Gone and StoreError.
    """
    with services.generations.claim_turn(conversation_id):
        base, nodes = _load_conversation(services, owner, conversation_id, node_id)
        gone = tree.turn_node_ids(nodes, node_id)
        if any(one.arriving for one in nodes if one.id in gone):
            raise errors.TurnInProgress
        head = tree.head_after_delete(nodes, gone, base.head_id)
        services.store.messages.soft_delete(owner, conversation_id, gone, time.time())
        if head != base.head_id:
            services.store.messages.set_head(owner, conversation_id, head)
        return UndoPoint(conversation_id, base.head_id, tuple(gone))


def undo_change(services: TurnServices, owner: str, undo_point: UndoPoint) -> None:
    """Take a change back. Raises StaleTurn while an answer is arriving, and StoreError."""
    with services.generations.claim_turn(undo_point.conversation_id):
        if undo_point.deleted_node_ids:
            services.store.messages.restore(owner, undo_point.conversation_id, undo_point.deleted_node_ids)
        services.store.messages.set_head(owner, undo_point.conversation_id, undo_point.head_id)


def branch_conversation(
    services: TurnServices, owner: str, conversation_id: str, node_id: str, title: str
) -> Conversation:
    """Copy the path to a node into a new conversation of that title. Raises Gone and StoreError."""
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
    services.store.messages.save_turn(owner, new, copies)
    return new


def _load_conversation(
    services: TurnServices, owner: str, conversation_id: str, node_id: str
) -> tuple[Conversation, Sequence[Node]]:
    """A conversation and all its nodes, `node` among them. Raises Gone."""
    base = services.store.conversations.get(owner, conversation_id)
    nodes = services.store.messages.nodes(owner, conversation_id) if base else []
    if base is None or not any(one.id == node_id and one.deleted_at is None for one in nodes):
        raise errors.ConversationNotFound
    return base, nodes
