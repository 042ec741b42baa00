"""Conversations added to the database of a running app, of any number and age."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, new_id
from lib.core.target import Target
from lib.storage.store import Store
from lib.ui.auth.browser_id import parse_identity
from tests.browser.chat_page import ChatPage
from tests.support.app_server import AppServer, ServerAddress

DAY = 86_400.0
TARGET = Target("demo-echo", "openai")


class HistorySeed:
    """The history of the user of a browser; empty at first.

    The browser has the identity from its next page on.
    """

    def __init__(self, app: AppServer | ServerAddress, chat: ChatPage) -> None:
        self.chat = chat
        secret = secrets.token_hex(24)
        chat.page.add_init_script(f'try {{ localStorage.setItem("antler.browser", "{secret}"); }} catch {{}}')
        identity = parse_identity({"secret": secret, "persistence": "browser"})
        assert identity
        self.owner = identity.id
        self.file = app.folder / "data/antler.db"
        self.store = Store(f"sqlite:///{self.file}")

    def add(
        self,
        title: str,
        *,
        when: float | None = None,
        days: float = 0.0,
        messages: Sequence[str] = (),
        **more: Any,
    ) -> list[Node]:
        """Add a conversation updated at `when`, or so many days ago; return its nodes.

        `messages` are the texts of questions and answers in turn.
        """
        when = time.time() - days * DAY if when is None else when
        nodes: list[Node] = []
        for index, text in enumerate(messages or ("A question", "An answer")):
            parent = nodes[-1].id if nodes else None
            message = Message("assistant" if index % 2 else "user", (TextPart(text),))
            nodes.append(Node(new_id(), parent, message, when + index, target=TARGET if index % 2 else None))
        self.add_nodes(title, nodes, when=when, **more)
        return nodes

    def add_nodes(self, title: str, nodes: Sequence[Node], *, when: float | None = None, **more: Any) -> Conversation:
        """Add and return a conversation of these nodes; the last one is its head."""
        when = time.time() if when is None else when
        new = Conversation(new_id(), title, when, nodes[-1].id, TARGET, created_at=when, title_source="person", **more)
        self.store.messages.save_turn(self.owner, new, nodes)
        return new

    def add_arriving(self, title: str) -> Node:
        """Add a conversation whose answer another process produces until `finish_answer`; return that answer."""
        question = Node(new_id(), None, Message("user", (TextPart("Slowly"),)), time.time())
        answer = Message("assistant", (TextPart("So far"),))
        node = Node(new_id(), question.id, answer, time.time(), Outcome.ARRIVING, target=TARGET)
        new = Conversation(new_id(), title, time.time(), node.id, TARGET, title_source="person")
        self.store.messages.save_turn(self.owner, new, [question, node])
        with sqlite3.connect(self.file) as database:
            # Its heartbeats of the next hour.
            database.execute("UPDATE node SET beat = beat + 3600 WHERE id = ?", (node.id,))
        return node

    def finish_answer(self, node: Node) -> None:
        self.store.messages.finish(self.owner, replace(node, outcome=Outcome.COMPLETE))

    def open(self, query: str = "?model=demo-echo&wire=openai") -> ChatPage:
        """Open the chat page with the conversations added so far."""
        return self.chat.open(query).wait_idle()


def build_turns(count: int) -> tuple[str, ...]:
    """Return the messages of `count` turns, numbered from 1."""
    answer = "Answer {}, with some *words*, a `name` and a list:\n\n- one\n- two\n\nAnd an end."
    return tuple(text.format(n) for n in range(1, count + 1) for text in ("Question {}", answer))
