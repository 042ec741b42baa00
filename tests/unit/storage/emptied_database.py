"""A Postgres database with all tables, which one test after the other gets without rows."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from lib.storage.schema.tables import metadata
from tests.support.postgres import TIMEOUT, Server

MAX_BYTES = 10 * 8192  # of a table or an index: Postgres plans for a smaller one as for an empty one
# Schema, settings and statistics; rows change none of these.
STATE = """
SELECT (SELECT string_agg(version_num, ',') FROM alembic_version),
    (SELECT (count(*), max(xmin::text::bigint), sum(reltuples))::text FROM pg_class WHERE oid > 16383),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid > 16383),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger),
    (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_proc WHERE oid > 16383),
    (SELECT count(*) FROM pg_db_role_setting)
"""
SIZE = "SELECT max(pg_relation_size(oid)) FROM pg_class WHERE oid > 16383"
RESTART = sql.SQL("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND oid > 16383")
CLOSE_CONNECTIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


class EmptiedDatabase:
    """A copy of a template, and another one after a test that changed more than a few rows.

    To delete rows takes a tenth of the time of a copy.
    """

    def __init__(self, server: Server, name: str, template: str) -> None:
        self._server = server
        self._name = name
        self._template = template
        tables = [sql.Identifier(table.name) for table in reversed(metadata.sorted_tables)]
        self._delete = sql.SQL(";").join([*(sql.SQL("DELETE FROM {}").format(table) for table in tables), RESTART])
        self._connection: psycopg.Connection[Any] | None = None
        self._state: Any = None

    def prepare(self) -> str:
        """Return the URL of the database, which is created if it does not exist."""
        if self._connection is None:
            url = self._server.create(self._name, template=self._template)
            self._connection = psycopg.connect(url, autocommit=True)
            self._state = self._connection.execute(STATE).fetchone()
        return self._server.url(self._name)

    def empty(self) -> None:
        """Close all connections to the database, and delete its rows, or the database."""
        assert self._connection
        try:
            is_reusable = self._delete_rows(self._connection)
        except psycopg.Error:  # a stopped server
            is_reusable = False
        if not is_reusable:
            self._connection.close()
            self._connection = None
            self._server.drop(self._name)

    def _delete_rows(self, connection: psycopg.Connection[Any]) -> bool:
        """Delete all rows; return False where that is not enough."""
        deadline = time.monotonic() + TIMEOUT
        while _scalar(connection, CLOSE_CONNECTIONS):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        if connection.execute(STATE).fetchone() != self._state or _scalar(connection, SIZE) > MAX_BYTES:
            return False
        connection.execute(self._delete)
        return True


def _scalar(connection: psycopg.Connection[Any], query: str) -> int:
    row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row
    return int(row[0])
