"""The lists of conversations: what stands on which shelf, and what is done to it there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Conversation, Outcome
from lib.core.usage import ConversationFilter
from lib.storage import rows
from lib.storage.owned import batches, mine
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes

ARRIVING = nodes.c.outcome == Outcome.ARRIVING
_arriving = (
    sa.select(nodes.c.id)
    .where(nodes.c.conversation == conversations.c.id, ARRIVING)
    .correlate(conversations)
    .exists()
    .label("arriving")
)
_listed = sa.select(conversations, _arriving).where(conversations.c.deleted.is_(None))
_order = sa.tuple_(conversations.c.updated, conversations.c.id)


def one(connection: sa.Connection, owner: str, conversation: str) -> Conversation | None:
    row = connection.execute(_listed.where(mine(owner, conversation))).first()
    return rows.conversation(row) if row else None


def some(connection: sa.Connection, owner: str, ids: Sequence[str]) -> dict[str, Conversation]:
    """Those of the named conversations that are there, by id."""
    found: dict[str, Conversation] = {}
    for batch in batches(ids):
        query = _listed.where(conversations.c.owner == owner, conversations.c.id.in_(batch))
        found |= {row.id: rows.conversation(row) for row in connection.execute(query)}
    return found


def shelf(
    connection: sa.Connection, owner: str, limit: int, place: ConversationFilter, before: Conversation | None
) -> list[Conversation]:
    """The newest conversations of a shelf, newest first, from after `before` on."""
    query = _listed.where(conversations.c.owner == owner, *_on(place))
    if before:
        query = query.where(_order < sa.tuple_(sa.literal(before.updated_at), sa.literal(before.id)))
    query = query.order_by(conversations.c.updated.desc(), conversations.c.id.desc()).limit(limit)
    return [rows.conversation(row) for row in connection.execute(query)]


def folders(connection: sa.Connection, owner: str) -> list[tuple[str, int]]:
    """The folders in the order of their names, with how many conversations stand in each."""
    query = (
        sa.select(conversations.c.folder, sa.func.count())
        .where(conversations.c.owner == owner, conversations.c.deleted.is_(None))
        .where(~conversations.c.archived, ~conversations.c.pinned, conversations.c.folder != "")
        .group_by(conversations.c.folder)
    )
    found = [(row[0], row[1]) for row in connection.execute(query)]
    # Sorted here, since each database has an order of its own.
    return sorted(found, key=lambda item: (item[0].casefold(), item[0]))


def change(connection: sa.Connection, owner: str, ids: Sequence[str], **values: Any) -> None:
    """Set columns of the owner's conversations."""
    for batch in batches(ids):
        where = (conversations.c.owner == owner) & conversations.c.id.in_(batch)
        connection.execute(sa.update(conversations).where(where).values(values))


def entitle(connection: sa.Connection, owner: str, conversation: str, title: str) -> None:
    where = mine(owner, conversation) & (conversations.c.titled == "question")
    connection.execute(sa.update(conversations).where(where).values(title=title, titled="model"))


def seen(connection: sa.Connection, owner: str, conversation: str) -> None:
    where = mine(owner, conversation) & conversations.c.unread
    connection.execute(sa.update(conversations).where(where).values(unread=False))


def touch(connection: sa.Connection, owner: str, conversation: str, **values: Any) -> None:
    """Count one more change to the nodes or the head of a conversation, and set columns of it."""
    values["rev"] = conversations.c.rev + 1
    connection.execute(sa.update(conversations).where(mine(owner, conversation)).values(values))


def purge(connection: sa.Connection, age: float) -> int:
    old = conversations.c.deleted < time.time() - age
    return connection.execute(sa.delete(conversations).where(old)).rowcount


def _on(place: ConversationFilter) -> list[sa.ColumnElement[bool]]:
    """What makes a conversation stand on a shelf; each kind has an index with the same conditions."""
    if place.kind == "archived":
        return [conversations.c.archived]
    if place.kind == "pinned":
        return [~conversations.c.archived, conversations.c.pinned]
    folder = place.folder if place.kind == "folder" else ""
    return [~conversations.c.archived, ~conversations.c.pinned, conversations.c.folder == folder]
