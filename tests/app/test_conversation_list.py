"""Conversation list: few queries, each for a page, however long the list is."""

from __future__ import annotations

import time

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.conversation import Conversation, Message, Node, TextPart, new_id
from lib.storage.store import Store
from lib.ui.session import resources
from tests.app import conversation_rows

SCRIPT = """
from lib.core.user import User
from lib.ui.history import conversation_list

conversation_list.render(User("me"), None)
"""


@pytest.fixture
def store(monkeypatch, database_url) -> Store:
    store = Store(database_url)
    monkeypatch.setattr(resources, "store", lambda: store)
    yield store
    store.close()


@pytest.fixture
def queries(store, monkeypatch) -> list[tuple]:
    """Queries of the list, each with limit, kind, folder and whether it has a cursor."""
    queries: list[tuple] = []
    conversations = store.conversations
    get_folders, get_page = conversations.folders, conversations.page

    def folders(owner):
        queries.append(("folders",))
        return get_folders(owner)

    def page(owner, limit, conversation_filter, cursor=None):
        kind, folder = conversation_filter.kind, conversation_filter.folder
        queries.append(("page", limit, kind, folder, cursor is not None))
        return get_page(owner, limit, conversation_filter, cursor)

    monkeypatch.setattr(conversations, "folders", folders)
    monkeypatch.setattr(conversations, "page", page)
    return queries


def save_conversations(store: Store, count: int, **fields) -> None:
    for number in range(count):
        now = time.time() - number
        node = Node(new_id(), None, Message("user", (TextPart("Hello"),)), now)
        conversation = Conversation(new_id(), f"Chat {number}", now, node.id, **fields)
        store.messages.save_turn("me", conversation, [node])


def run_list() -> AppTest:
    return AppTest.from_string(SCRIPT, default_timeout=60).run()


def titles(at: AppTest) -> list[str]:
    return [row["title"] for row in conversation_rows.list_rows(at)]


def test_a_run_queries_one_page_of_each_open_section(store, queries):
    save_conversations(store, 100)
    save_conversations(store, 2, pinned=True)
    save_conversations(store, 3, folder="Work")
    save_conversations(store, 50, archived=True)
    at = run_list()
    expected = [("folders",), ("page", 41, "pinned", "", False), ("page", 41, "open", "", False)]
    assert queries == expected
    assert len(titles(at)) == 42
    queries.clear()
    next(button for button in at.button if button.key.startswith("fold-")).click().run()
    assert sorted(queries) == sorted([*expected, ("page", 41, "folder", "Work", False)])
    assert len(titles(at)) == 45


def test_the_visible_range_grows_and_then_moves(store, queries):
    save_conversations(store, 210)
    at = run_list()
    for _ in range(2):
        at.button(key="more-open").click().run()
    assert titles(at) == [f"Chat {number}" for number in range(120)]
    queries.clear()
    at.button(key="more-open").click().run()
    assert ("page", 121, "open", "", True) in queries
    assert titles(at) == [f"Chat {number}" for number in range(40, 160)]
    at.button(key="more-open").click().run()
    at.button(key="more-open").click().run()
    assert titles(at) == [f"Chat {number}" for number in range(120, 210)]
    for _ in range(3):
        at.button(key="less-open").click().run()
    assert titles(at) == [f"Chat {number}" for number in range(120)]
    assert not any(button.key == "less-open" for button in at.button)


def test_a_conversation_moved_between_two_queries_is_listed_once(store, monkeypatch):
    save_conversations(store, 1)
    conversations = store.conversations.page("me", 1)
    monkeypatch.setattr(store.conversations, "page", lambda *_: conversations)
    at = run_list()
    assert not at.exception
    assert titles(at) == ["Chat 0"]
