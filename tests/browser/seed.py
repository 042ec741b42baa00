"""Conversations put into the database of a running app, for what would take too long by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa

from lib.core.types import Message, Node, Outcome, Target, Text, Timing, Usage, new_id
from lib.storage.store import Store
from tests.browser.site import App, Chat

SAID = "Answer {number}, with some *words*, a `name` and a list:\n\n- one\n- two\n\nAnd an end."


@contextmanager
def opened(app: App) -> Iterator[Store]:
    """The database of an app that runs on its own SQLite file."""
    store = Store(f"sqlite:///{app.folder}/data/antler.db")
    yield store
    store.close()


def owner(app: App, conversation: str) -> str:
    """Whose a conversation is."""
    engine = sa.create_engine(f"sqlite:///{app.folder}/data/antler.db")
    with engine.connect() as connection:
        query = sa.text("SELECT owner FROM conversation WHERE id = :id")
        found = connection.execute(query, {"id": conversation}).scalar_one()
    engine.dispose()
    return str(found)


def shown(chat: Chat) -> str:
    """The id of the conversation that a page shows."""
    match = re.search(r"[?&]c=([\w-]+)", chat.page.url)
    assert match
    return match[1]


def grow(app: App, conversation: str, messages: int, said: str = SAID) -> None:
    """Add turns to the end of a conversation, until it has this many messages."""
    with opened(app) as store:
        who = owner(app, conversation)
        base = store.conversation(who, conversation)
        assert base
        before = store.nodes(who, conversation)
        parent, created = base.head, before[-1].created
        new: list[Node] = []
        for number in range(len(before) // 2 + 1, messages // 2 + 1):
            for role in ("user", "assistant"):
                text = f"Question {number}" if role == "user" else said.format(number=number)
                created += 0.001
                node = Node(new_id(), parent, Message(role, (Text(text),)), created)  # type: ignore[arg-type]
                if role == "assistant":
                    told = {"usage": Usage(10, 20), "timing": Timing(0.2, 0.2, 0.5)}
                    node = replace(
                        node, outcome=Outcome.COMPLETE, target=Target("demo-echo", "openai"), **told
                    )
                new.append(node)
                parent = node.id
        store.begin(who, replace(base, head=parent), new)
