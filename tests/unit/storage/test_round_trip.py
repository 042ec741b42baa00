"""Export and import give the same bytes on both databases; share links open snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib import transfer
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, ThinkingPart, new_id
from lib.core.errors import ConversationNotFound, StoreError
from lib.core.target import Target
from lib.storage.store import Store
from lib.transfer import share_links
from tests.unit.chat.trees import conversation_records


@pytest.fixture
def store(url):
    opened = Store(url)
    yield opened
    opened.close()


def exported(store: Store, owner: str) -> bytes:
    return b"".join(transfer.write_export(store.conversations.export_all(owner)))


def brought_in(store: Store, owner: str, data: bytes) -> transfer.ImportReport:
    loaded = transfer.replace_existing_ids(transfer.parse_export(data), store.conversations.existing_ids)
    store.conversations.import_all(owner, loaded.conversations)
    return loaded.report


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(talks=some.lists(conversation_records(), max_size=3))
def test_export_erase_import_and_export_again_are_the_same_bytes(store, talks):
    store.users.delete_data("ann")
    brought_in(store, "ann", b"".join(transfer.write_export(talks)))
    first = exported(store, "ann")
    store.users.delete_data("ann")
    assert exported(store, "ann") == b"".join(transfer.write_export([]))
    assert brought_in(store, "ann", first).replaced_id_count == 0
    assert exported(store, "ann") == first


def talk(text: str = "Hello") -> transfer.ConversationRecord:
    question = Node(new_id(), None, Message("user", (TextPart(text),)), 1.0)
    said = Message("assistant", (ThinkingPart("Hm", "signed"), TextPart("Good day")))
    answer = Node(new_id(), question.id, said, 2.0, target=Target("m", "openai"), request_id="req-1")
    return Conversation(new_id(), "A talk", 3.0, answer.id, created_at=1.0), [question, answer]


def test_an_import_never_writes_over_what_is_there_whoever_has_it(store):
    entry = talk()
    store.conversations.import_all("ann", [entry])
    mine = exported(store, "ann")
    report = brought_in(store, "bob", mine)
    assert report.replaced_id_count == 3
    assert brought_in(store, "ann", mine).replaced_id_count == 3
    assert len(store.conversations.page("ann", 9)) == 2
    assert not {one.id for one in store.conversations.page("ann", 9)} & {
        one.id for one in store.conversations.page("bob", 9)
    }


def test_a_file_is_taken_in_whole_or_not_at_all(store):
    first, second = talk("One"), talk("Two")
    second[1][0] = replace(second[1][0], id=first[1][0].id)
    with pytest.raises(StoreError):
        store.conversations.import_all("ann", [first, second])
    assert store.conversations.page("ann", 9) == []


def test_a_link_shows_the_snapshot_until_it_is_taken_back(store):
    conversation, nodes = talk()
    store.conversations.import_all("ann", [(conversation, nodes)])
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    later = Node(new_id(), nodes[-1].id, Message("user", (TextPart("Later"),)), 4.0)
    store.messages.save_turn("ann", replace(conversation, head_id=later.id), [later])
    shown, said = share_links.read_share_link(store.shares, token)
    assert shown.title == "A talk"
    assert [node.message.text for node in said] == ["Hello", "Good day"]
    assert said[1].target == Target("m", "openai")
    (share,) = store.shares.links("ann")
    store.shares.revoke("bob", share.id)
    assert share_links.read_share_link(store.shares, token)
    store.shares.revoke("ann", share.id)
    assert share_links.read_share_link(store.shares, token) is None
    assert store.shares.links("ann") == []


def test_a_snapshot_holds_what_a_reader_needs_and_no_more(store):
    conversation, nodes = talk()
    nodes[1] = replace(nodes[1], outcome=Outcome.STOPPED, provider_metadata={"id": "secret-1"})
    store.conversations.import_all("ann", [(conversation, nodes)])
    _, said = share_links.read_share_link(
        store.shares, share_links.create_share_link(store.shares, "ann", conversation, nodes)
    )
    assert said[1].outcome is Outcome.STOPPED
    assert (said[1].message.thinking, said[1].provider_metadata, said[1].request_id) == ("", {}, "")
    assert not {node.id for node in said} & {node.id for node in nodes}


def test_nobody_shares_what_is_anothers_and_no_other_token_opens_anything(store):
    conversation, nodes = talk()
    store.conversations.import_all("ann", [(conversation, nodes)])
    with pytest.raises(ConversationNotFound):
        share_links.create_share_link(store.shares, "bob", conversation, nodes)
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    (share,) = store.shares.links("ann")
    for wrong in (
        "",
        share.id,
        conversation.id,
        token[:-1],
        token + "a",
        token.swapcase(),
        "%" * 32,
        "é" * 32,
    ):
        assert share_links.read_share_link(store.shares, wrong) is None


def test_what_is_deleted_is_shared_no_more(store):
    conversation, nodes = talk()
    store.conversations.import_all("ann", [(conversation, nodes)])
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    store.users.delete_data("ann")
    assert share_links.read_share_link(store.shares, token) is None
