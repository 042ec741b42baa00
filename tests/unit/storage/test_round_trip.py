"""Export and import give the same bytes on both databases; share links open snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib import transfer
from lib.core.conversation import (
    Conversation,
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    ThinkingPart,
    new_id,
)
from lib.core.errors import ConversationNotFound, StoreError
from lib.core.target import Target
from lib.storage.rows import message_from_row
from lib.storage.store import Store
from lib.transfer import share_links
from tests.support.examples import count_examples
from tests.unit.chat.trees import conversation_records


@pytest.fixture
def store(url):
    new_store = Store(url)
    yield new_store
    new_store.close()


def export_bytes(store: Store, owner: str) -> bytes:
    return b"".join(transfer.write_export(store.conversations.export_all(owner)))


def import_bytes(store: Store, owner: str, data: bytes) -> transfer.ImportReport:
    parsed = transfer.replace_existing_ids(transfer.parse_export(data), store.conversations.existing_ids)
    store.conversations.import_all(owner, parsed.conversations)
    return parsed.report


@settings(max_examples=count_examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations=some.lists(conversation_records(), max_size=3))
def test_an_import_after_an_erasure_exports_the_same_bytes(store, conversations):
    store.users.delete_data("ann")
    import_bytes(store, "ann", b"".join(transfer.write_export(conversations)))
    first = export_bytes(store, "ann")
    store.users.delete_data("ann")
    assert export_bytes(store, "ann") == b"".join(transfer.write_export([]))
    assert import_bytes(store, "ann", first).replaced_id_count == 0
    assert export_bytes(store, "ann") == first


def build_conversation(text: str = "Hello") -> transfer.ConversationRecord:
    question = Node(new_id(), None, Message("user", (TextPart(text),)), 1.0)
    message = Message("assistant", (ThinkingPart("Hm", "signed"), TextPart("Good day")))
    answer = Node(new_id(), question.id, message, 2.0, target=Target("m", "openai"), request_id="req-1")
    return Conversation(new_id(), "A chat", 3.0, answer.id, created_at=1.0), [question, answer]


def test_an_import_never_overwrites_rows_of_any_owner(store):
    entry = build_conversation()
    store.conversations.import_all("ann", [entry])
    exported = export_bytes(store, "ann")
    report = import_bytes(store, "bob", exported)
    assert report.replaced_id_count == 3
    assert import_bytes(store, "ann", exported).replaced_id_count == 3
    assert len(store.conversations.page("ann", 9)) == 2
    assert not {conversation.id for conversation in store.conversations.page("ann", 9)} & {
        conversation.id for conversation in store.conversations.page("bob", 9)
    }


def test_an_import_is_atomic(store):
    first, second = build_conversation("One"), build_conversation("Two")
    second[1][0] = replace(second[1][0], id=first[1][0].id)
    with pytest.raises(StoreError):
        store.conversations.import_all("ann", [first, second])
    assert store.conversations.page("ann", 9) == []


def test_a_link_shows_the_snapshot_until_it_is_revoked(store):
    conversation, nodes = build_conversation()
    store.conversations.import_all("ann", [(conversation, nodes)])
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    follow_up = Node(new_id(), nodes[-1].id, Message("user", (TextPart("Later"),)), 4.0)
    store.messages.save_turn("ann", replace(conversation, head_id=follow_up.id), [follow_up])
    shared_conversation, shared_nodes = share_links.read_share_link(store.shares, token)
    assert shared_conversation.title == "A chat"
    assert [node.message.text for node in shared_nodes] == ["Hello", "Good day"]
    assert shared_nodes[1].target == Target("m", "openai")
    (share,) = store.shares.links("ann")
    store.shares.revoke("bob", share.id)
    assert share_links.read_share_link(store.shares, token)
    store.shares.revoke("ann", share.id)
    assert share_links.read_share_link(store.shares, token) is None
    assert store.shares.links("ann") == []


def test_a_snapshot_omits_thinking_metadata_and_ids(store):
    conversation, nodes = build_conversation()
    nodes[1] = replace(nodes[1], outcome=Outcome.STOPPED, provider_metadata={"id": "secret-1"})
    store.conversations.import_all("ann", [(conversation, nodes)])
    _, shared_nodes = share_links.read_share_link(
        store.shares, share_links.create_share_link(store.shares, "ann", conversation, nodes)
    )
    assert shared_nodes[1].outcome is Outcome.STOPPED
    assert (
        shared_nodes[1].message.thinking,
        shared_nodes[1].provider_metadata,
        shared_nodes[1].request_id,
    ) == ("", {}, "")
    assert not {node.id for node in shared_nodes} & {node.id for node in nodes}


def test_only_the_owner_can_share_and_only_the_exact_token_opens_a_link(store):
    conversation, nodes = build_conversation()
    store.conversations.import_all("ann", [(conversation, nodes)])
    with pytest.raises(ConversationNotFound):
        share_links.create_share_link(store.shares, "bob", conversation, nodes)
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    (share,) = store.shares.links("ann")
    for wrong_token in (
        "",
        share.id,
        conversation.id,
        token[:-1],
        token + "a",
        token.swapcase(),
        "%" * 32,
        "é" * 32,
    ):
        assert share_links.read_share_link(store.shares, wrong_token) is None


def test_erased_conversations_are_no_longer_shared(store):
    conversation, nodes = build_conversation()
    store.conversations.import_all("ann", [(conversation, nodes)])
    token = share_links.create_share_link(store.shares, "ann", conversation, nodes)
    store.users.delete_data("ann")
    assert share_links.read_share_link(store.shares, token) is None


PARTS = (
    TextPart("a"),
    TextPart("b", (2, 1)),
    ImagePart("image/png", "iVBORw0KGgo="),
    ImagePart(url="https://a.example/b.png"),
    OtherPart("audio", "12 s", '{"id": "a"}'),
    OtherPart("", "", ""),
    SourcePart("https://a.example/", "Tides", "The moon."),
    SourcePart(),
    SourcePart("https://b.example/", number=3),
)


def test_parts_of_every_type_are_stored(store):
    conversation, (question, answer) = build_conversation()
    answer = replace(answer, message=Message("assistant", PARTS))
    store.conversations.import_all("ann", [(conversation, [question, answer])])
    assert store.messages.nodes("ann", conversation.id)[1].message.parts == PARTS


def test_a_part_of_a_later_version_is_named_and_stays_in_the_row():
    row = [{"type": "text", "text": "a"}, {"type": "hologram", "light": "blue"}, {"type": "image", "width": 7}, {}]
    parts = message_from_row("assistant", row).parts
    assert parts[0] == TextPart("a")
    assert parts[1] == OtherPart("hologram", "", '{"type": "hologram", "light": "blue"}')
    assert parts[2:] == (ImagePart(), OtherPart("None", "", "{}"))
