"""Transactions: locks, snapshots, sessions and sanitized texts."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, TextPart
from lib.core.errors import StoreError
from lib.core.target import Target
from lib.storage.engine import connect, read_transaction, write_transaction
from lib.storage.store import Store
from tests.unit.storage.child_process import Child

count = sa.table("count", sa.column("n", sa.Integer))
TALK = Conversation("c", "Why?", 2.0, "q")
LOCKED = r"database is locked|lock timeout"
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)


@pytest.fixture
def opened(url):
    engine = connect(url, lock_timeout=0.2)
    yield engine
    engine.dispose()


@pytest.fixture
def counted(opened):
    with write_transaction(opened) as connection:
        connection.execute(sa.text("CREATE TABLE count (n INTEGER)"))
        connection.execute(sa.insert(count).values(n=0))
    return opened


def now(engine: sa.Engine) -> int:
    with read_transaction(engine) as connection:
        return connection.scalar(sa.select(count.c.n))


def test_processes_that_start_together_on_an_empty_database_bring_it_up_once(empty_url):
    program = """
    wait()
    store = Store(url, LOCK_TIMEOUT)
    store.messages.save_turn("ann", *talk(sys.stdin.readline().strip()))
    """
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(empty_url, program)) for _ in range(4)]
        for child in children:
            child.wait_until_ready()
        for child in children:
            child.resume()
        for number, child in enumerate(children):
            child.process.stdin.write(f"c{number}\n")
            child.process.stdin.flush()
        for child in children:
            child.finish()
    store = Store(empty_url)
    assert sorted(talk.id for talk in store.conversations.page("ann", 9)) == ["c0", "c1", "c2", "c3"]
    with read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    store.close()


def test_processes_that_read_and_then_write_lose_nothing(url, counted):
    program = """
    engine = connect(url, LOCK_TIMEOUT)
    wait()
    for turn in range(25):
        with write_transaction(engine, "ann" if turn % 2 else None) as connection:
            seen = connection.scalar(sa.text("SELECT n FROM count"))
            connection.execute(sa.text("UPDATE count SET n = :n"), {"n": seen + 1})
    """
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(Child(url, program)) for _ in range(3)]
        for child in children:
            child.wait_until_ready()
        for child in children:
            child.resume()
        for child in children:
            child.finish()
    assert now(counted) == 75


def test_a_writer_who_waits_too_long_is_refused_and_may_come_again(counted):
    with write_transaction(counted) as first:
        for owner in (None, "ann"):
            with (
                pytest.raises(StoreError, match=r"database is locked|lock timeout"),
                write_transaction(counted, owner),
            ):
                pass
        first.execute(sa.update(count).values(n=1))
    with write_transaction(counted, "ann") as connection:
        connection.execute(sa.update(count).values(n=count.c.n + 1))
    assert now(counted) == 2


def test_one_who_writes_alone_waits_for_an_owners_writer(counted):
    with write_transaction(counted, "ann") as first:
        for owner in (None, "ann"):
            with (
                pytest.raises(StoreError, match=r"database is locked|lock timeout"),
                write_transaction(counted, owner),
            ):
                pass
        first.execute(sa.update(count).values(n=1))
    assert now(counted) == 1


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_owners_do_not_wait_for_each_other_on_postgres(opened):
    with write_transaction(opened, "ann"), write_transaction(opened, "bob") as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_reader_waits_for_nobody_and_sees_one_moment(counted):
    with read_transaction(counted) as before:
        assert before.scalar(sa.select(count.c.n)) == 0
        with write_transaction(counted) as connection:
            connection.execute(sa.update(count).values(n=1))
            assert now(counted) == 0
        assert before.scalar(sa.select(count.c.n)) == 0
    assert now(counted) == 1


def test_what_fails_half_way_leaves_nothing(counted):
    with pytest.raises(ZeroDivisionError), write_transaction(counted) as connection:
        connection.execute(sa.update(count).values(n=1))
        raise ZeroDivisionError
    with pytest.raises(StoreError), write_transaction(counted) as connection:
        connection.execute(sa.update(count).values(n=1))
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    assert now(counted) == 0


def test_threads_beyond_the_pool_wait_for_a_connection(url):
    store = Store(url)
    store.messages.save_turn("ann", TALK, [QUESTION])
    found = []
    together = threading.Barrier(30, timeout=30)

    def read() -> None:
        together.wait()
        found.append(store.messages.nodes("ann", "c"))

    threads = [threading.Thread(target=read) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [[QUESTION]] * 30
    store.close()


def test_a_text_that_cannot_be_kept_fails_nothing(store):
    bad, kept = "a\0b\ud83dc\ud83d\ude00", "a\ufffdb\ufffdc😀"
    target = Target(bad, "openai")
    failure = Failure("overloaded", bad, 529, bad)
    answer = Node(
        "a", "q", Message("assistant", (TextPart(bad),)), 2.0, Outcome.FAILED, bad, target, failure=failure
    )
    answer = replace(answer, request_id=bad, provider_metadata={"id": bad})
    store.messages.save_turn(bad, replace(TALK, title=bad, target=target), [QUESTION, answer])
    assert store.conversations.get(bad, "c").title == store.conversations.get(kept, "c").title == kept
    assert store.conversations.get(bad, "c").target == Target(kept, "openai")
    found = store.messages.node(bad, "a")
    assert (found.finish_reason, found.request_id, found.target.model) == (kept, kept, kept)
    store.conversations.rename(bad, "c", bad * 2)
    assert store.conversations.get(bad, "c").title == kept * 2
    store.preferences.set_favourite(bad, bad, True)
    store.preferences.set_favourite(bad, "m", True)
    assert len(store.preferences.load(bad).favourites) == 2
    for asked in (store.conversations.get, store.messages.nodes, store.messages.node):
        assert not asked("ann", bad)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_pooler_can_stand_between(opened):
    """Nothing is prepared by name, and no setting or lock outlives its transaction."""
    texts = sa.text("SELECT count(*) FROM conversation WHERE owner = :owner AND updated > :then")
    kept = sa.text("INSERT INTO preference VALUES (:owner, :name, '1')")
    with read_transaction(opened) as connection:
        backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    for turn in range(30):
        with read_transaction(opened) as connection:
            connection.execute(texts, {"owner": str(turn), "then": 1.0 * turn})
        with write_transaction(opened, "ann") as connection:
            connection.execute(kept, [{"owner": str(turn), "name": name} for name in "abcdefgh"])
    with read_transaction(opened) as connection:
        ask = {
            "SELECT pg_backend_pid()": {backend},
            "SELECT name FROM pg_prepared_statements": set(),
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()": set(),
            "SELECT name FROM pg_settings WHERE source = 'session' AND name NOT LIKE 'transaction_%'": set(),
        }
        for question, answer in ask.items():
            assert set(connection.scalars(sa.text(question))) == answer, question


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(StoreError, match="timeout"):
            Store(f"postgresql+psycopg://ann:very-secret@127.0.0.1:{port}/antler?connect_timeout=1")


@pytest.mark.parametrize("more", ["", "?sslmode=require", "?nonsense=1", "?sslmode=nonsense", "?port=x"])
def test_no_error_has_the_password_in_it(more):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(StoreError) as caught:
        Store(f"postgresql+psycopg://ann:very-secret@127.0.0.1:{port}/antler{more}")
    error: BaseException | None = caught.value
    while error:
        assert "very-secret" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_connection_that_the_server_has_closed_is_not_used_again(url, store):
    store.messages.save_turn("ann", TALK, [QUESTION])
    with read_transaction(store._engine) as connection:
        mine = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    other = connect(url)
    with read_transaction(other) as connection:
        assert connection.scalar(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
    other.dispose()
    assert store.messages.nodes("ann", "c") == [QUESTION]
