"""Share links open their snapshot until they are revoked or the conversation is deleted."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import ShareLink

SNAPSHOT = {"title": "为什么\x00 \ud83d", "nodes": [{"text": "Because."}, None, 1.5, True]}
LINK = ShareLink("s", "c", "Why?", 5.0)


@pytest.fixture
def shared(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0), [])
    assert store.shares.add("ann", LINK, "hash", SNAPSHOT)
    return store


def test_a_link_opens_what_was_shared(shared):
    assert shared.shares.snapshot("hash") == SNAPSHOT
    assert shared.shares.links("ann") == [LINK]
    shared.conversations.rename("ann", "c", "Changed since")
    assert shared.shares.snapshot("hash") == SNAPSHOT
    for other in ("s", "Hash", "", "has%", "hash\x00"):
        assert shared.shares.snapshot(other) is None


def test_links_are_listed_newest_first_and_taken_back_one_by_one(shared):
    newer = ShareLink("t", "c", "Why?", 6.0)
    shared.shares.add("ann", newer, "hash2", {})
    assert shared.shares.links("ann") == [newer, LINK]
    assert shared.shares.snapshot("hash2") == {}
    shared.shares.revoke("ann", "s")
    assert shared.shares.snapshot("hash") is None
    assert shared.shares.links("ann") == [newer]


def test_links_sleep_while_their_conversation_is_deleted_and_go_with_it(shared):
    shared.conversations.delete("ann", ["c"])
    assert (shared.shares.snapshot("hash"), shared.shares.links("ann")) == (None, [])
    assert not shared.shares.add("ann", ShareLink("t", "c", "", 6.0), "hash2", {})
    shared.conversations.restore("ann", ["c"])
    assert (shared.shares.snapshot("hash"), shared.shares.links("ann")) == (SNAPSHOT, [LINK])
    shared.conversations.delete("ann", ["c"])
    shared.purge_deleted(-1)
    shared.conversations.restore("ann", ["c"])
    assert (shared.shares.snapshot("hash"), shared.shares.links("ann")) == (None, [])


def test_two_links_cannot_be_opened_by_one_secret(shared):
    with pytest.raises(StoreError):
        shared.shares.add("ann", ShareLink("t", "c", "", 6.0), "hash", {})
    assert shared.shares.snapshot("hash") == SNAPSHOT
