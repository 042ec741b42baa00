"""The nodes of conversations: begun, grown, ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Conversation, Node, Outcome
from lib.core.errors import StoreError
from lib.core.usage import UsageRecord
from lib.storage import books, ledger, rows, search
from lib.storage.engine import insert
from lib.storage.lists import ARRIVING, touch
from lib.storage.owned import batches, in_mine, mine
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes

_MOVING = ("head", "model", "wire", "params", "updated")  # what a turn changes of its conversation
_GROWING = ("parts", "usage", "timing", "reason", "served", "beat")  # what changes while an answer comes


def of(connection: sa.Connection, owner: str, conversation: str) -> list[Node]:
    query = (
        sa.select(nodes)
        .where(nodes.c.conversation == conversation, in_mine(owner))
        .order_by(nodes.c.created, nodes.c.id)
    )
    return [rows.node(row) for row in connection.execute(query)]


def one(connection: sa.Connection, owner: str, node: str) -> Node | None:
    row = connection.execute(sa.select(nodes).where(nodes.c.id == node, in_mine(owner))).first()
    return rows.node(row) if row else None


def begin(connection: sa.Connection, owner: str, conversation: Conversation, new: Sequence[Node]) -> None:
    """Write the conversation, which may be new, and its new nodes in whatever order they are given.

    Raises StoreError where a node's parent is neither among them nor in the conversation.
    """
    values = rows.from_conversation(conversation)
    fresh = insert(connection, conversations).values(owner=owner, **values).on_conflict_do_nothing()
    # An insert's count of rows is not the same on all drivers; what it returns is.
    if not connection.scalar(fresh.returning(conversations.c.id)):
        if not connection.scalar(sa.select(conversations.c.id).where(mine(owner, conversation.id))):
            return
        touch(connection, owner, conversation.id, **{name: values[name] for name in _MOVING})
    _check_parents(connection, conversation.id, new)
    written = [rows.from_node(node) | {"conversation": conversation.id} for node in _parents_first(new)]
    if written:
        connection.execute(sa.insert(nodes), written)
        search.index(connection, [node.id for node in new])


def reopen(connection: sa.Connection, owner: str, conversation: Conversation, node: Node) -> None:
    values = {**_growing(node), "outcome": node.outcome, "failure": None, "request": node.usage_record_id}
    where = (nodes.c.id == node.id) & (nodes.c.conversation == conversation.id) & in_mine(owner)
    if connection.execute(sa.update(nodes).where(where).values(values)).rowcount:
        moved = rows.from_conversation(conversation)
        kept = {name: moved[name] for name in ("head", "params", "updated")}
        touch(connection, owner, conversation.id, **kept)


def add(connection: sa.Connection, owner: str, conversation: str, node: Node) -> None:
    there = sa.select(conversations.c.id).where(mine(owner, conversation))
    if node.parent_id is not None:
        there = there.join(nodes).where(nodes.c.id == node.parent_id)
    if connection.scalar(there):
        values = rows.from_node(node) | {"conversation": conversation}
        fresh = insert(connection, nodes).values(values).on_conflict_do_nothing()
        if connection.scalar(fresh.returning(nodes.c.id)):
            search.index(connection, [node.id])
            touch(connection, owner, conversation)


def show(connection: sa.Connection, owner: str, conversation: str, head: str | None) -> None:
    there = (nodes.c.id == head) & (nodes.c.conversation == conversation) & in_mine(owner)
    if head is None or connection.scalar(sa.select(nodes.c.id).where(there)):
        touch(connection, owner, conversation, head=head)


def checkpoint(connection: sa.Connection, owner: str, node: Node) -> Outcome | None:
    where = (nodes.c.id == node.id) & in_mine(owner)
    update = sa.update(nodes).where(where, ARRIVING).values(_growing(node))
    if connection.execute(update).rowcount:
        return Outcome.ARRIVING
    found = connection.scalar(sa.select(nodes.c.outcome).where(where))
    return Outcome(found) if found else None


def settle(connection: sa.Connection, owner: str, node: Node, spends: Sequence[UsageRecord]) -> None:
    values = _growing(node) | {"outcome": node.outcome, "request_id": node.request_id}
    values["failure"] = asdict(node.failure) if node.failure else None
    where = (nodes.c.id == node.id) & in_mine(owner)
    if connection.execute(sa.update(nodes).where(where).values(values)).rowcount:
        _ended(connection, [node.id])
    books.settle(connection, owner, spends)


def stop(connection: sa.Connection, owner: str, node: str) -> None:
    where = (nodes.c.id == node) & ARRIVING & in_mine(owner)
    if connection.execute(sa.update(nodes).where(where).values(outcome=Outcome.STOPPED)).rowcount:
        search.index(connection, [node])
        # Its producer may be dead by now; where it is not, it will tell more.
        ledger.add_lost(connection, [node])


def lost(stale: float) -> sa.ColumnElement[bool]:
    """Of `node`: arriving, and without a sign of life for `stale` seconds."""
    return ARRIVING & (nodes.c.beat < time.time() - stale)


def sweep(connection: sa.Connection, stale: float) -> int:
    found = connection.scalars(sa.select(nodes.c.id).where(lost(stale)).with_for_update()).all()
    for batch in batches(found):
        where = nodes.c.id.in_(batch)
        connection.execute(sa.update(nodes).where(where).values(outcome=Outcome.INTERRUPTED))
        ledger.add_lost(connection, batch)
        _ended(connection, batch)
    return len(found)


def _ended(connection: sa.Connection, ended: Sequence[str]) -> None:
    """Make what has come of these answers known: to the search, and to their conversations' owners."""
    search.index(connection, ended)
    of_these = sa.select(nodes.c.conversation).where(nodes.c.id.in_(ended))
    connection.execute(sa.update(conversations).where(conversations.c.id.in_(of_these)).values(unread=True))


def _check_parents(connection: sa.Connection, conversation: str, new: Sequence[Node]) -> None:
    own = {node.id for node in new}
    outside = [node.parent_id for node in new if node.parent_id is not None and node.parent_id not in own]
    for batch in batches(outside):
        here = (nodes.c.conversation == conversation) & nodes.c.id.in_(batch)
        if connection.scalar(sa.select(sa.func.count()).select_from(nodes).where(here)) != len(batch):
            raise StoreError("A node's parent is not in its conversation.")


def _parents_first(new: Sequence[Node]) -> list[Node]:
    """The nodes in an order that foreign keys allow; where they go round in a circle, as they are."""
    children: dict[str | None, list[Node]] = {}
    own = {node.id for node in new}
    for node in new:
        children.setdefault(node.parent_id if node.parent_id in own else None, []).append(node)
    ordered = children.get(None, [])
    for node in ordered:  # grows as it is walked
        ordered.extend(children.get(node.id, ()))
    return ordered if len(ordered) == len(new) else list(new)


def _growing(node: Node) -> dict[str, Any]:
    values = rows.from_node(node)
    return {name: values[name] for name in _GROWING}
