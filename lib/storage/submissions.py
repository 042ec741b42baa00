"""Idempotency keys: a question that a browser submits again is stored once."""

from __future__ import annotations

import time

import sqlalchemy as sa

from lib.core.errors import DuplicateSubmission
from lib.storage.database.engine import insert
from lib.storage.schema.tables import submission as submissions

RETENTION_SECONDS = 7 * 24 * 3600.0  # far longer than a browser submits a question again


def claim_submission(connection: sa.Connection, owner: str, key: str, conversation_id: str) -> None:
    """Store a key with the question of the same transaction; "" is no key.

    Raises DuplicateSubmission if the owner has stored it, also in a transaction that commits meanwhile.
    """
    if not key:
        return
    row = {"owner": owner, "key": key, "conversation": conversation_id, "created": time.time()}
    statement = insert(connection, submissions).values(row).on_conflict_do_nothing()
    if not connection.scalar(statement.returning(submissions.c.key)):
        raise DuplicateSubmission(find_submission(connection, owner, key) or "")


def find_submission(connection: sa.Connection, owner: str, key: str) -> str | None:
    """Return the conversation in which a question with this key was stored; None without one."""
    is_key = (submissions.c.owner == owner) & (submissions.c.key == key)
    conversation_id: str | None = connection.scalar(sa.select(submissions.c.conversation).where(is_key))
    return conversation_id


def purge_submissions(connection: sa.Connection, now: float) -> None:
    """Remove keys past their retention."""
    connection.execute(sa.delete(submissions).where(submissions.c.created < now - RETENTION_SECONDS))
