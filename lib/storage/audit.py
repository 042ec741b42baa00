"""Audit log: actor, action and subject, without any message content."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from lib.core.audit import AuditAction, AuditEvent
from lib.core.conversation import new_id
from lib.core.user import User
from lib.storage.database.engine import Aggregate
from lib.storage.schema.tables import audit

_sort_key = sa.tuple_(audit.c.at, audit.c.id)


class Audit(Aggregate):
    """The audit log. Changes of policy and sessions write their own events in their transactions."""

    def record(self, actor: User, action: AuditAction, resource: str = "", **details: Any) -> None:
        """Insert an audit event; `details` must hold no message content."""
        with self._write(actor.id) as connection:
            insert_event(connection, actor, action, resource, details)

    def page(self, limit: int, action: str = "", cursor: AuditEvent | None = None) -> list[AuditEvent]:
        """Return the newest `limit` events, of one action unless that is "", newest first.

        Paginate by passing the last event of the previous page as `cursor`.
        """
        query = sa.select(audit)
        if action:
            query = query.where(audit.c.action == action)
        if cursor:
            query = query.where(_sort_key < sa.tuple_(sa.literal(cursor.occurred_at), sa.literal(cursor.id)))
        query = query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
        with self._read() as connection:
            return [
                AuditEvent(row.id, row.at, row.actor, row.actor_name, row.action, row.object, row.detail or {})
                for row in connection.execute(query)
            ]

    def purge(self, max_age: float) -> int:
        """Remove events older than the retention of `max_age` seconds; returns the count."""
        with self._write() as connection:
            return connection.execute(sa.delete(audit).where(audit.c.at < time.time() - max_age)).rowcount


def insert_event(
    connection: sa.Connection,
    actor: User,
    action: AuditAction,
    resource: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Insert an audit event in the caller's transaction."""
    row = {
        "id": new_id(),
        "at": time.time(),
        "actor": actor.id,
        "actor_name": actor.name or actor.email,
        "action": action,
        "object": resource,
        "detail": dict(details or {}),
    }
    connection.execute(sa.insert(audit).values(row))


def anonymize_actor(connection: sa.Connection, actor_id: str) -> None:
    connection.execute(sa.update(audit).where(audit.c.actor == actor_id).values(actor_name=""))
