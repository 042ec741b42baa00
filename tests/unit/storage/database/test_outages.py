"""A full, locked or absent database raises errors, loses nothing, and is used again afterwards."""

from __future__ import annotations

import contextlib
import resource
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.database_errors import DatabaseFull
from lib.core.errors import StoreError
from lib.storage.database import engine
from lib.storage.store import Store
from tests.unit.storage.child_process import Child

QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
CONVERSATION = Conversation("c", "Why?", 2.0, "q", created_at=2.0)
LONG_TEXT = secrets.token_hex(1_000_000)
on_both_databases = pytest.mark.parametrize("url", ["sqlite", "own postgres"], indirect=True)
on_postgres = pytest.mark.parametrize("url", ["own postgres"], indirect=True)
LONG_NODES = [Node(f"long{n}", "q", Message("user", (TextPart(LONG_TEXT),)), 2.0) for n in range(9)]
# Ten pages of a SQLite file are full sooner than a segment of the log of Postgres.
SHORTER_NODES = [replace(node, message=Message("user", (TextPart(LONG_TEXT[:20_000]),))) for node in LONG_NODES]


@pytest.fixture
def saved_store(url):
    """A store with one conversation and a lock timeout of 0.2 seconds."""
    store = Store(url, lock_timeout=0.2)
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    yield store
    store.close()


def is_intact_and_writable(store: Store, *node_ids: str) -> bool:
    """Return True if all nodes are saved; adds one to check that the store is writable."""
    store.messages.save_turn(
        "ann",
        replace(CONVERSATION, updated_at=9.0),
        [replace(QUESTION, id="next", parent_id="q", created_at=9.0)],
    )
    return [node.id for node in store.messages.nodes("ann", "c")] == ["q", *node_ids, "next"]


def limit_page_count(store: Store, max_new_pages: int | None) -> None:
    """Limit the growth of the database file in pages; None removes the limit."""
    with engine.read_transaction(store._engine) as connection:
        page_count = connection.scalar(sa.text("PRAGMA page_count"))
        connection.execute(sa.text(f"PRAGMA max_page_count = {page_count + max_new_pages if max_new_pages else 2**30}"))


@contextlib.contextmanager
def file_size_limit(max_bytes: int) -> Iterator[None]:
    """Limit the size of files written by processes started in this context, in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_full_disk_is_reported(store: Store, nodes: list[Node]) -> None:
    with pytest.raises(DatabaseFull, match=r"database or disk is full|could not extend file"):
        store.messages.save_turn("ann", replace(CONVERSATION, title="New", updated_at=5.0), nodes)
    assert store.conversations.page("ann", 9) == [store.conversations.get("ann", "c")]
    assert store.conversations.get("ann", "c").updated_at == 2.0
    assert store.messages.nodes("ann", "c") == [QUESTION]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_under_sqlite_loses_nothing(saved_store):
    limit_page_count(saved_store, 10)
    assert_full_disk_is_reported(saved_store, SHORTER_NODES)
    limit_page_count(saved_store, None)
    saved_store.messages.save_turn("ann", replace(CONVERSATION, updated_at=5.0), SHORTER_NODES)
    assert is_intact_and_writable(saved_store, *sorted(node.id for node in SHORTER_NODES))


@pytest.mark.slow
@on_postgres
def test_a_full_disk_under_postgres_loses_nothing(saved_store, own_server):
    own_server.stop()
    with file_size_limit(2**24):  # the size of a log segment, so that writing the log succeeds
        own_server.start()
    assert_full_disk_is_reported(saved_store, LONG_NODES)
    own_server.stop()
    own_server.start()
    saved_store.messages.save_turn("ann", replace(CONVERSATION, updated_at=5.0), LONG_NODES)
    assert is_intact_and_writable(saved_store, *sorted(node.id for node in LONG_NODES))


def test_a_full_disk_under_the_sqlite_log_loses_nothing(tmp_path):
    """The operating system reports it in the middle of a write to the write-ahead log."""
    program = """
    import os, resource
    store = Store(url)
    store.messages.save_turn("ann", *conversation("c"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = os.stat(url.removeprefix("sqlite:///") + "-wal").st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, limits[1]))
    errors = []
    for turn in range(3):
        try:
            store.messages.save_turn("ann", *conversation(f"c{turn}", "long" * 10_000))
        except StoreError as error:
            errors.append(str(error))
    conversation_ids = [[item.id for item in store.conversations.page("ann", 9)]]
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    store.messages.save_turn("ann", *conversation("d"))
    conversation_ids.append(sorted(item.id for item in store.conversations.page("ann", 9)))
    send([errors, conversation_ids])
    """
    url = f"sqlite:///{tmp_path}/antler.db"
    with Child(url, program) as child:
        errors, conversation_ids = child.finish()
    assert len(errors) == 3 and set(errors) <= {"disk I/O error", "database or disk is full"}
    assert conversation_ids == [["c"], ["c", "d"]]
    store = Store(url)
    with engine.read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"
    assert len(store.conversations.page("ann", 9)) == 2
    store.close()


HOLD_LOCK = """
with write_transaction(connect(url, LOCK_TIMEOUT)) as connection:
    connection.execute(sa.text("UPDATE conversation SET title = 'Held'"))
    wait()
"""


def test_a_lock_held_by_another_process_raises_an_error(url, saved_store):
    with Child(url, HOLD_LOCK) as child:
        child.wait_until_ready()
        for _ in range(2):
            with pytest.raises(StoreError, match=r"database is locked|lock timeout"):
                saved_store.conversations.rename("ann", "c", "Mine")
        assert saved_store.conversations.get("ann", "c").title == "Why?"
        child.resume()
        child.finish()
    assert saved_store.conversations.get("ann", "c").title == "Held"
    assert is_intact_and_writable(saved_store)


def test_a_killed_process_leaves_no_lock_and_no_partial_write(url, saved_store):
    with Child(url, HOLD_LOCK) as child:
        child.wait_until_ready()
        child.process.kill()
        child.process.join(60)
        # The server needs a moment to notice the end of the process.
        waiting_store = Store(url, lock_timeout=120)
        waiting_store.preferences.set_favourite("ann", "m", True)
        waiting_store.close()
    assert saved_store.conversations.get("ann", "c").title == "Why?"
    assert is_intact_and_writable(saved_store)


@dataclass
class Outage:
    """A store whose database can be made unavailable, and the pattern of its errors meanwhile."""

    store: Store
    start: Callable[[], object]
    end: Callable[[], object]
    error_pattern: str


@pytest.fixture
def outage(saved_store, request, tmp_path) -> Outage:
    if saved_store._engine.dialect.name == "sqlite":
        moved_folder = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
        error_pattern = "unable to open database file"
        return Outage(
            saved_store,
            lambda: tmp_path.rename(moved_folder),
            lambda: moved_folder.rename(tmp_path),
            error_pattern,
        )
    server = request.getfixturevalue("own_server")
    return Outage(saved_store, server.stop, server.start, "connection to server .* failed")


@pytest.mark.slow
@on_both_databases
def test_the_store_recovers_from_an_outage(outage):
    for outage_number in range(2):
        outage.start()
        for _ in range(3):
            with pytest.raises(StoreError, match=outage.error_pattern):
                outage.store.conversations.page("ann", 9)
            with pytest.raises(StoreError, match=outage.error_pattern):
                outage.store.messages.save_turn("ann", replace(CONVERSATION, id=f"lost{outage_number}"), [])
        outage.end()
        assert outage.store.messages.nodes("ann", "c") == [QUESTION]
    assert is_intact_and_writable(outage.store)
    assert len(outage.store.conversations.page("ann", 9)) == 1


def test_a_removed_database_file_is_not_recreated(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/antler.db")
    (tmp_path / "antler.db").rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="unable to open database file"):
            store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    assert not (tmp_path / "antler.db").exists()
    (tmp_path / "elsewhere.db").rename(tmp_path / "antler.db")
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    assert is_intact_and_writable(store)
    store.close()


@on_postgres
def test_a_server_unavailable_at_start_raises_an_error(url, own_server):
    own_server.stop()
    with pytest.raises(StoreError, match="connection to server .* failed"):
        Store(url)
    own_server.start()
    store = Store(url)
    store.messages.save_turn("ann", CONVERSATION, [QUESTION])
    assert is_intact_and_writable(store)
    store.close()


LOST_CONNECTION = r"terminating connection|server closed the connection|connection is lost|connection is closed"


@on_postgres
@pytest.mark.parametrize("fails_at_statement", [True, False], ids=["at a statement", "at the commit"])
def test_a_connection_lost_in_a_transaction_rolls_it_back(saved_store, own_server, fails_at_statement):
    change = sa.text("UPDATE conversation SET title = 'Lost'")
    with (
        pytest.raises(StoreError, match=LOST_CONNECTION),
        engine.write_transaction(saved_store._engine) as connection,
    ):
        connection.execute(change)
        own_server.stop()
        own_server.start()
        if fails_at_statement:
            connection.execute(change)
    assert saved_store.conversations.get("ann", "c").title == "Why?"
    assert is_intact_and_writable(saved_store)
