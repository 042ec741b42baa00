"""A question with an idempotency key is stored once, by any number of processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from lib.core.conversation import Conversation, Message, Node, TextPart
from lib.core.errors import DuplicateSubmission
from lib.storage import submissions
from lib.storage.store import Store

CONVERSATION = Conversation("c", "Why?", 1.0, "q", created_at=1.0)
REPLICAS = 4
KEY = "0" * 32


def question(name: str) -> Node:
    return Node(name, None, Message("user", (TextPart("Why?"),)), 1.0)


def test_a_second_turn_with_the_same_key_changes_nothing(store):
    store.messages.save_turn("ann", CONVERSATION, [question("q")], KEY)
    assert store.messages.find_submission("ann", KEY) == "c"
    with pytest.raises(DuplicateSubmission) as error:
        store.messages.save_turn("ann", replace(CONVERSATION, id="d", head_id="r"), [question("r")], KEY)
    assert error.value.conversation_id == "c"
    assert [conversation.id for conversation in store.conversations.page("ann", 9)] == ["c"]
    store.messages.save_turn("ann", replace(CONVERSATION, head_id="r"), [question("r")], "1" * 32)
    assert len(store.messages.nodes("ann", "c")) == 2


def test_a_key_belongs_to_its_owner(store):
    store.messages.save_turn("ann", CONVERSATION, [question("q")], KEY)
    assert store.messages.find_submission("bob", KEY) is None
    store.messages.save_turn("bob", replace(CONVERSATION, id="d", head_id="r"), [question("r")], KEY)
    assert store.messages.find_submission("bob", KEY) == "d"


def test_a_turn_that_fails_leaves_its_key_free(store):
    orphan = replace(question("q"), parent_id="missing")
    with pytest.raises(Exception, match="parent"):
        store.messages.save_turn("ann", CONVERSATION, [orphan], KEY)
    assert store.messages.find_submission("ann", KEY) is None
    store.messages.save_turn("ann", CONVERSATION, [question("q")], KEY)


def test_of_replicas_that_store_a_question_at_the_same_time_one_succeeds(store, url):
    replicas, start = [store, *(Store(url) for _ in range(REPLICAS - 1))], Barrier(REPLICAS)

    def save(number: int) -> str:
        start.wait(60)
        conversation = replace(CONVERSATION, id=f"c{number}", head_id=f"q{number}")
        try:
            replicas[number].messages.save_turn("ann", conversation, [question(f"q{number}")], KEY)
        except DuplicateSubmission as error:
            return error.conversation_id
        return conversation.id

    with ThreadPoolExecutor(REPLICAS) as pool:
        named = set(pool.map(save, range(REPLICAS)))
    assert {conversation.id for conversation in store.conversations.page("ann", 9)} == named
    assert len(named) == 1, "every replica names the conversation that was stored"
    for replica in replicas[1:]:
        replica.close()


def test_old_keys_are_purged(store, monkeypatch):
    store.messages.save_turn("ann", CONVERSATION, [question("q")], KEY)
    store.purge_deleted(60.0)
    assert store.messages.find_submission("ann", KEY) == "c"
    monkeypatch.setattr(submissions, "RETENTION_SECONDS", -1.0)
    store.purge_deleted(60.0)
    assert store.messages.find_submission("ann", KEY) is None
