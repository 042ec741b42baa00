"""Opening and searching read what they show by indexes, however many messages there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.search import SearchFilter
from lib.storage.database.engine import write_transaction
from lib.storage.store import Store
from tests.unit.storage.conftest import copy_template
from tests.unit.storage.plans import explain

OWNERS, CONVERSATIONS, MESSAGES = 10, 10, 12
# Words of all messages, and of one conversation; Chinese words are pairs of characters.
COMMON, RARE, CHINESE = "session widget", "quokka7x3", "数据库"
# Tables that grow with the messages of all owners, read from one end to the other.
WHOLE_TABLE = re.compile(r"SCAN (?:node|passage|conversation)\b(?! USING)|Seq Scan on (?:node|passage|conversation)\b")


def fill_with_messages(store: Store) -> None:
    """Add conversations of several owners."""
    for owner in range(OWNERS):
        filled = []
        for number in range(CONVERSATIONS):
            name, parent, nodes = f"{owner}-{number}", None, []
            for position in range(MESSAGES):
                text = f"the session of a widget {CHINESE} quokka{owner}x{number} {position}"
                role = "assistant" if position % 2 else "user"
                nodes.append(Node(f"{name}-{position}", parent, Message(role, (TextPart(text),)), float(position)))
                parent = nodes[-1].id
            conversation = Conversation(name, f"About {number}", float(number), parent)
            filled.append((conversation, nodes))
        store.conversations.import_all(f"user{owner}", filled)
    with write_transaction(store._engine) as connection:
        connection.execute(sa.text("ANALYZE"))


@pytest.fixture(params=["sqlite", "postgres"])
def store_of_messages(request, tmp_path) -> Iterator[Store]:
    for url in copy_template(request, tmp_path, fill_with_messages):
        with closing(Store(url)) as store:
            yield store


def test_a_conversation_is_opened_by_indexes(store_of_messages):
    def open_conversation() -> None:
        assert store_of_messages.conversations.get("user7", "7-3")
        assert len(store_of_messages.messages.nodes("user7", "7-3")) == MESSAGES

    plans = explain(store_of_messages, open_conversation, avoids_scans=True)
    assert len(plans) == 2
    for plan in plans.values():
        assert not WHOLE_TABLE.search(plan), plan
    assert any("node_conversation" in plan for plan in plans.values()), plans


def test_a_search_reads_indexes_and_no_whole_table(store_of_messages):
    for query in (COMMON, RARE, CHINESE, f"{COMMON} {RARE}"):
        for search_filter in (SearchFilter(), SearchFilter(folder="", start=0.0)):

            def find(query: str = query, search_filter: SearchFilter = search_filter) -> None:
                found = store_of_messages.search.find("user7", query, 20, None, search_filter)
                assert len(found) == (1 if RARE in query else CONVERSATIONS)

            plans = explain(store_of_messages, find, avoids_scans=True)
            for statement, plan in plans.items():
                assert not WHOLE_TABLE.search(plan), f"{query}: {statement}\n{plan}"
            # By the words, or by the messages of the owner where these are few.
            assert any("passage_words" in plan or "passage_node" in plan for plan in plans.values()), plans
