"""Antler's own file: an export is imported as it was, to the byte."""

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

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
from lib.transfer.antler_schema import (
    ConversationSchema,
    FailureSchema,
    NodeSchema,
    ThinkingPartSchema,
    TimingSchema,
    TruncationSchema,
    UsageSchema,
)
from tests.unit.chat.trees import lists_of_records

EXPORTS = Path(__file__).parent / "exports"


def field_names(schema: type[Struct]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the attributes of a struct and their keys in the file."""
    return schema.__struct_fields__, schema.__struct_encode_fields__


SCHEMAS = (
    ConversationSchema,
    NodeSchema,
    TruncationSchema,
    UsageSchema,
    TimingSchema,
    FailureSchema,
    ThinkingPartSchema,
)
KEYS = {name: key for schema in SCHEMAS for name, key in zip(*field_names(schema), strict=True)}
# Fields that are not exported, under the names that the documentation has for them.
KEYS |= {"revision": "rev", "deleted_at": "deleted", "usage_record_id": "request"}
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


def test_an_export_equals_the_stored_example_byte_for_byte():
    assert whole([FULL]) == (EXPORTS / "antler.json").read_bytes()


def test_every_exported_field_is_imported():
    (conversation, nodes), *others = parse_export((EXPORTS / "antler.json").read_bytes()).conversations
    assert others == []
    assert conversation == replace(FULL[0], revision=0, unread=False)
    assert nodes == FULL[1]
    assert [type(value) for value in (conversation.params.temperature, conversation.params.top_p)] == [
        float,
        int,
    ]


def test_every_field_of_conversations_and_nodes_is_exported():
    example = json.loads(whole([FULL]))["conversations"][0]
    written = set(example) | {key for node in example["nodes"] for key in node}
    attributes = {field.name for kind in (Conversation, Node) for field in fields(kind)}
    left_out = {"revision", "unread", "arriving", "deleted_at", "usage_record_id", "message"}
    keys = {KEYS.get(attribute, attribute) for attribute in attributes - left_out}
    assert keys == written - {"nodes", "role", "parts"}


def test_every_field_is_documented():
    text = (EXPORTS.parents[3] / "docs" / "format.md").read_text(encoding="utf-8")
    for kind in (Conversation, Node, Params, Usage, Timing, Failure, Truncation, Target, ThinkingPart):
        for field in fields(kind):
            if field.name != "message":
                assert f"`{KEYS.get(field.name, field.name)}`" in text, field.name
    assert all(f"`{outcome}`" in text for outcome in Outcome)


@settings(slow, max_examples=150)
@given(lists_of_records())
def test_an_import_of_an_export_gives_the_same_bytes_again(history):
    data = whole(history)
    result = parse_export(data)
    assert result.conversations == history
    assert result.report.issues == {}
    assert result.report.replaced_id_count == 0
    assert result.report.message_count == sum(len(nodes) for _, nodes in history)
    assert whole(result.conversations) == data


@settings(slow, max_examples=50)
@given(lists_of_records(), st.randoms(use_true_random=False))
def test_row_and_key_order_do_not_change_an_export(history, random):
    mixed = []
    for conversation, nodes in history:
        shuffled = [
            replace(node, provider_metadata=dict(reversed(node.provider_metadata.items()))) for node in nodes
        ]
        random.shuffle(shuffled)
        mixed.append((conversation, shuffled))
    assert whole(mixed) == whole(history)


def test_an_arriving_answer_is_written_as_interrupted_and_a_deleted_one_left_out():
    conversation, nodes = FULL
    nodes = [nodes[0], replace(nodes[1], outcome=Outcome.ARRIVING), replace(nodes[2], deleted_at=5.0)]
    ((again, kept),) = parse_export(whole([(conversation, nodes)])).conversations
    assert [(node.id, node.outcome) for node in kept] == [
        ("question-1", Outcome.COMPLETE),
        ("answer-1", Outcome.INTERRUPTED),
    ]
    assert again.head_id == "answer-1"


def test_lone_surrogates_are_replaced_in_an_export():
    conversation, nodes = FULL
    nodes = [replace(nodes[0], message=said("user", "half \ud83d, whole \ud83e\udd8c"))]
    ((_, (node,)),) = parse_export(whole([(conversation, nodes)])).conversations
    assert node.message.text == "half \ufffd, whole 🦌"


def test_an_export_is_streamed():
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


def test_an_export_without_conversations_is_valid():
    assert json.loads(whole([])) == {"format": "antler", "version": 1, "conversations": []}
    assert parse_export(whole([])).report.conversation_count == 0


# --- ids


def linked(conversation: Conversation, nodes: list[Node]) -> list[tuple[str | None, str]]:
    """Describe a tree by its texts, without ids."""
    texts = {node.id: node.message.text + node.outcome for node in nodes}
    shown = tree.path(nodes, conversation.head_id)
    return [
        *((texts.get(node.parent_id or ""), texts[node.id]) for node in nodes),
        *(("shown", texts[node.id]) for node in shown),
    ]


def test_unused_ids_are_kept():
    result = parse_export(whole([FULL]))
    assert replace_existing_ids(result, lambda ids: set()) == result


@settings(slow, max_examples=60)
@given(lists_of_records(), st.data())
def test_existing_ids_are_replaced_everywhere(history, data):
    result = parse_export(whole(history))
    every = [*(one.id for one, _ in history), *(node.id for _, nodes in history for node in nodes)]
    used = data.draw(st.sets(st.sampled_from(every))) if every else set()
    asked: list[str] = []

    def taken(ids: Iterable[str]) -> set[str]:
        asked.extend(ids)
        return used

    again = replace_existing_ids(result, taken)
    assert sorted(asked) == sorted(every)
    new = [*(one.id for one, _ in again.conversations), *(n.id for _, ns in again.conversations for n in ns)]
    assert not used & set(new)
    assert again.report.replaced_id_count == sum(one in used for one in every)
    for (before, old), (after, nodes) in zip(result.conversations, again.conversations, strict=True):
        assert linked(before, old) == linked(after, nodes)
        names = dict(zip((n.id for n in old), (n.id for n in nodes), strict=True))
        if before.truncation and before.truncation.start_id in names:
            assert after.truncation.start_id == names[before.truncation.start_id]


def test_a_second_import_of_a_file_shares_no_id():
    result = parse_export(whole([FULL]))
    here = {FULL[0].id, *(node.id for node in FULL[1])}
    again = replace_existing_ids(result, lambda ids: here & set(ids))
    assert again.report.replaced_id_count == 4
    assert not here & {again.conversations[0][0].id, *(node.id for node in again.conversations[0][1])}
    assert again.conversations[0][0].truncation.start_id == again.conversations[0][1][1].id


def test_duplicate_and_invalid_ids_are_replaced():
    other = (replace(FULL[0], head_id="answer-1", truncation=None), FULL[1])
    strange = replace(FULL[1][0], id="../../etc/passwd and so on and on and on")
    result = parse_export(whole([FULL, other, (replace(FULL[0], id="three", head_id=strange.id), [strange])]))
    every = [one for c, nodes in result.conversations for one in (c.id, *(n.id for n in nodes))]
    assert len(every) == len(set(every))
    assert result.report.replaced_id_count == 5
    assert all(len(one) <= 32 and one.replace("-", "").replace("_", "").isalnum() for one in every)
    assert result.conversations[1][0].head_id == result.conversations[1][1][1].id
    assert result.conversations[2][0].head_id == result.conversations[2][1][0].id


# --- versions


def changed(**others) -> bytes:
    return json.dumps({**json.loads(whole([FULL])), **others}).encode()


def test_a_later_major_version_is_refused():
    with pytest.raises(TransferError) as error:
        parse_export(changed(version=2))
    assert (error.value.reason, error.value.location) == ("newer", "2")


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None])
def test_an_invalid_version_is_refused(version):
    with pytest.raises(TransferError) as error:
        parse_export(changed(version=version))
    assert (error.value.reason, error.value.location) == ("shape", "version")


def test_unknown_fields_are_ignored_and_counted():
    file = json.loads(whole([FULL]))
    file["by"] = "somebody"
    file["conversations"][0]["colour"] = "red"
    file["conversations"][0]["params"]["zeal"] = 3
    file["conversations"][0]["nodes"][0]["parts"].append({"type": "hologram", "data": "…"})
    file["conversations"][0]["nodes"][1]["outcome"] = "bored"
    result = parse_export(json.dumps(file).encode())
    assert result.report.issues == {"part": 1, "unknown": 4}
    assert result.conversations[0][1][1].outcome is Outcome.INTERRUPTED
    assert isinstance(result, ImportResult)
