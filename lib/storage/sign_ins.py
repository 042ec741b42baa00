"""Sign-ins: those that were revoked, and the rate limit of password attempts, both shared by all servers."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from lib.core.conversation import new_id
from lib.storage.database.engine import Aggregate, insert
from lib.storage.schema.tables import password_attempt as attempts
from lib.storage.schema.tables import revoked_sign_in as revoked


class SignIns(Aggregate):
    """Sign-ins by the digest of their cookie. Times are in seconds since 1970."""

    def revoke(self, sign_in_id: str, expires_at: float) -> None:
        """Reject a sign-in from now on; the row can go when the cookie has expired by itself."""
        with self._write() as connection:
            statement = insert(connection, revoked).values(id=sign_in_id, expires=expires_at)
            connection.execute(statement.on_conflict_do_nothing(index_elements=[revoked.c.id]))

    def is_revoked(self, sign_in_id: str) -> bool:
        with self._read() as connection:
            return connection.scalar(sa.select(revoked.c.id).where(revoked.c.id == sign_in_id)) is not None

    def register_attempt(
        self, address: str, now: float, *, max_per_address: int, max_total: int, window_seconds: float
    ) -> float:
        """Count a password attempt and return 0.0, or return the seconds until the next one is allowed.

        Throttled attempts are not counted, so that they do not extend the wait. The maximum applies to
        the attempts of an address, and of all together, within a window of seconds.
        """
        window, row_address = window_seconds, _digest(address)
        with self._write() as connection:
            # Rows from the future are of a clock that was set back.
            is_outside = (attempts.c.at <= now - window) | (attempts.c.at > now + window)
            connection.execute(sa.delete(attempts).where(is_outside))
            rows = connection.execute(sa.select(attempts.c.address, attempts.c.at).order_by(attempts.c.at)).all()
            times = [row.at for row in rows if row.address == row_address]
            waits = [0.0]
            if len(times) >= max_per_address:
                waits.append(times[0] + window - now)
            if len(rows) >= max_total:
                waits.append(rows[0].at + window - now)
            if max(waits) == 0.0:
                connection.execute(sa.insert(attempts).values(id=new_id(), address=row_address, at=now))
            return max(waits)

    def discard_attempt(self, address: str) -> None:
        """Remove the newest attempt of an address, after a correct password."""
        newest = (
            sa.select(attempts.c.id)
            .where(attempts.c.address == _digest(address))
            .order_by(attempts.c.at.desc())
            .limit(1)
            .scalar_subquery()
        )
        with self._write() as connection:
            connection.execute(sa.delete(attempts).where(attempts.c.id == newest))


def purge_sign_ins(connection: sa.Connection, now: float) -> None:
    """Remove revocations of cookies that have expired."""
    connection.execute(sa.delete(revoked).where(revoked.c.expires < now))


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
