"""The database: opened, set up, brought to the newest schema under a lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects import sqlite as lite

from lib.core.errors import StoreError
from lib.core.sanitize import replace_surrogates
from lib.storage import postgres, sqlite

PATIENCE = 15.0  # seconds to wait for a lock, or for a connection of the pool
_MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str, patience: float = PATIENCE, refused: Callable[[], None] = lambda: None) -> sa.Engine:
    """An engine on the database of `url`, SQLite or Postgres, at the newest schema.

    An SQLite file is made, with its folder, where it is missing. `patience` is in seconds. `refused`
    is called whenever the database refuses. Raises StoreError.
    """

    def on_error(context: sa.ExceptionContext) -> None:
        if not context.is_pre_ping:
            refused()

    with translated():
        parsed = sa.make_url(url)
        opened = sqlite.opened if parsed.get_backend_name() == "sqlite" else postgres.opened
        engine = opened(parsed, patience)
        sa.event.listen(engine, "before_cursor_execute", _on_execute, retval=True)
        sa.event.listen(engine, "handle_error", on_error)
        with writing(engine) as connection:
            config = Config()
            config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return engine


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads, all of it at one moment; a writer elsewhere does not hold it up."""
    with translated(), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def writing(engine: sa.Engine, owner: str | None = None) -> Iterator[sa.Connection]:
    """A transaction that writes: it takes its lock first, so that what it reads stays so until its end.

    With an `owner` it touches the rows of that owner only, and on Postgres those of others can be written at
    the same time; without, it writes alone.
    """
    with translated(), engine.execution_options(writes=True, owner=owner).begin() as connection:
        yield connection


def insert(bind: sa.Engine | sa.Connection, table: sa.Table) -> pg.Insert | lite.Insert:
    """An insert that knows `on_conflict_do_…`: the same on both databases, but in no class of both."""
    return lite.insert(table) if bind.dialect.name == "sqlite" else pg.insert(table)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the database or the disk raises, as StoreError."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise StoreError(str(error.orig)) from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise StoreError(str(error)) from error


def _on_execute(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
    """No text may make a statement fail: Postgres holds no NUL, and neither database half a letter."""
    return statement, _fit(parameters)


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return (
            value
            if value.isascii() and "\0" not in value
            else replace_surrogates(value).replace("\0", "\ufffd")
        )
    if isinstance(value, dict):
        return {name: _fit(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_fit, value))
    return value
