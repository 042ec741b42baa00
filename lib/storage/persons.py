"""Rows of who has signed in: read and written inside a transaction that the store begins."""

from __future__ import annotations

import sqlalchemy as sa

from lib.core.user import User, UserRecord
from lib.storage.engine import insert
from lib.storage.schema import person as persons


def meet(connection: sa.Connection, person: User, now: float) -> None:
    values = {"name": person.name, "email": person.email, "seen": now}
    fresh = insert(connection, persons).values(id=person.id, revoked_before=0.0, **values)
    connection.execute(fresh.on_conflict_do_update(index_elements=[persons.c.id], set_=values))


def sign_out(connection: sa.Connection, owner: str, before: float) -> None:
    fresh = insert(connection, persons).values(id=owner, name="", email="", seen=0.0, revoked_before=before)
    # An earlier moment would let in again what a later one has signed out.
    later = persons.c.revoked_before < before
    values = {"revoked_before": before}
    connection.execute(fresh.on_conflict_do_update(index_elements=[persons.c.id], set_=values, where=later))


def revoked_before(connection: sa.Connection, owner: str) -> float:
    found = connection.scalar(sa.select(persons.c.revoked_before).where(persons.c.id == owner))
    return float(found or 0.0)


def every(connection: sa.Connection) -> list[UserRecord]:
    # Who was only signed out, or has deleted everything, is nobody to be shown.
    query = sa.select(persons).where(persons.c.seen > 0).order_by(persons.c.seen.desc(), persons.c.id)
    return [
        UserRecord(row.id, row.name, row.email, row.seen, row.revoked_before)
        for row in connection.execute(query)
    ]


def erase(connection: sa.Connection, owner: str) -> None:
    """Remove who this was, but not the moment before which every sign-in is refused."""
    mine = persons.c.id == owner
    connection.execute(sa.delete(persons).where(mine, persons.c.revoked_before == 0.0))
    connection.execute(sa.update(persons).where(mine).values(name="", email="", seen=0.0))
