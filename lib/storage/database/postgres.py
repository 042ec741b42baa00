"""Postgres engine: a server that several replicas share, directly or through a pooler such as PgBouncer."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert

from lib.core import database_errors as errors

_CONNECT_TIMEOUT = 5  # seconds
_ACK_TIMEOUT_MS = 10_000  # for a server that does not acknowledge what was sent
_IDLE_TIMEOUT = 60  # seconds, after which a replica that hangs in a transaction loses its lock

# Parameters of the URL override these.
_CONNECT_DEFAULTS = {
    "application_name": "antler",
    "connect_timeout": _CONNECT_TIMEOUT,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": _ACK_TIMEOUT_MS,
}
# By the code of an error in Postgres' documentation, or its class, the first two characters.
_FAULTS: dict[str, type[errors.DatabaseFault]] = {
    "28": errors.DatabaseAccessDenied,
    "3D": errors.DatabaseAccessDenied,
    "42501": errors.DatabaseNotPermitted,
    "25006": errors.DatabaseReadOnly,
    "53100": errors.DatabaseFull,
    "XX001": errors.DatabaseCorrupt,
    "XX002": errors.DatabaseCorrupt,
    "58P01": errors.DatabaseCorrupt,
    "08": errors.DatabaseUnreachable,
    "57P": errors.DatabaseUnreachable,
    "53300": errors.DatabaseUnreachable,
}
# Of errors without a code of their own: the system's, and those while the driver connects.
_FULL_WORDS = ("could not extend file", "No space left", "File too large")
_DENIED_WORDS = ("authentication failed", "no password supplied", "does not exist", "pg_hba.conf")


def create_engine(url: sa.URL, lock_timeout: float, **options: Any) -> sa.Engine:
    """Create an engine for the database of `url`, which connects at its first use; `options` are SQLAlchemy's.

    It keeps no session state and prepares no statement by name: a pooler may give each transaction another
    connection.
    """
    defaults = {name: value for name, value in _CONNECT_DEFAULTS.items() if name not in url.query}
    connect_args: dict[str, Any] = {**defaults, "prepare_threshold": None}
    engine = sa.create_engine(
        url,
        connect_args=connect_args,
        pool_pre_ping=True,
        pool_recycle=300,
        pool_timeout=lock_timeout,
        use_native_hstore=False,
        hide_parameters=True,
        **options,
    )

    def on_begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.driver_connection
        writes = bool(options.get("writes"))
        # Sent along with BEGIN. A writer reads the newest rows after it has its lock, a reader one snapshot.
        driver.isolation_level = None if writes else psycopg.IsolationLevel.REPEATABLE_READ
        driver.read_only = None if writes else True
        if writes:
            connection.exec_driver_sql(_lock(options.get("owners") or (), lock_timeout))

    sa.event.listen(engine, "begin", on_begin)
    return engine


def insert(table: sa.Table) -> Insert:
    return Insert(table)


def find_fault(error: psycopg.Error) -> type[errors.DatabaseFault] | None:
    """Return the fault of the database that an error of the driver tells of; None if it is another error."""
    if any(words in str(error) for words in _FULL_WORDS):
        return errors.DatabaseFull
    if state := error.sqlstate:
        lengths = (5, 3, 2)
        return next((_FAULTS[state[:n]] for n in lengths if state[:n] in _FAULTS), None)
    if not isinstance(error, psycopg.OperationalError):
        return None
    is_denied = any(words in str(error) for words in _DENIED_WORDS)
    return errors.DatabaseAccessDenied if is_denied else errors.DatabaseUnreachable


def _lock(owners: Collection[str], lock_timeout: float) -> str:
    """Build the statements by which writers of an owner wait for each other and for exclusive writers."""
    exclusive = _lock_key("everyone")
    # Always in the same order, so that two writers never wait for each other.
    own = "".join(f", pg_advisory_xact_lock({key})" for key in sorted({_lock_key("owner", owner) for owner in owners}))
    locks = f"pg_advisory_xact_lock_shared({exclusive}){own}" if own else f"pg_advisory_xact_lock({exclusive})"
    return (
        f"SET LOCAL lock_timeout = '{lock_timeout * 1000:.0f}ms';"
        f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_TIMEOUT}s';"
        f"SELECT {locks}"
    )


def _lock_key(*name: str) -> int:
    """Hash a name to the number of a lock; two owners with the same number only wait for each other."""
    digest = hashlib.blake2b("\0".join(("antler", *name)).encode(errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), signed=True)
