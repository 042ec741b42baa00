"""What can be done with a conversation's branches: show one, go back, copy one, delete a turn, undo that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lib.chat.turns.turn import Desk
from lib.core import errors, tree
from lib.core.conversation import Conversation, Node, new_id


@dataclass(frozen=True)
class Before:
    """How a conversation was before a change, as far as is needed to undo it."""

    conversation: str
    head: str | None
    hidden: tuple[str, ...] = ()


def show(desk: Desk, owner: str, conversation: str, node: str) -> None:
    """Show the branch of a node: where it was last read to its end. Raises Gone and StoreError."""
    _, nodes = _known(desk, owner, conversation, node)
    desk.store.show(owner, conversation, tree.leaf(nodes, node))


def go_back(desk: Desk, owner: str, conversation: str, node: str) -> Before:
    """Go on from an earlier answer: what follows it stays, unseen. Raises Gone and StoreError."""
    base, _ = _known(desk, owner, conversation, node)
    desk.store.show(owner, conversation, node)
    return Before(conversation, base.head)


def delete(desk: Desk, owner: str, conversation: str, node: str) -> Before:
    """Delete the turn of a node: its question and all answers to that. What follows it stays.

    Raises StaleTurn while one of them is arriving, Gone and StoreError.
    """
    with desk.answers.turn(conversation):
        base, nodes = _known(desk, owner, conversation, node)
        gone = tree.turn(nodes, node)
        if any(one.arriving for one in nodes if one.id in gone):
            raise errors.StaleTurn
        head = tree.after(nodes, gone, base.head)
        desk.store.hide(owner, conversation, gone, time.time())
        if head != base.head:
            desk.store.show(owner, conversation, head)
        return Before(conversation, base.head, tuple(gone))


def undo(desk: Desk, owner: str, before: Before) -> None:
    """Take a change back. Raises StaleTurn while an answer is arriving, and StoreError."""
    with desk.answers.turn(before.conversation):
        if before.hidden:
            desk.store.hide(owner, before.conversation, before.hidden, None)
        desk.store.show(owner, before.conversation, before.head)


def branch(desk: Desk, owner: str, conversation: str, node: str, title: str) -> Conversation:
    """Copy the path to a node into a new conversation of that title. Raises Gone and StoreError."""
    base, nodes = _known(desk, owner, conversation, node)
    copies = tree.copied(route := tree.path(nodes, node))
    ids = {old.id: new.id for old, new in zip(route, copies, strict=True)}
    window = base.window and replace(base.window, start=ids.get(base.window.start, base.window.start))
    now = time.time()
    new = Conversation(
        new_id(),
        title,
        now,
        head=copies[-1].id,
        target=base.target,
        params=base.params,
        created=now,
        titled="person",
        folder=base.folder,
        window=window,
    )
    desk.store.begin(owner, new, copies)
    return new


def _known(desk: Desk, owner: str, conversation: str, node: str) -> tuple[Conversation, Sequence[Node]]:
    """A conversation and all its nodes, `node` among them. Raises Gone."""
    base = desk.store.conversation(owner, conversation)
    nodes = desk.store.nodes(owner, conversation) if base else []
    if base is None or not any(one.id == node and one.deleted is None for one in nodes):
        raise errors.Gone
    return base, nodes
