"""What the list costs: few questions to the store, each for a page, whatever stands in it."""

from __future__ import annotations

import time
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from lib.core.conversation import Conversation, Message, Node, TextPart, new_id
from lib.storage.store import Store
from lib.ui.session import resources

SCRIPT = """
from lib.core.user import User
from lib.ui.history import conversation_list

conversation_list.render(User("me"), None)
"""


class Counted:
    """A store that notes what it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[tuple] = []

    def __getattr__(self, name):
        return partial(self._ask, name)

    def _ask(self, name, *args):
        self.asked.append((name, *args[1:]))
        return getattr(self._store, name)(*args)


@pytest.fixture
def store(monkeypatch, database_url) -> Counted:
    opened = Store(database_url)
    counted = Counted(opened)
    monkeypatch.setattr(resources, "store", lambda: counted)
    yield counted
    opened.close()


def put(store: Counted, count: int, **more) -> None:
    for number in range(count):
        now = time.time() - number
        node = Node(new_id(), None, Message("user", (TextPart("Hello"),)), now)
        store.messages.save_turn("me", Conversation(new_id(), f"Talk {number}", now, node.id, **more), [node])


def titles(at: AppTest) -> list[str]:
    return [button.label for button in at.button if button.key.startswith("open-")]


def asked(store: Counted) -> list[tuple]:
    """What the last run asked: name, limit, kind of shelf, folder, whether from a place in the list on."""
    found = [
        (name, args[0], args[1].kind, args[1].folder, args[2] is not None) if args else (name,)
        for name, *args in store.asked
    ]
    store.asked.clear()
    return found


def test_a_run_asks_for_a_page_of_each_shelf(store):
    put(store, 100)
    put(store, 2, pinned=True)
    put(store, 3, folder="Work")
    put(store, 50, archived=True)
    store.asked.clear()
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    three = [
        ("folders",),
        ("conversations", 41, "pinned", "", False),
        ("conversations", 41, "open", "", False),
    ]
    assert asked(store) == three
    assert len(titles(at)) == 42
    next(button for button in at.button if button.key.startswith("fold-")).click().run()
    # One more for a folder that is open.
    assert sorted(asked(store)) == sorted([*three, ("conversations", 41, "folder", "Work", False)])
    assert len(titles(at)) == 45


def test_the_window_on_the_list_grows_and_then_moves(store):
    put(store, 210)
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    for _ in range(2):
        at.button(key="more-open").click().run()
    assert titles(at) == [f"Talk {number}" for number in range(120)]
    store.asked.clear()
    at.button(key="more-open").click().run()
    assert ("conversations", 121, "open", "", True) in asked(store)
    assert titles(at) == [f"Talk {number}" for number in range(40, 160)]
    at.button(key="more-open").click().run()
    at.button(key="more-open").click().run()
    assert titles(at) == [f"Talk {number}" for number in range(120, 210)]
    for _ in range(3):
        at.button(key="less-open").click().run()
    assert titles(at) == [f"Talk {number}" for number in range(120)]
    assert not any(button.key == "less-open" for button in at.button)


def test_one_that_is_moved_between_two_questions_is_listed_once(store, monkeypatch):
    put(store, 1)
    (one,) = store.conversations.page("me", 1)
    monkeypatch.setattr(store, "conversations", lambda *_: [one], raising=False)
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not at.exception
    assert titles(at) == ["Talk 0"]
