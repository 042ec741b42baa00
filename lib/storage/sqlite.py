"""SQLite: a file that readers and one writer use at once."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa


def create_engine(url: sa.URL, lock_timeout: float) -> sa.Engine:
    """An engine on the file of `url`, made with its folder where missing. Raises OSError."""
    path = Path(url.database or "").absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # From here on it is only opened: one that goes missing is missed, and not made anew without tables.
    path.touch()

    def connect() -> sqlite3.Connection:
        # Without a level the driver begins no transactions by itself: with its own, readers that turn
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
        _write_ahead(connection, lock_timeout)

    def on_checkout(*_: Any) -> None:
        # A file that was removed would take every write, and keep none.
        if not path.exists():
            raise sa.exc.DisconnectionError(f"{path} is not there")

    engine = sa.create_engine(url, creator=connect, pool_timeout=lock_timeout, hide_parameters=True)
    sa.event.listen(engine, "connect", on_connect)
    sa.event.listen(engine, "checkout", on_checkout)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _write_ahead(connection: sqlite3.Connection, lock_timeout: float) -> None:
    """Switch the file to WAL, which holds for good; several processes that start together may want to.

    The switch does not wait for a lock, whatever the timeout: SQLite calls no busy handler for it.
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
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
