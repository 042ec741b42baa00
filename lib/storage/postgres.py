"""Postgres: a server that several replicas use at once, itself or through a pooler such as PgBouncer."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa
from psycopg import IsolationLevel

_CONNECT_SECONDS = 5
_SILENT_MS = 10_000  # that a server may leave what was sent unacknowledged
_IDLE_SECONDS = 60  # after which a replica that fell silent in a transaction loses its lock

# What the URL names itself goes before these.
_LINK = {
    "application_name": "antler",
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": _SILENT_MS,
}


def create_engine(url: sa.URL, lock_timeout: float) -> sa.Engine:
    """An engine on the database of `url`, which is reached with its first use.

    No state is kept in a session, no statement is prepared by name: a pooler may give each transaction
    another connection.
    """
    link: dict[str, Any] = {name: value for name, value in _LINK.items() if name not in url.query}
    engine = sa.create_engine(
        url,
        connect_args={**link, "prepare_threshold": None},
        pool_size=5,
        max_overflow=10,
        pool_pre_ping=True,
        pool_recycle=300,
        pool_timeout=lock_timeout,
        use_native_hstore=False,
        hide_parameters=True,
    )

    def on_begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.driver_connection
        writes = bool(options.get("writes"))
        # Sent along with BEGIN. Behind its lock a writer reads what is there now; a reader, one moment.
        driver.isolation_level = None if writes else IsolationLevel.REPEATABLE_READ
        driver.read_only = None if writes else True
        if writes:
            connection.exec_driver_sql(_lock(options.get("owner"), lock_timeout))

    sa.event.listen(engine, "begin", on_begin)
    return engine


def _lock(owner: str | None, lock_timeout: float) -> str:
    """Statements, sent as one: an owner's writers wait for each other, and for one who writes alone."""
    alone = _key("everyone")
    if owner is None:
        locks = f"pg_advisory_xact_lock({alone})"
    else:
        locks = f"pg_advisory_xact_lock_shared({alone}), pg_advisory_xact_lock({_key('owner', owner)})"
    return (
        f"SET LOCAL lock_timeout = '{lock_timeout * 1000:.0f}ms';"
        f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s';"
        f"SELECT {locks}"
    )


def _key(*name: str) -> int:
    """The number of a lock; where two owners have the same one, they wait for each other."""
    digest = hashlib.blake2b("\0".join(("antler", *name)).encode(errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), signed=True)
