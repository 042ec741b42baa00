"""A full, locked or absent database raises errors, loses nothing, and is used again afterwards."""

from __future__ import annotations

import contextlib
import json
import resource
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import StoreError
from lib.storage import engine
from lib.storage.store import Store
from tests.unit.storage.child_process import Child

QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
TALK = Conversation("c", "Why?", 2.0, "q", created_at=2.0)
LONG = secrets.token_hex(1_000_000)
on_both = pytest.mark.parametrize("url", ["sqlite", "own postgres"], indirect=True)
on_a_server = pytest.mark.parametrize("url", ["own postgres"], indirect=True)
MANY = [Node(f"long{n}", "q", Message("user", (TextPart(LONG),)), 2.0) for n in range(20)]


@pytest.fixture
def begun(url):
    """A store with a conversation in it, that waits for a lock for a fifth of a second."""
    store = Store(url, lock_timeout=0.2)
    store.messages.save_turn("ann", TALK, [QUESTION])
    yield store
    store.close()


def whole(store: Store, *more: str) -> bool:
    """Whether everything is there, and everything can be done."""
    store.messages.save_turn(
        "ann", replace(TALK, updated_at=9.0), [replace(QUESTION, id="next", parent_id="q", created_at=9.0)]
    )
    return [node.id for node in store.messages.nodes("ann", "c")] == ["q", *more, "next"]


def pages(store: Store, most: int | None) -> None:
    """Let the file grow by so many pages; None lets it grow."""
    with engine.read_transaction(store._engine) as connection:
        now = connection.scalar(sa.text("PRAGMA page_count"))
        connection.execute(sa.text(f"PRAGMA max_page_count = {now + most if most else 2**30}"))


@contextlib.contextmanager
def files(most: int) -> Iterator[None]:
    """What is started here cannot make a file longer than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused_for_want_of_room(store: Store) -> None:
    with pytest.raises(StoreError, match=r"database or disk is full|could not extend file"):
        store.messages.save_turn("ann", replace(TALK, title="New", updated_at=5.0), MANY)
    assert store.conversations.page("ann", 9) == [store.conversations.get("ann", "c")]
    assert store.conversations.get("ann", "c").updated_at == 2.0
    assert store.messages.nodes("ann", "c") == [QUESTION]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_under_a_file(begun):
    pages(begun, 10)
    refused_for_want_of_room(begun)
    pages(begun, None)
    begun.messages.save_turn("ann", replace(TALK, updated_at=5.0), MANY)
    assert whole(begun, *sorted(node.id for node in MANY))


@on_a_server
def test_a_full_disk_under_a_server(begun, own_server):
    own_server.stop()
    with files(2**24):  # as long as a piece of its log, which is not what must be wanting
        own_server.start()
    refused_for_want_of_room(begun)
    own_server.stop()
    own_server.start()
    begun.messages.save_turn("ann", replace(TALK, updated_at=5.0), MANY)
    assert whole(begun, *sorted(node.id for node in MANY))


def test_a_disk_that_is_full_under_the_log_of_a_file(tmp_path):
    """As the system tells it: in the middle of a write, and of the log that all writes go to first."""
    program = """
    import json, os, resource
    store = Store(url)
    store.messages.save_turn("ann", *talk("c"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = os.stat(url.removeprefix("sqlite:///") + "-wal").st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5000, limits[1]))
    said = []
    for turn in range(3):
        try:
            store.messages.save_turn("ann", *talk(f"c{turn}", "long" * 10_000))
        except StoreError as error:
            said.append(str(error))
    there = [[talk.id for talk in store.conversations.page("ann", 9)]]
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    store.messages.save_turn("ann", *talk("d"))
    there.append(sorted(talk.id for talk in store.conversations.page("ann", 9)))
    print(json.dumps([said, there]))
    """
    url = f"sqlite:///{tmp_path}/antler.db"
    with Child(url, program) as child:
        said, there = json.loads(child.finish())
    assert len(said) == 3 and set(said) <= {"disk I/O error", "database or disk is full"}
    assert there == [["c"], ["c", "d"]]
    store = Store(url)
    with engine.read_transaction(store._engine) as connection:
        assert connection.scalar(sa.text("PRAGMA integrity_check")) == "ok"
    assert len(store.conversations.page("ann", 9)) == 2
    store.close()


HOLDS = """
with write_transaction(connect(url, LOCK_TIMEOUT)) as connection:
    connection.execute(sa.text("UPDATE conversation SET title = 'Held'"))
    wait()
"""


def test_a_lock_that_another_process_holds(url, begun):
    with Child(url, HOLDS) as child:
        child.wait_until_ready()
        for _ in range(2):
            with pytest.raises(StoreError, match=r"database is locked|lock timeout"):
                begun.conversations.rename("ann", "c", "Mine")
        assert begun.conversations.get("ann", "c").title == "Why?"
        child.resume()
        child.finish()
    assert begun.conversations.get("ann", "c").title == "Held"
    assert whole(begun)


def test_a_process_that_is_killed_in_the_middle_leaves_no_half_and_no_lock(url, begun):
    with Child(url, HOLDS) as child:
        child.wait_until_ready()
        child.process.kill()
        child.process.wait(60)
        # The server takes a moment to see it.
        waiting = Store(url, lock_timeout=120)
        waiting.preferences.set_favourite("ann", "m", True)
        waiting.close()
    assert begun.conversations.get("ann", "c").title == "Why?"
    assert whole(begun)


@dataclass
class Away:
    """A store whose database can be taken away and brought back, and its words when it is away."""

    store: Store
    take: Callable[[], object]
    bring: Callable[[], object]
    words: str


@pytest.fixture
def away(begun, request, tmp_path) -> Away:
    if begun._engine.dialect.name == "sqlite":
        other = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
        words = "unable to open database file"
        return Away(
            begun,
            lambda: tmp_path.rename(other),
            lambda: other.rename(tmp_path),
            words,
        )
    server = request.getfixturevalue("own_server")
    return Away(begun, server.stop, server.start, "connection to server .* failed")


@on_both
def test_a_database_that_goes_away_and_comes_back(away):
    for turn in range(2):
        away.take()
        for _ in range(3):
            with pytest.raises(StoreError, match=away.words):
                away.store.conversations.page("ann", 9)
            with pytest.raises(StoreError, match=away.words):
                away.store.messages.save_turn("ann", replace(TALK, id=f"lost{turn}"), [])
        away.bring()
        assert away.store.messages.nodes("ann", "c") == [QUESTION]
    assert whole(away.store)
    assert len(away.store.conversations.page("ann", 9)) == 1


def test_a_file_that_is_removed_is_missed_and_not_made_anew(tmp_path):
    store = Store(f"sqlite:///{tmp_path}/antler.db")
    (tmp_path / "antler.db").rename(tmp_path / "elsewhere.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="unable to open database file"):
            store.messages.save_turn("ann", TALK, [QUESTION])
    assert not (tmp_path / "antler.db").exists()
    (tmp_path / "elsewhere.db").rename(tmp_path / "antler.db")
    store.messages.save_turn("ann", TALK, [QUESTION])
    assert whole(store)
    store.close()


@on_a_server
def test_a_server_that_is_away_at_the_start(url, own_server):
    own_server.stop()
    with pytest.raises(StoreError, match="connection to server .* failed"):
        Store(url)
    own_server.start()
    store = Store(url)
    store.messages.save_turn("ann", TALK, [QUESTION])
    assert whole(store)
    store.close()


LOST = r"terminating connection|server closed the connection|connection is lost|connection is closed"


@on_a_server
@pytest.mark.parametrize("more", [True, False], ids=["at a statement", "at the commit"])
def test_a_server_that_goes_away_in_the_middle(begun, own_server, more):
    change = sa.text("UPDATE conversation SET title = 'Lost'")
    with pytest.raises(StoreError, match=LOST), engine.write_transaction(begun._engine) as connection:
        connection.execute(change)
        own_server.stop()
        own_server.start()
        if more:
            connection.execute(change)
    assert begun.conversations.get("ann", "c").title == "Why?"
    assert whole(begun)
