"""Conversations put straight into the database of a running app, as many and as old as a test wants them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, new_id
from lib.core.target import Target
from lib.storage.store import Store
from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer

DAY = 86_400.0
TARGET = Target("demo-echo", "openai")


class HistorySeed:
    """The history of whoever the browser of `chat` is to the app: empty at first."""

    def __init__(self, app: AppServer, chat: ChatPage) -> None:
        self.chat = chat
        words = f"Who am I at {time.time_ns()}?"
        chat.open("?model=demo-echo&wire=openai").ask(words).wait_idle()
        (self.file,) = app.folder.rglob("*.db")
        with sqlite3.connect(self.file) as database:
            found = database.execute("SELECT owner FROM conversation WHERE title = ?", (words,)).fetchone()
            self.owner = str(found[0])
            database.execute("UPDATE conversation SET deleted = 1 WHERE owner = ?", (self.owner,))
        self.store = Store(f"sqlite:///{self.file}")

    def add(
        self,
        title: str,
        *,
        when: float | None = None,
        days: float = 0.0,
        said: Sequence[str] = (),
        **more: Any,
    ) -> list[Node]:
        """A conversation that changed last at `when`, or so many days ago; its nodes, asked and answered."""
        when = time.time() - days * DAY if when is None else when
        nodes: list[Node] = []
        for place, text in enumerate(said or ("A question", "An answer")):
            parent = nodes[-1].id if nodes else None
            message = Message("assistant" if place % 2 else "user", (TextPart(text),))
            nodes.append(Node(new_id(), parent, message, when + place, target=TARGET if place % 2 else None))
        new = Conversation(
            new_id(), title, when, nodes[-1].id, TARGET, created_at=when, title_source="person", **more
        )
        self.store.messages.save_turn(self.owner, new, nodes)
        return nodes

    def add_arriving(self, title: str) -> Node:
        """A conversation whose answer another process produces; that answer."""
        question = Node(new_id(), None, Message("user", (TextPart("Slowly"),)), time.time())
        answer = Message("assistant", (TextPart("So far"),))
        node = Node(new_id(), question.id, answer, time.time(), Outcome.ARRIVING, target=TARGET)
        new = Conversation(new_id(), title, time.time(), node.id, TARGET, title_source="person")
        self.store.messages.save_turn(self.owner, new, [question, node])
        return node

    def finish_answer(self, node: Node) -> None:
        self.store.messages.finish(self.owner, replace(node, outcome=Outcome.COMPLETE))

    def open(self, query: str = "?model=demo-echo&wire=openai") -> ChatPage:
        """The chat page, with what is in the database by now."""
        return self.chat.open(query).wait_idle()


def build_turns(count: int) -> tuple[str, ...]:
    """What is said in so many turns, numbered from 1."""
    said = "Answer {}, with some *words*, a `name` and a list:\n\n- one\n- two\n\nAnd an end."
    return tuple(text.format(n) for n in range(1, count + 1) for text in ("Question {}", said))
