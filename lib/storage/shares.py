"""Share links to snapshots of conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lib.core.usage import Audience, ShareLink
from lib.storage.database.engine import Aggregate
from lib.storage.rows import owned
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import share as shares

# Links of a soft-deleted conversation do not open until it is restored.
_is_open = (
    sa.select(conversations.c.id)
    .where(conversations.c.id == shares.c.conversation, conversations.c.deleted.is_(None))
    .correlate(shares)
    .exists()
)


class Shares(Aggregate):
    """Share links. Owners list and revoke them; readers of its audience open a snapshot by its token."""

    def add(self, owner: str, share_link: ShareLink, token_hash: str, snapshot: Mapping[str, Any]) -> bool:
        """Save a link to a JSON snapshot; returns False when the owner has no such conversation."""
        conversation_id = share_link.conversation_id
        exists = sa.select(conversations.c.id).where(owned(owner, conversation_id))
        row = {
            "id": share_link.id,
            "owner": owner,
            "conversation": conversation_id,
            "token_hash": token_hash,
            "title": share_link.title,
            "snapshot": dict(snapshot),
            "created": share_link.created_at,
            "audience": share_link.audience,
        }
        with self._write(owner) as connection:
            if not connection.scalar(exists.where(conversations.c.deleted.is_(None))):
                return False
            connection.execute(sa.insert(shares).values(row))
        return True

    def links(self, owner: str) -> list[ShareLink]:
        """Return the owner's links, newest first, without those of deleted conversations."""
        columns = (shares.c.id, shares.c.conversation, shares.c.title, shares.c.created, shares.c.audience)
        query = sa.select(*columns).where(shares.c.owner == owner, _is_open)
        with self._read() as connection:
            rows = connection.execute(query.order_by(shares.c.created.desc(), shares.c.id))
            return [
                ShareLink(row.id, row.conversation, row.title, row.created, _parse_audience(row.audience))
                for row in rows
            ]

    def snapshot(self, token_hash: str, *, is_signed_in: bool = True) -> dict[str, Any] | None:
        """Return the snapshot of a link; None when it is revoked, its conversation deleted, or for others only."""
        query = sa.select(shares.c.snapshot).where(shares.c.token_hash == token_hash, _is_open)
        if not is_signed_in:
            query = query.where(shares.c.audience == "public")
        with self._read() as connection:
            snapshot: dict[str, Any] | None = connection.scalar(query)
        return snapshot

    def revoke(self, owner: str, share_link_id: str) -> None:
        where = (shares.c.owner == owner) & (shares.c.id == share_link_id)
        with self._write(owner) as connection:
            connection.execute(sa.delete(shares).where(where))


def _parse_audience(word: str) -> Audience:
    return "public" if word == "public" else "team"
