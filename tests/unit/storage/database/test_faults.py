"""Faults of a database, each produced as it happens, are told apart and logged once."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from lib.core import database_errors as errors
from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.store import Store

QUESTION = Node("q", None, Message("user", (TextPart("Why? " * 50_000),)), 1.0)
CONVERSATION = Conversation("c", "Why?", 2.0, "q", created_at=2.0)
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
on_postgres = pytest.mark.parametrize("url", ["own postgres"], indirect=True)


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store(url, lock_timeout=5.0)
    with contextlib.closing(store):
        yield store


def write(store: Store) -> None:
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])


def codes_in_log(caplog) -> list[str]:
    warnings = (record for record in caplog.records if record.name == "lib.storage.database.faults" and record.args)
    return [record.args[0] for record in warnings]


def assert_fault(fault: type[errors.DatabaseFault], caplog, action) -> None:
    """Check that each of several attempts has this fault, and that the log has it once."""
    caplog.clear()
    for _ in range(3):
        with pytest.raises(fault):
            action()
    assert codes_in_log(caplog) == [fault.code]


def test_a_folder_that_is_a_file_cannot_be_used(tmp_path, caplog):
    (tmp_path / "data").write_text("in the way")
    url = f"sqlite:///{tmp_path}/data/antler.db"
    assert_fault(errors.DatabaseNotPermitted, caplog, lambda: Store(url))


def test_a_file_that_is_a_folder_cannot_be_used(tmp_path, caplog):
    (tmp_path / "antler.db").mkdir()
    assert_fault(errors.DatabaseNotPermitted, caplog, lambda: Store(f"sqlite:///{tmp_path}/antler.db"))


@on_sqlite
def test_a_removed_file_is_unreachable_until_it_is_back(url, caplog):
    caplog.set_level(logging.INFO)
    with opened(url) as store:
        path_of(url).rename(path_of(url).with_name("elsewhere"))
        assert_fault(errors.DatabaseUnreachable, caplog, store.ping)
        path_of(url).with_name("elsewhere").rename(path_of(url))
        store.ping()
        assert caplog.records[-1].getMessage() == "the database can be used again"


@pytest.mark.parametrize("url", ["sqlite", "own postgres"], indirect=True)
def test_a_read_only_database_is_named_although_it_can_be_read(url, caplog):
    with opened(url) as store:
        if url.startswith("sqlite"):
            with read_transaction(store._engine) as connection:
                connection.exec_driver_sql("PRAGMA query_only = ON")
        else:
            name = urlsplit(url).path.removeprefix("/")
            with store._engine.connect() as connection:
                connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            store._engine.dispose()

        def read_and_write() -> None:
            store.ping()
            write(store)

        assert_fault(errors.DatabaseReadOnly, caplog, read_and_write)


@on_sqlite
def test_a_full_database_is_named_once_and_again_after_it_was_written(url, caplog):
    with opened(url) as store:
        with read_transaction(store._engine) as connection:
            count = connection.scalar(sa.text("PRAGMA page_count"))
            connection.exec_driver_sql(f"PRAGMA max_page_count = {count + 3}")

        def read_and_write() -> None:
            store.ping()
            write(store)

        assert_fault(errors.DatabaseFull, caplog, read_and_write)
        store.preferences.set_favourite("ann", "m", True)
        assert_fault(errors.DatabaseFull, caplog, read_and_write)


@on_sqlite
def test_an_overwritten_file_is_damaged(url, caplog):
    path_of(url).write_bytes(b"no database " * 1000)
    assert_fault(errors.DatabaseCorrupt, caplog, lambda: Store(url))


@on_sqlite
def test_a_truncated_file_is_damaged(url, caplog):
    with opened(url) as store:
        write(store)
    with sqlite3.connect(path_of(url)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = path_of(url).read_bytes()
    path_of(url).write_bytes(content[: len(content) // 2])
    assert_fault(errors.DatabaseCorrupt, caplog, lambda: Store(url))


def test_a_later_schema_is_named_by_a_restart_and_served_by_who_runs(url, caplog):
    with opened(url) as running:
        with write_transaction(running._engine) as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        assert_fault(errors.DatabaseTooNew, caplog, lambda: Store(url))
        write(running)
        assert running.messages.node("ann", "q") == QUESTION


@pytest.mark.slow
@on_postgres
def test_a_stopped_server_is_unreachable_until_it_runs_again(url, own_server, caplog):
    with opened(url) as store:
        own_server.stop()
        try:
            assert_fault(errors.DatabaseUnreachable, caplog, store.ping)
            with pytest.raises(errors.DatabaseUnreachable):
                write(store)
        finally:
            own_server.start()
        write(store)
        assert store.messages.node("ann", "q") == QUESTION


@on_postgres
def test_a_wrong_user_password_or_name_is_denied(url, own_server, caplog):
    parts = urlsplit(url)
    other_user = url.replace("postgres@", "nobody_known@", 1)
    assert_fault(errors.DatabaseAccessDenied, caplog, lambda: Store(other_user))
    other_name = url.replace(parts.path, "/not_there", 1)
    assert_fault(errors.DatabaseAccessDenied, caplog, lambda: Store(other_name))
    rules = own_server.folder / "data/pg_hba.conf"
    before = rules.read_text()
    with opened(url) as store, store._engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("CREATE ROLE locked LOGIN PASSWORD 'right'")
        rules.write_text(f"local all locked scram-sha-256\n{before}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        wrong = url.replace("postgres@", "locked:wrong@", 1)
        try:
            # The server reads its rules again in its own time.
            deadline, code = time.monotonic() + 60, ""
            while code != errors.DatabaseAccessDenied.code:
                assert time.monotonic() < deadline, code
                try:
                    Store(wrong).close()
                except errors.DatabaseFault as error:
                    code = error.code
            assert_fault(errors.DatabaseAccessDenied, caplog, lambda: Store(f"{wrong}&connect_timeout=30"))
        finally:
            rules.write_text(before)
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            connection.exec_driver_sql("DROP ROLE locked")


@on_postgres
def test_a_user_without_rights_is_not_permitted(url, caplog):
    with opened(url) as store, store._engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
        guest = url.replace("postgres@", "guest@", 1)
        try:
            assert_fault(errors.DatabaseNotPermitted, caplog, lambda: Store(guest))
        finally:
            connection.exec_driver_sql("DROP ROLE guest")
