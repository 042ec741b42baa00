"""A link opens its snapshot to whoever has it, until it is taken back or its conversation is deleted."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import ShareLink

SNAPSHOT = {"title": "为什么\x00 \ud83d", "nodes": [{"text": "Because."}, None, 1.5, True]}
LINK = ShareLink("s", "c", "Why?", 5.0)


@pytest.fixture
def shared(store):
    store.save_turn("ann", Conversation("c", "Why?", 1.0), [])
    assert store.add_share_link("ann", LINK, "hash", SNAPSHOT)
    return store


def test_a_link_opens_what_was_shared(shared):
    assert shared.share_snapshot("hash") == SNAPSHOT
    assert shared.share_links("ann") == [LINK]
    shared.rename_conversation("ann", "c", "Changed since")
    assert shared.share_snapshot("hash") == SNAPSHOT
    for other in ("s", "Hash", "", "has%", "hash\x00"):
        assert shared.share_snapshot(other) is None


def test_links_are_listed_newest_first_and_taken_back_one_by_one(shared):
    newer = ShareLink("t", "c", "Why?", 6.0)
    shared.add_share_link("ann", newer, "hash2", {})
    assert shared.share_links("ann") == [newer, LINK]
    assert shared.share_snapshot("hash2") == {}
    shared.revoke_share_link("ann", "s")
    assert shared.share_snapshot("hash") is None
    assert shared.share_links("ann") == [newer]


def test_links_sleep_while_their_conversation_is_deleted_and_go_with_it(shared):
    shared.delete_conversations("ann", ["c"])
    assert (shared.share_snapshot("hash"), shared.share_links("ann")) == (None, [])
    assert not shared.add_share_link("ann", ShareLink("t", "c", "", 6.0), "hash2", {})
    shared.restore_conversations("ann", ["c"])
    assert (shared.share_snapshot("hash"), shared.share_links("ann")) == (SNAPSHOT, [LINK])
    shared.delete_conversations("ann", ["c"])
    shared.purge_deleted(-1)
    shared.restore_conversations("ann", ["c"])
    assert (shared.share_snapshot("hash"), shared.share_links("ann")) == (None, [])


def test_two_links_cannot_be_opened_by_one_secret(shared):
    with pytest.raises(StoreError):
        shared.add_share_link("ann", ShareLink("t", "c", "", 6.0), "hash", {})
    assert shared.share_snapshot("hash") == SNAPSHOT
