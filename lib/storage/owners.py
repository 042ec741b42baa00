"""All that is an owner's: read from first to last, removed, handed to another."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from lib.storage import persons, quotas
from lib.storage.schema import conversation as conversations
from lib.storage.schema import ledger, share
from lib.storage.schema import node as nodes
from lib.storage.schema import preference as preferences

_BATCH = 500  # ids in one query: databases limit how many values one may have


def ids(connection: sa.Connection, owner: str) -> list[str]:
    """The owner's conversations that are not deleted, oldest first."""
    query = sa.select(conversations.c.id).where(
        conversations.c.owner == owner, conversations.c.deleted.is_(None)
    )
    return list(connection.scalars(query.order_by(conversations.c.created, conversations.c.id)))


def taken(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids that a conversation or a node has, whoever's."""
    found: set[str] = set()
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        for column in (conversations.c.id, nodes.c.id):
            found.update(connection.scalars(sa.select(column).where(column.in_(some))))
    return found


def erase(connection: sa.Connection, owner: str) -> None:
    for table in (share, conversations, preferences):
        connection.execute(sa.delete(table).where(table.c.owner == owner))
    persons.erase(connection, owner)


def adopt(connection: sa.Connection, before: str, now: str) -> None:
    """Give all rows of one owner to another, but for preferences that the other has set already."""
    if before == now:
        return
    theirs = sa.select(preferences.c.name).where(preferences.c.owner == now)
    twice = (preferences.c.owner == before) & preferences.c.name.in_(theirs)
    connection.execute(sa.delete(preferences).where(twice))
    for table in (share, conversations, ledger, preferences):
        connection.execute(sa.update(table).where(table.c.owner == before).values(owner=now))
    quotas.adopt(connection, before, now)
