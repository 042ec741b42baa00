"""Rows of who did what: written and read inside a transaction that the store begins."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from lib.core.audit import AuditAction, AuditEvent
from lib.core.conversation import new_id
from lib.core.user import User
from lib.storage.schema import audit

_order = sa.tuple_(audit.c.at, audit.c.id)


def add(
    connection: sa.Connection, by: User, action: AuditAction, object_: str, detail: dict[str, Any]
) -> None:
    values = {"id": new_id(), "at": time.time(), "actor": by.id, "actor_name": by.name or by.email}
    values |= {"action": action, "object": object_, "detail": detail}
    connection.execute(sa.insert(audit).values(values))


def newest(connection: sa.Connection, limit: int, action: str, before: AuditEvent | None) -> list[AuditEvent]:
    query = sa.select(audit)
    if action:
        query = query.where(audit.c.action == action)
    if before:
        query = query.where(_order < sa.tuple_(sa.literal(before.occurred_at), sa.literal(before.id)))
    query = query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)
    return [
        AuditEvent(row.id, row.at, row.actor, row.actor_name, row.action, row.object, row.detail or {})
        for row in connection.execute(query)
    ]


def purge(connection: sa.Connection, before: float) -> int:
    return connection.execute(sa.delete(audit).where(audit.c.at < before)).rowcount


def forget_name(connection: sa.Connection, actor: str) -> None:
    connection.execute(sa.update(audit).where(audit.c.actor == actor).values(actor_name=""))
