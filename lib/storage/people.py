"""The questions about who comes in, as part of the store."""

from __future__ import annotations

import time

import sqlalchemy as sa

from lib.core.user import User, UserRecord
from lib.storage import persons
from lib.storage.engine import reading, writing


class People:
    """What the store is asked of persons."""

    _engine: sa.Engine

    def upsert_user(self, user: User) -> None:
        """Remember a person's name and address as they are now, and that they were here."""
        with writing(self._engine, user.id) as connection:
            persons.meet(connection, user, time.time())

    def sign_out_everywhere(self, owner: str, issued_before: float) -> None:
        """Refuse the owner's sign-ins from before a moment, in seconds since 1970; it is never set back."""
        with writing(self._engine, owner) as connection:
            persons.sign_out(connection, owner, issued_before)

    def revoked_before(self, owner: str) -> float:
        """The moment before which the owner's sign-ins are refused, in seconds since 1970; 0.0 for none."""
        with reading(self._engine) as connection:
            return persons.revoked_before(connection, owner)

    def users(self) -> list[UserRecord]:
        """Everybody who has signed in, whoever was seen last first."""
        with reading(self._engine) as connection:
            return persons.every(connection)
