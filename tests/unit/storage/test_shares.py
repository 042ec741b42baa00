"""A link opens its snapshot to whoever has it, until it is taken back or its conversation is deleted."""

from __future__ import annotations

import pytest

from lib.core.conversation import Conversation
from lib.core.errors import StoreError
from lib.core.usage import Share

SNAPSHOT = {"title": "为什么\x00 \ud83d", "nodes": [{"text": "Because."}, None, 1.5, True]}
LINK = Share("s", "c", "Why?", 5.0)


@pytest.fixture
def shared(store):
    store.begin("ann", Conversation("c", "Why?", 1.0), [])
    assert store.share("ann", LINK, "hash", SNAPSHOT)
    return store


def test_a_link_opens_what_was_shared(shared):
    assert shared.shared("hash") == SNAPSHOT
    assert shared.shares("ann") == [LINK]
    shared.rename("ann", "c", "Changed since")
    assert shared.shared("hash") == SNAPSHOT
    for other in ("s", "Hash", "", "has%", "hash\x00"):
        assert shared.shared(other) is None


def test_links_are_listed_newest_first_and_taken_back_one_by_one(shared):
    newer = Share("t", "c", "Why?", 6.0)
    shared.share("ann", newer, "hash2", {})
    assert shared.shares("ann") == [newer, LINK]
    assert shared.shared("hash2") == {}
    shared.revoke("ann", "s")
    assert shared.shared("hash") is None
    assert shared.shares("ann") == [newer]


def test_links_sleep_while_their_conversation_is_deleted_and_go_with_it(shared):
    shared.delete("ann", ["c"])
    assert (shared.shared("hash"), shared.shares("ann")) == (None, [])
    assert not shared.share("ann", Share("t", "c", "", 6.0), "hash2", {})
    shared.restore("ann", ["c"])
    assert (shared.shared("hash"), shared.shares("ann")) == (SNAPSHOT, [LINK])
    shared.delete("ann", ["c"])
    shared.purge(-1)
    shared.restore("ann", ["c"])
    assert (shared.shared("hash"), shared.shares("ann")) == (None, [])


def test_two_links_cannot_be_opened_by_one_secret(shared):
    with pytest.raises(StoreError):
        shared.share("ann", Share("t", "c", "", 6.0), "hash", {})
    assert shared.shared("hash") == SNAPSHOT
