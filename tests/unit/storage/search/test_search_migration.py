"""Messages from before full-text search are indexed by its migration."""

from __future__ import annotations

import json

import sqlalchemy as sa

from lib.core.conversation import Outcome
from lib.storage.store import Store
from tests.unit.storage.revisions import plain_transaction, upgrade
from tests.unit.storage.search.test_search import find_ids
from tests.unit.storage.test_migrations import ANSWER, CONVERSATION, QUESTION

MESSAGE_COUNT = 1100  # more than the migration reads at once


def test_messages_saved_before_full_text_search_are_found(empty_url):
    messages = [
        QUESTION | {"id": f"m{n:04}", "parts": json.dumps([{"type": "text", "text": f"你好 word{n}"}])}
        for n in range(MESSAGE_COUNT)
    ]
    thinking_parts = json.dumps([{"type": "thinking", "text": "你好", "signature": ""}, {"type": "text", "text": ""}])
    messages += [
        QUESTION | {"id": "empty", "parts": "[]"},
        QUESTION | {"id": "thought", "parts": thinking_parts},
    ]
    arriving = ANSWER | {"id": "late", "parent": "m0000", "outcome": "arriving", "failure": None}
    upgrade(empty_url, "0003")
    with plain_transaction(empty_url) as connection:
        for table, rows in (("conversation", [CONVERSATION]), ("node", messages), ("node", [arriving])):
            placeholders = ", ".join(f":{name}" for name in rows[0])
            connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({placeholders})"), rows)
    store = Store(empty_url)
    (result,) = store.search.find("ann", "你好", 9)
    assert (result.hit_count, result.is_title_match) == (MESSAGE_COUNT, False)
    assert find_ids(store, "word1099 你好") == ["m1099"]
    (result,) = store.search.find("ann", "为什么", 9)
    assert (result.conversation.title, result.hit_count, result.is_title_match) == (CONVERSATION["title"], 0, True)
    assert find_ids(store, "b") == []
    assert store.messages.mark_stale(1) == 1
    assert find_ids(store, "b") == ["late"]
    assert store.messages.node("ann", "late").outcome is Outcome.INTERRUPTED
    store.conversations.set_generated_title("ann", "c", "A model's")
    (conversation,) = store.conversations.page("ann", 9)
    assert (
        conversation.title,
        conversation.created_at,
        conversation.revision,
        conversation.title_source,
    ) == (
        CONVERSATION["title"],
        1.0,
        0,
        "person",
    )
    store.close()
