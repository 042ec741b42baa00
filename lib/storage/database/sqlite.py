"""SQLite engine: one file, with several readers and one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import Insert

from lib.core import database_errors as errors

_FILE_MODE = 0o600  # the owner alone: the rows are private conversations
_FAULTS: dict[int, type[errors.DatabaseFault]] = {
    sqlite3.SQLITE_FULL: errors.DatabaseFull,
    sqlite3.SQLITE_CORRUPT: errors.DatabaseCorrupt,
    sqlite3.SQLITE_NOTADB: errors.DatabaseCorrupt,
    sqlite3.SQLITE_READONLY: errors.DatabaseReadOnly,
    sqlite3.SQLITE_PERM: errors.DatabaseNotPermitted,
    sqlite3.SQLITE_CANTOPEN: errors.DatabaseNotPermitted,
    # A limit of the file size or a quota ends a write with it.
    sqlite3.SQLITE_IOERR_WRITE: errors.DatabaseFull,
}


def create_engine(url: sa.URL, lock_timeout: float, **options: Any) -> sa.Engine:
    """Create an engine for the file of `url`; a missing file is created with its folder. Raises OSError.

    `options` are SQLAlchemy's.
    """
    path = Path(url.database or "").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # From here on the file is only opened: a file that disappears is an error, not a new empty database.
    path.touch(mode=_FILE_MODE)
    _restrict(path)

    def connect() -> sqlite3.Connection:
        if not path.exists():  # which SQLite tells apart from no other path that it cannot open
            raise FileNotFoundError(errno.ENOENT, "unable to open database file", str(path))
        # Without an isolation level the driver starts no transactions itself: in its own, readers that turn
        # into writers lose updates or fail at once with "database is locked".
        return sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=lock_timeout,
            isolation_level=None,
            check_same_thread=False,
        )

    def on_connect(connection: sqlite3.Connection, _: Any) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        _enable_wal(connection, lock_timeout)

    def on_checkout(*_: Any) -> None:
        # An open file that was removed would accept every write, and lose it.
        if not path.exists():
            raise sa.exc.DisconnectionError(f"{path} does not exist")

    engine = sa.create_engine(url, creator=connect, pool_timeout=lock_timeout, hide_parameters=True, **options)
    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "checkout", on_checkout)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def insert(table: sa.Table) -> Insert:
    return Insert(table)


def find_fault(error: sqlite3.Error) -> type[errors.DatabaseFault] | None:
    """Return the fault of the database that an error of the driver tells of; None if it is another error."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return _FAULTS.get(code) or _FAULTS.get(code & 0xFF)


def _restrict(path: Path) -> None:
    """Take the permissions of group and others from the database, also from one of an earlier version.

    SQLite creates the files of its write-ahead log with the mode of the database. A file of another owner stays
    as it is: the operator has shared it on purpose.
    """
    for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
        with contextlib.suppress(OSError):
            if stat.S_IMODE(file.stat().st_mode) & 0o077:
                file.chmod(_FILE_MODE)


def _enable_wal(connection: sqlite3.Connection, lock_timeout: float) -> None:
    """Switch the file to write-ahead logging (WAL), which is permanent, with retries until the timeout.

    Several processes may try at once, and SQLite calls no busy handler for the switch.
    """
    deadline = time.monotonic() + lock_timeout
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _on_begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # It takes no lock yet and cannot fail; SQLAlchemy's own way takes as long as a short query.
        connection.connection.cursor().execute("BEGIN")
