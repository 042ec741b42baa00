"""The database: opened, set up, brought to the newest schema under a lock."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from lib.core.errors import StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 15_000


_ARGS = {"check_same_thread": False}


def connect(url: str) -> sa.Engine:
    """An engine on the SQLite file of `url`, made with its folder where missing, at the newest schema.

    Raises StoreError.
    """
    with translated():
        parsed = sa.make_url(url)
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args=_ARGS, hide_parameters=True)
        sa.event.listen(engine, "connect", _on_connect)
        sa.event.listen(engine, "begin", _on_begin)
        with writing(engine) as connection:
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return engine


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads; a writer elsewhere does not hold it up."""
    with translated(), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes, alone: it takes the lock first, so that it never fails half-way for it."""
    with translated(), engine.execution_options(writes=True).begin() as connection:
        yield connection


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the database or the disk raises, as StoreError."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise StoreError(str(error.orig)) from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise StoreError(str(error)) from error


def _on_connect(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: with its own, readers that turn into
    # writers lose updates or fail at once with "database is locked".
    connection.isolation_level = None
    for pragma in (f"busy_timeout={_BUSY_MS}", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:
    """Switch the file to WAL, which holds for good; several processes that start together may want to.

    The switch does not wait for a lock, whatever the timeout: SQLite calls no busy handler for it.
    """
    deadline = time.monotonic() + _BUSY_MS / 1000
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
