"""Database engine: connect, migrate to the newest schema under a lock, open transactions."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from lib.core.database_errors import DatabaseFault, DatabaseTooNew
from lib.core.sanitize import replace_surrogates
from lib.storage.database.backends import load_backend
from lib.storage.database.faults import FaultLog, to_store_error
from lib.storage.schema.tables import REVISION

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

_POOL = {"pool_size": 5, "max_overflow": 10}
MAX_CONNECTIONS = sum(_POOL.values())  # in use at once
LOCK_TIMEOUT = 15.0  # seconds to wait for a lock, or for a connection of the pool
MIGRATIONS = Path(__file__).parents[1] / "migrations"
SQLITE_SCHEMA = Path(__file__).parents[1] / "schema/sqlite.sql"  # what the migrations make of an empty database


def connect(
    url: str,
    lock_timeout: float = LOCK_TIMEOUT,
    on_refusal: Callable[[], None] = lambda: None,
    on_transaction: Callable[[str, float], None] = lambda *_: None,
) -> sa.Engine:
    """Open the SQLite or Postgres database of `url`, and migrate it to the newest schema.

    A missing SQLite file is created, with its folder. `lock_timeout` is in seconds. `on_refusal` is called
    for each error of the database, `on_transaction` with "read" or "write" and the seconds of each transaction. Raises
    StoreError.
    """

    def on_error(context: sa.ExceptionContext) -> None:
        if not context.is_pre_ping:
            on_refusal()

    fault_log = _fault_log(url)
    with translate_errors(fault_log, is_write=False):
        parsed = sa.make_url(url)
        backend = load_backend(parsed.get_backend_name())
        engine: sa.Engine = backend.create_engine(parsed, lock_timeout, json_deserializer=decode_json, **_POOL)
        engine.update_execution_options(on_transaction=on_transaction, fault_log=fault_log)
        sa.event.listen(engine, "before_cursor_execute", _sanitize_parameters, retval=True)
        sa.event.listen(engine, "handle_error", on_error)
        if not _is_newest(engine):
            _migrate(engine)
    return engine


def decode_json(text: str | bytes) -> Any:
    """Decode the JSON of a column as `json.loads`, in a quarter of the time. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):  # also of single surrogates, NaN, and numbers that are too large
        return json.loads(text)


class Aggregate:
    """Rows that belong together; each public method is one transaction, and may raise StoreError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._read = partial(read_transaction, engine)
        self._write = partial(write_transaction, engine)


@contextlib.contextmanager
def read_transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Open a transaction that reads one snapshot and waits for no writer."""
    with _translate_errors_of(engine, is_write=False), _observe(engine, "read"), engine.begin() as connection:
        yield connection


@contextlib.contextmanager
def write_transaction(engine: sa.Engine, *owners: str) -> Iterator[sa.Connection]:
    """Open a transaction that takes its lock first, so that what it reads stays true until it commits.

    With `owners` it may change only their rows, and on Postgres writers of other owners run at the same time. Without
    any it is the only writer.
    """
    writer = engine.execution_options(writes=True, owners=owners)
    with _translate_errors_of(engine, is_write=True), _observe(engine, "write"), writer.begin() as connection:
        yield connection


@contextlib.contextmanager
def _observe(engine: sa.Engine, kind: str) -> Iterator[None]:
    """Report the time of a transaction, from the wait for a connection to the end of the commit."""
    start = time.perf_counter()
    try:
        yield
    finally:
        engine.get_execution_options()["on_transaction"](kind, time.perf_counter() - start)


def _is_newest(engine: sa.Engine) -> bool:
    """Check the revision of the database, which is much cheaper than to load the migrations."""
    with read_transaction(engine) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        # In the transaction, which then is no success: the fault is logged once.
        if revision not in (REVISION, None) and revision not in _known_revisions():
            raise DatabaseTooNew(f"its schema is {revision}, and this release knows those up to {REVISION}")
    return bool(revision == REVISION)


def _known_revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def _migrate(engine: sa.Engine) -> None:
    # Processes that start together wait here for the first one, and then find nothing to do.
    with write_transaction(engine) as connection:
        if engine.dialect.name == "sqlite" and not sa.inspect(connection).get_table_names():
            _create_sqlite_schema(connection)
            return
        # Alembic takes 0.1 s of CPU time to import, and few starts have something to migrate.
        command, configuration = map(importlib.import_module, ("alembic.command", "alembic.config"))
        config = configuration.Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _create_sqlite_schema(connection: sa.Connection) -> None:
    """Create the newest tables in an empty database: all migrations together take 0.2 s."""
    for statement in SQLITE_SCHEMA.read_text().split(";\n\n"):
        connection.exec_driver_sql(statement)
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def insert(bind: sa.Engine | sa.Connection, table: sa.Table) -> PostgresInsert | SqliteInsert:
    """Build an insert with `on_conflict_do_…` (upsert), for which the two dialects share no class."""
    statement: PostgresInsert | SqliteInsert = load_backend(bind.dialect.name).insert(table)
    return statement


def upsert(
    connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], columns: Mapping[str, Any], **defaults: Any
) -> None:
    """Set columns of the row with this primary key; a new row also gets the `defaults`."""
    statement = insert(connection, table).values(**key, **columns, **defaults)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=columns))


@functools.cache
def _fault_log(_url: str) -> FaultLog:
    """Return the log of a database, which outlives its engines: a process that cannot open it tries again and again."""
    return FaultLog()


def _translate_errors_of(engine: sa.Engine, *, is_write: bool) -> contextlib.AbstractContextManager[None]:
    return translate_errors(engine.get_execution_options()["fault_log"], is_write=is_write)


@contextlib.contextmanager
def translate_errors(fault_log: FaultLog, *, is_write: bool) -> Iterator[None]:
    """Raise errors of the database and of the disk as StoreError, and log faults once."""
    try:
        yield
    except DatabaseFault as fault:
        fault_log.note_fault(fault)
        raise
    except (sa.exc.SQLAlchemyError, OSError) as error:
        translated = to_store_error(error)
        fault_log.note_fault(translated)
        raise translated from error
    fault_log.note_success(is_write=is_write)


def _sanitize_parameters(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
    """Replace characters that make a statement fail: NUL on Postgres, lone surrogates on both."""
    return statement, sanitize(parameters)


def sanitize(value: Any) -> Any:
    """Return a value as it is stored outside of JSON, where its texts lose NUL and lone surrogates."""
    if isinstance(value, str):
        if value.isascii() and "\0" not in value:
            return value
        return replace_surrogates(value).replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {name: sanitize(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(sanitize, value))
    return value
