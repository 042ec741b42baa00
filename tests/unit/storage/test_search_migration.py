"""Messages from before full-text search are indexed by its migration."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import command

from lib.core.conversation import Outcome
from lib.storage.store import Store
from tests.unit.storage.test_migrations import ANSWER, QUESTION, TALK, at, steps

MANY = 1100  # more than are read at once


def test_what_was_said_before_the_search_is_found(empty_url):
    said = [
        QUESTION | {"id": f"m{n:04}", "parts": json.dumps([{"type": "text", "text": f"你好 word{n}"}])}
        for n in range(MANY)
    ]
    thought = json.dumps(
        [{"type": "thinking", "text": "你好", "signature": ""}, {"type": "text", "text": ""}]
    )
    said += [QUESTION | {"id": "empty", "parts": "[]"}, QUESTION | {"id": "thought", "parts": thought}]
    coming = ANSWER | {"id": "late", "parent": "m0000", "outcome": "arriving", "failure": None}
    with at(empty_url) as connection:
        config = steps()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        for table, rows in (("conversation", [TALK]), ("node", said), ("node", [coming])):
            places = ", ".join(f":{name}" for name in rows[0])
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({places})"), rows)
    store = Store(empty_url)
    assert sorted(hit.node_id for hit in store.search.find("ann", "你好", 2 * MANY)) == [
        f"m{n:04}" for n in range(MANY)
    ]
    assert [hit.node_id for hit in store.search.find("ann", "word1099 你好", 9)] == ["m1099"]
    assert store.search.find("ann", "b", 9) == []
    assert store.messages.mark_stale(1) == 1
    assert [hit.node_id for hit in store.search.find("ann", "b", 9)] == ["late"]
    assert store.messages.node("ann", "late").outcome is Outcome.INTERRUPTED
    store.conversations.set_generated_title("ann", "c", "A model's")
    (talk,) = store.conversations.page("ann", 9)
    assert (talk.title, talk.created_at, talk.revision, talk.title_source) == (
        TALK["title"],
        1.0,
        0,
        "person",
    )
    store.close()
