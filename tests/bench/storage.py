"""Time of store methods compared with the same queries on raw sqlite3, on both databases.

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
from lib.core.search import SearchFilter
from lib.core.target import Target
from lib.storage.search import tokens as index
from lib.storage.store import Store
from tests.support.postgres import Postgres

MESSAGE_COUNT = 100_000
CONVERSATION_LENGTH = 50  # messages
OWNER_CONVERSATIONS = 50
ROUNDS, REPEATS = 20, 20  # rounds in which each variant has a turn; requests in a turn
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
# Searched in turn: words in most messages, and a Chinese word in a third of the conversations.
QUERIES, RESULT_LIMIT = ("session widg", "数据库"), 20
MATCH_EXPRESSIONS = (
    '"session" * AND "widg" *',
    f'"{" ".join(next(index.encode_passages("数据库")).split()[:2])}"',
)
TARGET = Target("claude-x", "anthropic")


StoredConversation = tuple[str, Conversation, list[Node]]  # owner, conversation and messages


@dataclass(frozen=True)
class Request:
    """The conversation that an action uses, and a number unique to the request."""

    owner: str
    conversation: Conversation
    number: int

    @property
    def new_node(self) -> Node:
        return Node(f"new{self.number}", self.conversation.head_id, Message("user", (TextPart("Why?"),)), 1e9)


@dataclass(frozen=True)
class Action:
    """An action of the page on a store and on raw SQLite; both return the number of rows."""

    store: Callable[[Store, Request], int]
    raw: Callable[[sqlite3.Connection, Request], int]


def generate_history(message_count: int) -> Iterator[StoredConversation]:
    """Generate the same conversations in every run, a third of them with Chinese text."""
    rng = random.Random(7)
    for number in range(message_count // CONVERSATION_LENGTH):
        words = ENGLISH + CHINESE if number % 3 == 0 else ENGLISH
        nodes: list[Node] = []
        for position in range(CONVERSATION_LENGTH):
            text = " ".join(rng.choices(words, k=rng.randint(5, 150)))
            role = "assistant" if position % 2 else "user"
            parent = nodes[-1].id if nodes else None
            usage = Usage(100, 100) if position % 2 else Usage()
            node = Node(f"{number}-{position}", parent, Message(role, (TextPart(text),)), position + 0.0, usage=usage)
            nodes.append(node)
        owner = f"browser:{number // OWNER_CONVERSATIONS}"
        yield (
            owner,
            Conversation(f"{number}", nodes[0].message.text[:40], 1.0 * number, nodes[-1].id, TARGET),
            nodes,
        )


def open_conversation(store: Store, request: Request) -> int:
    assert store.conversations.get(request.owner, request.conversation.id)
    return 1 + len(store.messages.nodes(request.owner, request.conversation.id))


def open_conversation_raw(raw: sqlite3.Connection, request: Request) -> int:
    conversation_query = "SELECT * FROM conversation WHERE id = ? AND owner = ? AND deleted IS NULL"
    conversations = raw.execute(conversation_query, (request.conversation.id, request.owner)).fetchall()
    node_query = (
        "SELECT node.* FROM node JOIN conversation ON conversation.id = node.conversation "
        "WHERE conversation.id = ? AND owner = ? ORDER BY node.created, node.id"
    )
    return len(conversations) + len(raw.execute(node_query, (request.conversation.id, request.owner)).fetchall())


def list_page(store: Store, request: Request) -> int:
    return len(store.conversations.page(request.owner, OWNER_CONVERSATIONS))


def list_page_raw(raw: sqlite3.Connection, request: Request) -> int:
    query = "SELECT * FROM conversation WHERE owner = ? AND deleted IS NULL ORDER BY updated DESC, id LIMIT ?"
    return len(raw.execute(query, (request.owner, OWNER_CONVERSATIONS)).fetchall())


def append(store: Store, request: Request) -> int:
    store.messages.save_turn(request.owner, request.conversation, [request.new_node])
    return 1


def append_raw(raw: sqlite3.Connection, request: Request) -> int:
    node = request.new_node
    raw.execute("BEGIN IMMEDIATE")
    raw.execute(
        "INSERT INTO node (id, conversation, parent, role, parts, created, outcome, reason, usage, timing, "
        "request_id, beat) VALUES (?, ?, ?, 'user', ?, ?, 'complete', '', '{}', '{}', '', 0)",
        (
            node.id,
            request.conversation.id,
            node.parent_id,
            '[{"type": "text", "text": "Why?"}]',
            node.created_at,
        ),
    )
    update = "UPDATE conversation SET head = ?, updated = ? WHERE id = ? AND owner = ?"
    raw.execute(
        update,
        (
            request.conversation.head_id,
            request.conversation.updated_at,
            request.conversation.id,
            request.owner,
        ),
    )
    raw.execute("COMMIT")
    return 1


def search(store: Store, request: Request) -> int:
    return len(store.search.find(request.owner, QUERIES[request.number % 2], RESULT_LIMIT))


def search_titles_and_filter(store: Store, request: Request) -> int:
    search_filter = SearchFilter(folder="", start=0.0)
    return len(store.search.find(request.owner, QUERIES[request.number % 2], RESULT_LIMIT, None, search_filter))


def search_raw(raw: sqlite3.Connection, request: Request) -> int:
    id_query = (
        "SELECT node.conversation FROM passage_words JOIN passage ON passage.id = passage_words.rowid "
        "JOIN node ON node.id = passage.node JOIN conversation ON conversation.id = node.conversation "
        "WHERE passage_words MATCH ? AND owner = ? AND conversation.deleted IS NULL AND node.deleted IS NULL "
        "GROUP BY node.conversation ORDER BY max(node.created) DESC, node.conversation DESC LIMIT ?"
    )
    parameters = (MATCH_EXPRESSIONS[request.number % 2], request.owner, RESULT_LIMIT)
    ids = [conversation_id for (conversation_id,) in raw.execute(id_query, parameters)]
    query = f"SELECT * FROM conversation WHERE id IN ({', '.join('?' * len(ids))})"
    return len(raw.execute(query, ids).fetchall())


ACTIONS = {
    f"list, newest {OWNER_CONVERSATIONS}": Action(list_page, list_page_raw),
    f"open, {CONVERSATION_LENGTH} messages": Action(open_conversation, open_conversation_raw),
    "append one message": Action(append, append_raw),
    "search, first 20 found": Action(search, search_raw),
    "search with a filter": Action(search_titles_and_filter, search_raw),
}


def connect_sqlite(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


def fill(store: Store, history: list[StoredConversation]) -> float:
    """Milliseconds per message, with one transaction per conversation."""
    start = time.perf_counter()
    for owner, conversation, nodes in history:
        store.messages.save_turn(owner, conversation, nodes)
    return (time.perf_counter() - start) / len(history) / CONVERSATION_LENGTH * 1000


def measure(variants: list[Callable[[Request], int]], history: list[StoredConversation]) -> list[float]:
    """Milliseconds of each variant, the median of its fastest round; variants take turns."""
    rng = random.Random(11)
    best = [float("inf")] * len(variants)
    for number in range(ROUNDS):
        requests = []
        for turn in range(REPEATS):
            owner, conversation, _ = rng.choice(history)
            requests.append(Request(owner, conversation, number * REPEATS + turn))
        row_counts = set()
        for position, variant in enumerate(variants):
            row_count, times = 0, []
            for request in requests:
                start = time.perf_counter()
                row_count += variant(request)
                times.append((time.perf_counter() - start) * 1000)
            best[position] = min(best[position], statistics.median(times))
            row_counts.add(row_count)
        assert len(row_counts) == 1, "the variants return different numbers of rows"
    return best


def table_row(name: str, times: list[float]) -> str:
    base, *other_times = times
    return (
        f"| {name} | {base:.2f} | " + " | ".join(f"{other:.2f} (×{other / base:.1f})" for other in other_times) + " |"
    )


def main() -> None:
    message_count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGE_COUNT
    history = list(generate_history(message_count))
    with tempfile.TemporaryDirectory() as folder, Postgres(durable=True) as server:
        file, copy = Path(folder) / "antler.db", Path(folder) / "raw.db"
        with closing(Store(f"sqlite:///{file}")) as sqlite_store:
            fill_times = [fill(sqlite_store, history)]
        shutil.copy(file, copy)
        with (
            closing(Store(f"sqlite:///{file}")) as sqlite_store,
            closing(Store(server.create("antler"))) as postgres_store,
            closing(connect_sqlite(copy)) as raw,
        ):
            fill_times.append(fill(postgres_store, history))
            print(f"{message_count:,} messages in {len(history):,} conversations; the best of {ROUNDS} rounds.")
            print(f"Filled in ms a message: SQLite {fill_times[0]:.2f}, Postgres {fill_times[1]:.2f}.\n")
            print("| action, ms | raw sqlite3 | Antler on SQLite | Antler on Postgres |\n|---|--:|--:|--:|")
            for name, action in ACTIONS.items():
                variants = [
                    partial(action.raw, raw),
                    partial(action.store, sqlite_store),
                    partial(action.store, postgres_store),
                ]
                print(table_row(name, measure(variants, history)))


if __name__ == "__main__":
    main()
