"""Secrets that the servers of one database share, made by the first that needs one."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from lib.storage.database.engine import Aggregate, insert
from lib.storage.schema.tables import server_secret


class ServerSecrets(Aggregate):
    """Random secrets by the name of their purpose; they never change."""

    def load(self, name: str) -> str:
        """Return the secret with that name, the same on all servers and after a restart."""
        query = sa.select(server_secret.c.value).where(server_secret.c.name == name)
        with self._read() as connection:
            if stored := connection.scalar(query):
                return str(stored)
        with self._write() as connection:
            # Of servers that make one at the same time, the first one's counts.
            row = {"name": name, "value": secrets.token_hex(32)}
            connection.execute(insert(connection, server_secret).values(row).on_conflict_do_nothing())
            return str(connection.scalar(query))
