"""Conversations put straight into the database of a running app, as many and as old as a test wants them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from lib.core.types import Conversation, Message, Node, Target, Text, new_id
from lib.storage.store import Store
from tests.browser.site import App, Chat

DAY = 86_400.0
TARGET = Target("demo-echo", "openai")


class Shelves:
    """The history of whoever a browser is to the app."""

    def __init__(self, app: App, chat: Chat) -> None:
        """Find out who that is, by a first question that is asked in that browser."""
        expect(chat.page.locator(".st-key-conversations")).to_be_visible()
        words = f"Who am I {new_id()}"
        chat.ask(words).ended()
        (self._file,) = _databases(app.folder)
        with sqlite3.connect(self._file) as database:
            found = database.execute("SELECT owner FROM conversation WHERE title = ?", (words,)).fetchone()
        self.owner = str(found[0])
        self.store = Store(f"sqlite:///{self._file}")

    def put(
        self,
        title: str,
        *,
        days: float = 0.0,
        said: tuple[str, ...] = ("A question", "An answer"),
        **more: Any,
    ) -> tuple[Conversation, list[Node]]:
        """A conversation that changed last so many days ago: questions and answers by turns."""
        when = time.time() - days * DAY
        nodes: list[Node] = []
        for place, text in enumerate(said):
            role = "assistant" if place % 2 else "user"
            parent = nodes[-1].id if nodes else None
            message = Message(role, (Text(text),))
            nodes.append(Node(new_id(), parent, message, when + place, target=TARGET if place % 2 else None))
        head = nodes[-1].id
        new = Conversation(new_id(), title, when, head, TARGET, created=when, titled="person", **more)
        self.store.begin(self.owner, new, nodes)
        return new, nodes


def turns(count: int) -> tuple[str, ...]:
    """What is said in so many turns, numbered from 1."""
    said = "Answer {}, with some *words*, a `name` and a list:\n\n- one\n- two\n\nAnd an end."
    return tuple(text.format(n) for n in range(1, count + 1) for text in ("Question {}", said))


def _databases(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.db") if path.is_file()]
