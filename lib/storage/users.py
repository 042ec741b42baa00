"""Users who have signed in: sessions, and deletion or transfer of all their data."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from lib.core.user import User, UserRecord
from lib.storage.audit import anonymize_actor, insert_event
from lib.storage.database.engine import Aggregate, insert, upsert
from lib.storage.exchange_rows import exchange as exchanges
from lib.storage.files.attachments import delete_attachments, transfer_attachments
from lib.storage.quotas import transfer_quotas
from lib.storage.schema.checks import gateway_check
from lib.storage.schema.comparisons import comparison
from lib.storage.schema.files import attachment as attachments
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import ledger, project, prompt, prompt_link, share
from lib.storage.schema.tables import person as users
from lib.storage.schema.tables import preference as preferences
from lib.storage.schema.tables import submission as submissions


class Users(Aggregate):
    """Users by id, which is the `owner` of the rows of every other table."""

    def __init__(self, engine: sa.Engine, sweep_files: Callable[[], None]) -> None:
        super().__init__(engine)
        self._sweep_files = sweep_files

    def upsert(self, user: User, sign_in: str = "") -> None:
        """Save a user's current name and address, and the time of this visit, with an audit event of a sign-in.

        `sign_in` is the access mode, "" for a visit that is none.
        """
        columns = {"name": user.name, "email": user.email, "seen": time.time()}
        with self._write(user.id) as connection:
            upsert(connection, users, {"id": user.id}, columns, revoked_before=0.0)
            if sign_in:
                insert_event(connection, user, "sign_in", sign_in)

    def all(self) -> list[UserRecord]:
        """Return everyone who has signed in, the last seen first."""
        # Rows without a visit only revoke sessions, e.g. after a user's data was deleted.
        query = sa.select(users).where(users.c.seen > 0).order_by(users.c.seen.desc(), users.c.id)
        with self._read() as connection:
            return [
                UserRecord(row.id, row.name, row.email, row.seen, row.revoked_before)
                for row in connection.execute(query)
            ]

    def revoked_before(self, owner: str) -> float:
        """Return the time before which sign-ins are rejected, in seconds since 1970; 0.0 for none."""
        with self._read() as connection:
            moment = connection.scalar(sa.select(users.c.revoked_before).where(users.c.id == owner))
        return float(moment or 0.0)

    def sign_out_everywhere(self, owner: str, issued_before: float) -> None:
        """Reject the owner's sign-ins from before a time; an earlier time never replaces a later one."""
        with self._write(owner) as connection:
            _revoke(connection, owner, issued_before)

    def revoke_sessions(self, actor: User, owner: str, issued_before: float) -> None:
        """Sign an owner out everywhere on behalf of an administrator, with an audit event."""
        with self._write() as connection:
            insert_event(connection, actor, "put_out", owner)
            _revoke(connection, owner, issued_before)

    def delete_data(self, owner: str) -> None:
        """Delete an owner's data at once and for good, except usage records and audit events.

        Audit events keep the id of their actor, and lose the name. Revoked sessions stay revoked.
        """
        is_user = users.c.id == owner
        with self._write(owner) as connection:
            owned = (share, exchanges, conversations, comparison, preferences, submissions, project, prompt_link)
            for table in (*owned, gateway_check):
                connection.execute(sa.delete(table).where(table.c.owner == owner))
            delete_attachments(connection, attachments.c.owner == owner)
            connection.execute(sa.delete(prompt).where(prompt.c.owner == owner, ~prompt.c.team))
            connection.execute(sa.delete(users).where(is_user, users.c.revoked_before == 0.0))
            connection.execute(sa.update(users).where(is_user).values(name="", email="", seen=0.0))
            anonymize_actor(connection, owner)
        self._sweep_files()

    def transfer_data(self, from_owner: str, to_owner: str) -> None:
        """Transfer ownership of all rows; preferences and settings of folders that the new owner already has stay."""
        if from_owner == to_owner:
            return
        with self._write() as connection:
            for table in (preferences, project):
                existing = sa.select(table.c.name).where(table.c.owner == to_owner)
                duplicate = (table.c.owner == from_owner) & table.c.name.in_(existing)
                connection.execute(sa.delete(table).where(duplicate))
            tables = (
                share,
                exchanges,
                conversations,
                comparison,
                ledger,
                preferences,
                submissions,
                project,
                prompt_link,
            )
            for table in (*tables, prompt, gateway_check):
                connection.execute(sa.update(table).where(table.c.owner == from_owner).values(owner=to_owner))
            transfer_attachments(connection, from_owner, to_owner)
            transfer_quotas(connection, from_owner, to_owner)


def _revoke(connection: sa.Connection, owner: str, issued_before: float) -> None:
    columns = {"revoked_before": issued_before}
    statement = insert(connection, users).values(id=owner, name="", email="", seen=0.0, **columns)
    # An earlier time would accept sign-ins again that a later one has revoked.
    is_later = users.c.revoked_before < issued_before
    connection.execute(statement.on_conflict_do_update(index_elements=[users.c.id], set_=columns, where=is_later))
