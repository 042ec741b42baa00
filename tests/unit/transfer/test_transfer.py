"""Antler's own file: everything comes back as it was, to the byte."""

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core import tree
from lib.core.conversation import (
    Conversation,
    Failure,
    Message,
    Node,
    Outcome,
    TextPart,
    ThinkingPart,
    Timing,
    Truncation,
    Usage,
)
from lib.core.errors import TransferError
from lib.core.params import Params
from lib.core.target import Target
from lib.transfer import ConversationRecord, ImportResult, parse_export, replace_existing_ids, write_export
from tests.unit.chat.trees import histories

EXPORTS = Path(__file__).parent / "exports"
# The fields whose key in the file has another name.
KEYS = {
    "title_source": "titled",
    "created_at": "created",
    "updated_at": "updated",
    "head_id": "head",
    "truncation": "window",
    "parent_id": "parent",
    "finish_reason": "reason",
    "provider_metadata": "served",
    "revision": "rev",
    "deleted_at": "deleted",
    "usage_record_id": "request",
}
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def whole(conversations: Iterable[ConversationRecord]) -> bytes:
    return b"".join(write_export(conversations))


def said(role: str, text: str, **others) -> Message:
    return Message(role, (TextPart(text),))


FULL: ConversationRecord = (
    Conversation(
        id="conversation-1",
        title="Tides & “moons”",
        updated_at=1750000300.125,
        head_id="answer-2",
        target=Target("claude-opus-4", "anthropic"),
        params=Params(system="Be brief.", temperature=1.0, top_p=1, stop=("a\n",), stream=False, seed=0),
        created_at=1750000000.1,
        revision=7,
        title_source="person",
        folder="Sea",
        pinned=True,
        archived=True,
        unread=True,
        truncation=Truncation("answer-1", "They spoke of tides."),
    ),
    [
        Node("question-1", None, said("user", "Why tides?\n海"), 1750000000.1),
        Node(
            "answer-1",
            "question-1",
            Message(
                "assistant",
                (ThinkingPart("Hm.", "sig=="), ThinkingPart("", "", "sealed=="), TextPart("The moon.")),
            ),
            1750000001.0,
            Outcome.LENGTH,
            "max_tokens",
            Target("claude-opus-4", "anthropic"),
            Usage(10, 0, 3),
            Timing(0.5, 1e-7, 3.0),
            None,
            "req_1",
            {"zone": "b", "usage": {"output": 0, "input": 10}, "a": [1.5, None, True]},
        ),
        Node(
            "answer-2",
            "question-1",
            Message("assistant", ()),
            1750000002.0,
            Outcome.FAILED,
            failure=Failure("rate_limited", "slow down", 429, "req_2", True, ("n",), 2.5),
        ),
    ],
)


def test_the_file_is_the_documented_one():
    assert whole([FULL]) == (EXPORTS / "antler.json").read_bytes()


def test_every_field_comes_back_but_what_is_not_the_conversations_own():
    (conversation, nodes), *others = parse_export((EXPORTS / "antler.json").read_bytes()).conversations
    assert others == []
    assert conversation == replace(FULL[0], revision=0, unread=False)
    assert nodes == FULL[1]
    assert [type(value) for value in (conversation.params.temperature, conversation.params.top_p)] == [
        float,
        int,
    ]


def test_no_field_of_a_conversation_or_a_node_is_forgotten():
    example = json.loads(whole([FULL]))["conversations"][0]
    written = set(example) | {key for node in example["nodes"] for key in node}
    attributes = {field.name for kind in (Conversation, Node) for field in fields(kind)}
    left_out = {"revision", "unread", "arriving", "deleted_at", "usage_record_id", "message"}
    keys = {KEYS.get(attribute, attribute) for attribute in attributes - left_out}
    assert keys == written - {"nodes", "role", "parts"}


def test_the_format_is_described_field_by_field():
    text = (EXPORTS.parents[3] / "docs" / "format.md").read_text(encoding="utf-8")
    for kind in (Conversation, Node, Params, Usage, Timing, Failure, Truncation, Target, ThinkingPart):
        for field in fields(kind):
            if field.name != "message":
                assert f"`{KEYS.get(field.name, field.name)}`" in text, field.name
    assert all(f"`{outcome}`" in text for outcome in Outcome)


@settings(slow, max_examples=150)
@given(histories())
def test_what_is_read_is_what_was_written_and_gives_the_same_bytes(history):
    data = whole(history)
    loaded = parse_export(data)
    assert loaded.conversations == history
    assert loaded.report.issues == {}
    assert loaded.report.replaced_id_count == 0
    assert loaded.report.message_count == sum(len(nodes) for _, nodes in history)
    assert whole(loaded.conversations) == data


@settings(slow, max_examples=50)
@given(histories(), some.randoms(use_true_random=False))
def test_the_order_of_a_databases_rows_and_objects_does_not_show(history, random):
    mixed = []
    for conversation, nodes in history:
        shuffled = [
            replace(node, provider_metadata=dict(reversed(node.provider_metadata.items()))) for node in nodes
        ]
        random.shuffle(shuffled)
        mixed.append((conversation, shuffled))
    assert whole(mixed) == whole(history)


def test_an_answer_on_its_way_is_interrupted_and_a_deleted_one_is_not_written():
    conversation, nodes = FULL
    nodes = [nodes[0], replace(nodes[1], outcome=Outcome.ARRIVING), replace(nodes[2], deleted_at=5.0)]
    ((again, kept),) = parse_export(whole([(conversation, nodes)])).conversations
    assert [(node.id, node.outcome) for node in kept] == [
        ("question-1", Outcome.COMPLETE),
        ("answer-1", Outcome.INTERRUPTED),
    ]
    assert again.head_id == "answer-1"


def test_text_that_utf_8_does_not_have_does_not_stop_an_export():
    conversation, nodes = FULL
    nodes = [replace(nodes[0], message=said("user", "half \ud83d, whole \ud83e\udd8c"))]
    ((_, (node,)),) = parse_export(whole([(conversation, nodes)])).conversations
    assert node.message.text == "half \ufffd, whole 🦌"


def test_the_file_comes_in_pieces_as_the_conversations_do():
    asked = []

    def two() -> Iterable[ConversationRecord]:
        for number in range(2):
            asked.append(number)
            yield FULL

    pieces = write_export(two())
    assert next(pieces).startswith(b"{")
    assert asked == []
    next(pieces)
    assert asked == [0]


def test_no_conversations_are_a_file_too():
    assert json.loads(whole([])) == {"format": "antler", "version": 1, "conversations": []}
    assert parse_export(whole([])).report.conversation_count == 0


# --- ids


def linked(conversation: Conversation, nodes: list[Node]) -> list[tuple[str | None, str]]:
    """The tree by its texts, without ids."""
    texts = {node.id: node.message.text + node.outcome for node in nodes}
    shown = tree.path(nodes, conversation.head_id)
    return [
        *((texts.get(node.parent_id or ""), texts[node.id]) for node in nodes),
        *(("shown", texts[node.id]) for node in shown),
    ]


def test_ids_that_nothing_has_are_kept():
    loaded = parse_export(whole([FULL]))
    assert replace_existing_ids(loaded, lambda ids: set()) == loaded


@settings(slow, max_examples=60)
@given(histories(), some.data())
def test_ids_that_are_taken_are_new_everywhere(history, data):
    loaded = parse_export(whole(history))
    every = [*(one.id for one, _ in history), *(node.id for _, nodes in history for node in nodes)]
    used = data.draw(some.sets(some.sampled_from(every))) if every else set()
    asked: list[str] = []

    def taken(ids: Iterable[str]) -> set[str]:
        asked.extend(ids)
        return used

    again = replace_existing_ids(loaded, taken)
    assert sorted(asked) == sorted(every)
    new = [*(one.id for one, _ in again.conversations), *(n.id for _, ns in again.conversations for n in ns)]
    assert not used & set(new)
    assert again.report.replaced_id_count == sum(one in used for one in every)
    for (before, old), (after, nodes) in zip(loaded.conversations, again.conversations, strict=True):
        assert linked(before, old) == linked(after, nodes)
        names = dict(zip((n.id for n in old), (n.id for n in nodes), strict=True))
        if before.truncation and before.truncation.start_id in names:
            assert after.truncation.start_id == names[before.truncation.start_id]


def test_the_same_file_twice_shares_no_id():
    loaded = parse_export(whole([FULL]))
    here = {FULL[0].id, *(node.id for node in FULL[1])}
    again = replace_existing_ids(loaded, lambda ids: here & set(ids))
    assert again.report.replaced_id_count == 4
    assert not here & {again.conversations[0][0].id, *(node.id for node in again.conversations[0][1])}
    assert again.conversations[0][0].truncation.start_id == again.conversations[0][1][1].id


def test_ids_that_come_twice_in_a_file_or_are_no_ids_of_ours_are_made_anew():
    other = (replace(FULL[0], head_id="answer-1", truncation=None), FULL[1])
    strange = replace(FULL[1][0], id="../../etc/passwd and so on and on and on")
    loaded = parse_export(whole([FULL, other, (replace(FULL[0], id="three", head_id=strange.id), [strange])]))
    every = [one for c, nodes in loaded.conversations for one in (c.id, *(n.id for n in nodes))]
    assert len(every) == len(set(every))
    assert loaded.report.replaced_id_count == 5
    assert all(len(one) <= 32 and one.replace("-", "").replace("_", "").isalnum() for one in every)
    assert loaded.conversations[1][0].head_id == loaded.conversations[1][1][1].id
    assert loaded.conversations[2][0].head_id == loaded.conversations[2][1][0].id


# --- versions


def changed(**others) -> bytes:
    return json.dumps({**json.loads(whole([FULL])), **others}).encode()


def test_a_later_major_version_is_refused():
    with pytest.raises(TransferError) as refused:
        parse_export(changed(version=2))
    assert (refused.value.reason, refused.value.location) == ("newer", "2")


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None])
def test_a_version_must_be_one(version):
    with pytest.raises(TransferError) as refused:
        parse_export(changed(version=version))
    assert (refused.value.reason, refused.value.location) == ("shape", "version")


def test_fields_that_a_later_version_adds_are_passed_over_and_counted():
    file = json.loads(whole([FULL]))
    file["by"] = "somebody"
    file["conversations"][0]["colour"] = "red"
    file["conversations"][0]["params"]["zeal"] = 3
    file["conversations"][0]["nodes"][0]["parts"].append({"type": "hologram", "data": "…"})
    file["conversations"][0]["nodes"][1]["outcome"] = "bored"
    loaded = parse_export(json.dumps(file).encode())
    assert loaded.report.issues == {"part": 1, "unknown": 4}
    assert loaded.conversations[0][1][1].outcome is Outcome.INTERRUPTED
    assert isinstance(loaded, ImportResult)
