"""Hidden nodes: marked, left out of what is read, and in the end removed, their children attached anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from lib.core.conversation import Conversation, Node
from lib.core.tree import find_undeleted_ancestor
from lib.storage.lists import touch
from lib.storage.owned import batches, in_mine
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes


def hide(
    connection: sa.Connection, owner: str, conversation: str, ids: Sequence[str], when: float | None
) -> None:
    """Mark nodes of a conversation as deleted, or bring them back."""
    found = 0
    for batch in batches(ids):
        where = (nodes.c.conversation == conversation) & nodes.c.id.in_(batch) & in_mine(owner)
        found += connection.execute(sa.update(nodes).where(where).values(deleted=when)).rowcount
    if found:
        touch(connection, owner, conversation)


def without(talk: Conversation, known: Sequence[Node]) -> tuple[Conversation, list[Node]]:
    """A conversation without its hidden nodes: the others, and its head, put under what is above those."""
    parents = {one.id: one.parent_id for one in known}
    gone = {one.id for one in known if one.deleted_at is not None}
    left = [
        replace(one, parent_id=find_undeleted_ancestor(parents, gone, one.parent_id))
        for one in known
        if one.id not in gone
    ]
    return replace(talk, head_id=find_undeleted_ancestor(parents, gone, talk.head_id)), left


def purge(connection: sa.Connection, age: float) -> None:
    """Remove what was hidden more than `age` seconds ago."""
    old = nodes.c.deleted < time.time() - age
    concerned = sa.select(nodes.c.conversation).where(old).distinct()
    for conversation in connection.scalars(concerned).all():
        _purge(connection, conversation, old)


def _purge(connection: sa.Connection, conversation: str, old: sa.ColumnElement[bool]) -> None:
    # Locked where a database has many writers: nothing gets such a node for a parent meanwhile.
    query = sa.select(nodes.c.id, nodes.c.parent, old.label("old")).where(
        nodes.c.conversation == conversation
    )
    found = connection.execute(query.with_for_update()).all()
    parents = {row.id: row.parent for row in found}
    gone = {row.id for row in found if row.old}
    for row in found:
        if row.parent in gone and row.id not in gone:
            parent = find_undeleted_ancestor(parents, gone, row.parent)
            connection.execute(sa.update(nodes).where(nodes.c.id == row.id).values(parent=parent))
    here = conversations.c.id == conversation
    head = connection.scalar(sa.select(conversations.c.head).where(here))
    values = {"head": find_undeleted_ancestor(parents, gone, head), "rev": conversations.c.rev + 1}
    connection.execute(sa.update(conversations).where(here).values(values))
    for batch in batches(list(gone)):
        connection.execute(sa.delete(nodes).where(nodes.c.id.in_(batch)))
