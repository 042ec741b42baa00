"""What the store costs beside the same queries on raw sqlite3, on both databases, in one run.

.venv/bin/python -m tests.bench.storage [messages]
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lib.core.conversation import Conversation, Message, Node, TextPart, Usage
from lib.core.target import Target
from lib.storage import search_index as index
from lib.storage.store import Store
from tests.support.postgres import Postgres

MESSAGES, LENGTH, SHELF = 100_000, 50, 50  # messages, of one conversation, conversations of one owner
ROUNDS, TURNS = 20, 20  # rounds, in which each way has its turn; times that it then asks
ENGLISH = [
    "the",
    "state",
    "of",
    "a",
    "session",
    "is",
    "kept",
    "by",
    "the",
    "server",
    "and",
    "read",
    "again",
    "after",
    "each",
    "change",
    "of",
    "a",
    "widget",
]
CHINESE = [
    "会话",
    "状态",
    "保存",
    "在",
    "服务器",
    "上",
    "每次",
    "刷新",
    "之后",
    "重新",
    "读取",
    "数据库",
    "模型",
    "回答",
    "问题",
    "缓存",
    "函数",
]
# Looked for by turns: words in most messages, and a Chinese word in a third of the conversations.
SOUGHT, FOUND = ("session widg", "数据库"), 20
SPELLED = ('"session" * AND "widg" *', f'"{" ".join(next(index.encode_passages("数据库")).split()[:2])}"')
TARGET = Target("claude-x", "anthropic")


Talk = tuple[str, Conversation, list[Node]]  # with its owner, and its messages


@dataclass(frozen=True)
class Place:
    """A conversation of the history that is asked for, and a number that no other question has."""

    owner: str
    talk: Conversation
    number: int

    @property
    def new(self) -> Node:
        return Node(f"new{self.number}", self.talk.head_id, Message("user", (TextPart("Why?"),)), 1e9)


@dataclass(frozen=True)
class Action:
    """One thing that the page asks, of a store and of the bare database; both give how many rows."""

    store: Callable[[Store, Place], int]
    raw: Callable[[sqlite3.Connection, Place], int]


def talks(messages: int) -> Iterator[Talk]:
    """Owners, conversations and their messages, the same in every run; a third of them with Chinese."""
    chance = random.Random(7)
    for number in range(messages // LENGTH):
        words = ENGLISH + CHINESE if number % 3 == 0 else ENGLISH
        nodes: list[Node] = []
        for place in range(LENGTH):
            text = " ".join(chance.choices(words, k=chance.randint(5, 150)))
            role = "assistant" if place % 2 else "user"
            parent = nodes[-1].id if nodes else None
            usage = Usage(100, 100) if place % 2 else Usage()
            node = Node(
                f"{number}-{place}", parent, Message(role, (TextPart(text),)), place + 0.0, usage=usage
            )
            nodes.append(node)
        owner = f"browser:{number // SHELF}"
        yield (
            owner,
            Conversation(f"{number}", nodes[0].message.text[:40], 1.0 * number, nodes[-1].id, TARGET),
            nodes,
        )


def open_all(store: Store, place: Place) -> int:
    assert store.conversations.get(place.owner, place.talk.id)
    return 1 + len(store.messages.nodes(place.owner, place.talk.id))


def open_all_raw(raw: sqlite3.Connection, place: Place) -> int:
    one = "SELECT * FROM conversation WHERE id = ? AND owner = ? AND deleted IS NULL"
    found = raw.execute(one, (place.talk.id, place.owner)).fetchall()
    nodes = (
        "SELECT node.* FROM node JOIN conversation ON conversation.id = node.conversation "
        "WHERE conversation.id = ? AND owner = ? ORDER BY node.created, node.id"
    )
    return len(found) + len(raw.execute(nodes, (place.talk.id, place.owner)).fetchall())


def newest(store: Store, place: Place) -> int:
    return len(store.conversations.page(place.owner, SHELF))


def newest_raw(raw: sqlite3.Connection, place: Place) -> int:
    query = "SELECT * FROM conversation WHERE owner = ? AND deleted IS NULL ORDER BY updated DESC, id LIMIT ?"
    return len(raw.execute(query, (place.owner, SHELF)).fetchall())


def append(store: Store, place: Place) -> int:
    store.messages.save_turn(place.owner, place.talk, [place.new])
    return 1


def append_raw(raw: sqlite3.Connection, place: Place) -> int:
    node = place.new
    raw.execute("BEGIN IMMEDIATE")
    raw.execute(
        "INSERT INTO node (id, conversation, parent, role, parts, created, outcome, reason, usage, timing, "
        "request_id, beat) VALUES (?, ?, ?, 'user', ?, ?, 'complete', '', '{}', '{}', '', 0)",
        (node.id, place.talk.id, node.parent_id, '[{"type": "text", "text": "Why?"}]', node.created_at),
    )
    change = "UPDATE conversation SET head = ?, updated = ? WHERE id = ? AND owner = ?"
    raw.execute(change, (place.talk.head_id, place.talk.updated_at, place.talk.id, place.owner))
    raw.execute("COMMIT")
    return 1


def search(store: Store, place: Place) -> int:
    return len(store.search.find(place.owner, SOUGHT[place.number % 2], FOUND))


def search_raw(raw: sqlite3.Connection, place: Place) -> int:
    ids = (
        "SELECT DISTINCT passage.node FROM passage_words JOIN passage ON passage.id = passage_words.rowid "
        "JOIN node ON node.id = passage.node JOIN conversation ON conversation.id = node.conversation "
        "WHERE passage_words MATCH ? AND owner = ? AND conversation.deleted IS NULL AND node.deleted IS NULL "
        "ORDER BY node.created DESC, node.id DESC LIMIT ?"
    )
    found = [node for (node,) in raw.execute(ids, (SPELLED[place.number % 2], place.owner, FOUND))]
    nodes = f"SELECT * FROM node WHERE id IN ({', '.join('?' * len(found))})"
    return len(raw.execute(nodes, found).fetchall())


ACTIONS = {
    f"list, newest {SHELF}": Action(newest, newest_raw),
    f"open, {LENGTH} messages": Action(open_all, open_all_raw),
    "append one message": Action(append, append_raw),
    "search, newest 20 found": Action(search, search_raw),
}


def bare(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


def fill(store: Store, history: list[Talk]) -> float:
    """Milliseconds for one message, in transactions of a whole conversation."""
    start = time.perf_counter()
    for owner, talk, nodes in history:
        store.messages.save_turn(owner, talk, nodes)
    return (time.perf_counter() - start) / len(history) / LENGTH * 1000


def measured(ways: list[Callable[[Place], int]], history: list[Talk]) -> list[float]:
    """Milliseconds of each way: the median of its quietest round. They take turns, to have the same noise."""
    chance = random.Random(11)
    best = [float("inf")] * len(ways)
    for number in range(ROUNDS):
        asked = []
        for turn in range(TURNS):
            owner, talk, _ = chance.choice(history)
            asked.append(Place(owner, talk, number * TURNS + turn))
        rows = set()
        for which, way in enumerate(ways):
            read, times = 0, []
            for place in asked:
                start = time.perf_counter()
                read += way(place)
                times.append((time.perf_counter() - start) * 1000)
            best[which] = min(best[which], statistics.median(times))
            rows.add(read)
        assert len(rows) == 1, "they do not do the same"
    return best


def row(name: str, times: list[float]) -> str:
    base, *others = times
    return f"| {name} | {base:.2f} | " + " | ".join(f"{t:.2f} (×{t / base:.1f})" for t in others) + " |"


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    history = list(talks(messages))
    with tempfile.TemporaryDirectory() as name, Postgres(durable=True) as server:
        file, copy = Path(name) / "antler.db", Path(name) / "raw.db"
        with closing(Store(f"sqlite:///{file}")) as lite:
            filled = [fill(lite, history)]
        shutil.copy(file, copy)
        with (
            closing(Store(f"sqlite:///{file}")) as lite,
            closing(Store(server.create("antler"))) as post,
            closing(bare(copy)) as raw,
        ):
            filled.append(fill(post, history))
            print(f"{messages:,} messages in {len(history):,} conversations; the best of {ROUNDS} rounds.")
            print(f"Filled in ms a message: SQLite {filled[0]:.2f}, Postgres {filled[1]:.2f}.\n")
            print("| action, ms | raw sqlite3 | Antler on SQLite | Antler on Postgres |\n|---|--:|--:|--:|")
            for title, action in ACTIONS.items():
                ways = [partial(action.raw, raw), partial(action.store, lite), partial(action.store, post)]
                print(row(title, measured(ways, history)))


if __name__ == "__main__":
    main()
