"""The questions about who comes in, as part of the store."""

from __future__ import annotations

import time

import sqlalchemy as sa

from lib.core.user import Known, Person
from lib.storage import persons
from lib.storage.engine import reading, writing


class People:
    """What the store is asked of persons."""

    _engine: sa.Engine

    def meet(self, person: Person) -> None:
        """Remember a person's name and address as they are now, and that they were here."""
        with writing(self._engine, person.id) as connection:
            persons.meet(connection, person, time.time())

    def sign_out(self, owner: str, before: float) -> None:
        """Refuse the owner's sign-ins from before a moment, in seconds since 1970; it is never set back."""
        with writing(self._engine, owner) as connection:
            persons.sign_out(connection, owner, before)

    def revoked_before(self, owner: str) -> float:
        """The moment before which the owner's sign-ins are refused, in seconds since 1970; 0.0 for none."""
        with reading(self._engine) as connection:
            return persons.revoked_before(connection, owner)

    def people(self) -> list[Known]:
        """Everybody who has signed in, whoever was seen last first."""
        with reading(self._engine) as connection:
            return persons.every(connection)
