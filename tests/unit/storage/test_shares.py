"""Share links open their snapshot until they are revoked or the conversation is deleted."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import ShareLink

SNAPSHOT = {"title": "为什么\x00 \ud83d", "nodes": [{"text": "Because."}, None, 1.5, True]}
LINK = ShareLink("s", "c", "Why?", 5.0)


@pytest.fixture
def shared_store(store):
    store.messages.save_turn("ann", Conversation("c", "Why?", 1.0), [])
    assert store.shares.add("ann", LINK, "hash", SNAPSHOT)
    return store


def test_a_link_opens_the_shared_snapshot(shared_store):
    assert shared_store.shares.snapshot("hash") == SNAPSHOT
    assert shared_store.shares.links("ann") == [LINK]
    shared_store.conversations.rename("ann", "c", "Changed since")
    assert shared_store.shares.snapshot("hash") == SNAPSHOT
    for wrong_hash in ("s", "Hash", "", "has%", "hash\x00"):
        assert shared_store.shares.snapshot(wrong_hash) is None


def test_links_are_listed_newest_first_and_revoked_one_by_one(shared_store):
    newer = ShareLink("t", "c", "Why?", 6.0)
    shared_store.shares.add("ann", newer, "hash2", {})
    assert shared_store.shares.links("ann") == [newer, LINK]
    assert shared_store.shares.snapshot("hash2") == {}
    shared_store.shares.revoke("ann", "s")
    assert shared_store.shares.snapshot("hash") is None
    assert shared_store.shares.links("ann") == [newer]


def test_links_are_disabled_by_a_soft_delete_and_removed_by_a_purge(shared_store):
    shared_store.conversations.delete("ann", ["c"])
    assert (shared_store.shares.snapshot("hash"), shared_store.shares.links("ann")) == (None, [])
    assert not shared_store.shares.add("ann", ShareLink("t", "c", "", 6.0), "hash2", {})
    shared_store.conversations.restore("ann", ["c"])
    assert (shared_store.shares.snapshot("hash"), shared_store.shares.links("ann")) == (SNAPSHOT, [LINK])
    shared_store.conversations.delete("ann", ["c"])
    shared_store.purge_deleted(-1)
    shared_store.conversations.restore("ann", ["c"])
    assert (shared_store.shares.snapshot("hash"), shared_store.shares.links("ann")) == (None, [])


def test_a_token_hash_is_unique(shared_store):
    with pytest.raises(StoreError):
        shared_store.shares.add("ann", ShareLink("t", "c", "", 6.0), "hash", {})
    assert shared_store.shares.snapshot("hash") == SNAPSHOT
