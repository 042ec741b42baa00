"""Links to snapshots of conversations: made, listed, opened, taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lib.core.usage import ShareLink
from lib.storage.owned import mine
from lib.storage.schema import conversation as conversations
from lib.storage.schema import share as shares

# A deleted conversation's links are dead, and live again where it is brought back.
_there = sa.select(conversations.c.id).where(
    conversations.c.id == shares.c.conversation, conversations.c.deleted.is_(None)
)
_open = _there.correlate(shares).exists()


def add(
    connection: sa.Connection, owner: str, share: ShareLink, token_hash: str, snapshot: Mapping[str, Any]
) -> bool:
    """Keep a link; returns whether its conversation is there to be shared."""
    there = sa.select(conversations.c.id).where(mine(owner, share.conversation_id))
    if not connection.scalar(there.where(conversations.c.deleted.is_(None))):
        return False
    values = {
        "id": share.id,
        "owner": owner,
        "conversation": share.conversation_id,
        "token_hash": token_hash,
        "title": share.title,
        "snapshot": dict(snapshot),
        "created": share.created_at,
    }
    connection.execute(sa.insert(shares).values(values))
    return True


def of(connection: sa.Connection, owner: str) -> list[ShareLink]:
    columns = (shares.c.id, shares.c.conversation, shares.c.title, shares.c.created)
    query = sa.select(*columns).where(shares.c.owner == owner, _open)
    found = connection.execute(query.order_by(shares.c.created.desc(), shares.c.id))
    return [ShareLink(*row) for row in found]


def snapshot(connection: sa.Connection, token_hash: str) -> dict[str, Any] | None:
    query = sa.select(shares.c.snapshot).where(shares.c.token_hash == token_hash, _open)
    found: dict[str, Any] | None = connection.scalar(query)
    return found


def revoke(connection: sa.Connection, owner: str, share: str) -> None:
    where = (shares.c.owner == owner) & (shares.c.id == share)
    connection.execute(sa.delete(shares).where(where))
