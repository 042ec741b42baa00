"""Transactions: locks, snapshots, sessions and sanitized texts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, TextPart
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.storage.database.engine import connect, decode_json, read_transaction, write_transaction
from lib.storage.store import Store
from tests.unit.storage.child_process import Child, start_children

ROOT = Path(__file__).parents[4]
counter_table = sa.table("count", sa.column("n", sa.Integer))
CONVERSATION = Conversation("c", "Why?", 2.0, "q")
LOCK_ERROR = r"database is locked|lock timeout"
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)


@pytest.fixture
def engine(url):
    new_engine = connect(url, lock_timeout=0.2)
    yield new_engine
    new_engine.dispose()


@pytest.fixture
def engine_with_counter(engine):
    with write_transaction(engine) as connection:
        connection.execute(sa.text("CREATE TABLE count (n INTEGER)"))
        connection.execute(sa.insert(counter_table).values(n=0))
    return engine


def read_counter(engine: sa.Engine) -> int:
    with read_transaction(engine) as connection:
        return connection.scalar(sa.select(counter_table.c.n))


def test_a_current_file_is_opened_without_the_other_database_and_without_migrations(tmp_path):
    program = """
import sys
from lib.storage.store import Store
Store(sys.argv[1]).close()
print(*{"alembic", "psycopg", "sqlalchemy.dialects.postgresql"} & sys.modules.keys())
"""
    url = f"sqlite:///{tmp_path}/antler.db"
    Store(url).close()
    command = [sys.executable, "-c", program, url]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == []


@pytest.mark.slow
def test_processes_starting_on_an_empty_database_migrate_it_once(empty_url):
    program = """
    name = wait()
    store = Store(url, LOCK_TIMEOUT)
    store.messages.save_turn("ann", *conversation(name))
    """
    with start_children(empty_url, program, 4) as children:
        for number, child in enumerate(children):
            child.resume(f"c{number}")
        for child in children:
            child.finish()
    store = Store(empty_url)
    assert sorted(conversation.id for conversation in store.conversations.page("ann", 9)) == [
        "c0",
        "c1",
        "c2",
        "c3",
    ]
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    store.close()


def test_concurrent_read_and_write_transactions_lose_no_update(url, engine_with_counter):
    program = """
    engine = connect(url, LOCK_TIMEOUT)
    wait()
    for turn in range(25):
        with write_transaction(engine, *["ann"][: turn % 2]) as connection:
            seen = connection.scalar(sa.text("SELECT n FROM count"))
            connection.execute(sa.text("UPDATE count SET n = :n"), {"n": seen + 1})
    """
    with start_children(url, program, 3) as children:
        for child in children:
            child.resume()
        for child in children:
            child.finish()
    assert read_counter(engine_with_counter) == 75


def test_a_writer_times_out_and_can_retry(engine_with_counter):
    with write_transaction(engine_with_counter) as first:
        for owners in ((), ("ann",)):
            with (
                pytest.raises(StoreError, match=r"database is locked|lock timeout"),
                write_transaction(engine_with_counter, *owners),
            ):
                pass
        first.execute(sa.update(counter_table).values(n=1))
    with write_transaction(engine_with_counter, "ann") as connection:
        connection.execute(sa.update(counter_table).values(n=counter_table.c.n + 1))
    assert read_counter(engine_with_counter) == 2


def test_an_exclusive_writer_waits_for_the_writer_of_an_owner(engine_with_counter):
    with write_transaction(engine_with_counter, "ann") as first:
        for owners in ((), ("ann",)):
            with (
                pytest.raises(StoreError, match=r"database is locked|lock timeout"),
                write_transaction(engine_with_counter, *owners),
            ):
                pass
        first.execute(sa.update(counter_table).values(n=1))
    assert read_counter(engine_with_counter) == 1


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_owners_do_not_block_each_other_on_postgres(engine):
    with write_transaction(engine, "ann"), write_transaction(engine, "bob") as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_reader_is_never_blocked_and_sees_one_snapshot(engine_with_counter):
    with read_transaction(engine_with_counter) as before:
        assert before.scalar(sa.select(counter_table.c.n)) == 0
        with write_transaction(engine_with_counter) as connection:
            connection.execute(sa.update(counter_table).values(n=1))
            assert read_counter(engine_with_counter) == 0
        assert before.scalar(sa.select(counter_table.c.n)) == 0
    assert read_counter(engine_with_counter) == 1


def test_a_failed_transaction_is_rolled_back(engine_with_counter):
    with pytest.raises(ZeroDivisionError), write_transaction(engine_with_counter) as connection:
        connection.execute(sa.update(counter_table).values(n=1))
        raise ZeroDivisionError
    with pytest.raises(StoreError), write_transaction(engine_with_counter) as connection:
        connection.execute(sa.update(counter_table).values(n=1))
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    assert read_counter(engine_with_counter) == 0


def test_threads_beyond_the_pool_wait_for_a_connection(url):
    store = Store(url)
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    results = []
    barrier = threading.Barrier(30, timeout=30)

    def read_nodes() -> None:
        barrier.wait()
        results.append(store.messages.nodes("ann", "c"))

    threads = [threading.Thread(target=read_nodes) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [[QUESTION]] * 30
    store.close()


def test_texts_that_the_database_cannot_store_are_sanitized(store):
    raw, sanitized = "a\0b\ud83dc\ud83d\ude00", "a\ufffdb\ufffdc😀"
    target = Target(raw, "openai")
    failure = Failure("overloaded", raw, 529, raw)
    answer = Node("a", "q", Message("assistant", (TextPart(raw),)), 2.0, Outcome.FAILED, raw, target, failure=failure)
    answer = replace(answer, request_id=raw, provider_metadata={"id": raw})
    store.messages.save_turn(raw, replace(CONVERSATION, title=raw, target=target), [QUESTION, answer])
    assert store.conversations.get(raw, "c").title == store.conversations.get(sanitized, "c").title == sanitized
    assert store.conversations.get(raw, "c").target == Target(sanitized, "openai")
    saved = store.messages.node(raw, "a")
    assert (saved.finish_reason, saved.request_id, saved.target.model) == (sanitized, sanitized, sanitized)
    store.conversations.rename(raw, "c", raw * 2)
    assert store.conversations.get(raw, "c").title == sanitized * 2
    store.preferences.set_favourite(raw, raw, True)
    store.preferences.set_favourite(raw, "m", True)
    assert len(store.preferences.load(raw).favourites) == 2
    for read in (store.conversations.get, store.messages.nodes, store.messages.node):
        assert not read("ann", raw)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_transactions_leave_no_state_in_their_connection(engine):
    """No prepared statement, setting or lock outlives its transaction, so a pooler works."""
    query = sa.text("SELECT count(*) FROM conversation WHERE owner = :owner AND updated > :then")
    insert = sa.text("INSERT INTO preference VALUES (:owner, :name, '1')")
    with read_transaction(engine) as connection:
        backend_pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    for turn in range(30):
        with read_transaction(engine) as connection:
            connection.execute(query, {"owner": str(turn), "then": 1.0 * turn})
        with write_transaction(engine, "ann") as connection:
            connection.execute(insert, [{"owner": str(turn), "name": name} for name in "abcdefgh"])
    with read_transaction(engine) as connection:
        expected_by_query = {
            "SELECT pg_backend_pid()": {backend_pid},
            "SELECT name FROM pg_prepared_statements": set(),
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()": set(),
            "SELECT name FROM pg_settings WHERE source = 'session' AND name NOT LIKE 'transaction_%'": set(),
        }
        for check, expected in expected_by_query.items():
            assert set(connection.scalars(sa.text(check))) == expected, check


def test_connecting_to_a_silent_server_times_out():
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        port = silent_server.getsockname()[1]
        with pytest.raises(StoreError, match="timeout"):
            Store(f"postgresql+psycopg://ann:very-secret@127.0.0.1:{port}/antler?connect_timeout=1")


@pytest.mark.parametrize("options", ["", "?sslmode=require", "?nonsense=1", "?sslmode=nonsense", "?port=x"])
def test_no_error_contains_the_password(options):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(StoreError) as caught:
        Store(f"postgresql+psycopg://ann:very-secret@127.0.0.1:{port}/antler{options}")
    error: BaseException | None = caught.value
    while error:
        assert "very-secret" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_connection_closed_by_the_server_is_not_reused(url, store):
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    with read_transaction(store._engine) as connection:
        backend_pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    other_engine = connect(url)
    with read_transaction(other_engine) as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": backend_pid})
    other_engine.dispose()
    assert store.messages.nodes("ann", "c") == [QUESTION]


@pytest.mark.parametrize("is_old", [True, False], ids=["of an earlier version", "new"])
def test_the_files_of_sqlite_are_readable_by_their_owner_alone(tmp_path, is_old):
    path = tmp_path / "antler.db"
    umask = os.umask(0o022)
    try:
        if is_old:
            path.touch()
            assert path.stat().st_mode & 0o777 == 0o644
        store = Store(f"sqlite:///{path}")
        store.preferences.set_favourite("ann", "m", True)
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(umask)
    assert modes == dict.fromkeys(["antler.db", "antler.db-wal", "antler.db-shm"], "0o600")


def test_a_child_process_of_the_tests_runs_no_page(monkeypatch, tmp_path):
    page = ModuleType("__main__")
    page.__file__ = str(tmp_path / "page.py")
    (tmp_path / "page.py").write_text("raise RuntimeError")
    monkeypatch.setitem(sys.modules, "__main__", page)
    with Child("", "send(1)") as child:
        assert child.finish() == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda values: st.lists(values) | st.dictionaries(st.text(st.characters()), values),
)


@given(JSON_VALUES, st.booleans())
def test_columns_are_decoded_as_by_json(value: object, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert repr(decode_json(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ['"\\ud800"', "1e400", "NaN", '{"a": 1, "a": 2}', "-0", " 1 ", "1" * 40])
def test_what_a_strict_parser_refuses_is_decoded(text: str) -> None:
    assert repr(decode_json(text)) == repr(json.loads(text))


def test_broken_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        decode_json("[1, ")
