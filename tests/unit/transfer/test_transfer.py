"""Antler's own format: an import of an export is identical, to the byte."""

import json
from collections.abc import Iterable
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from lib.core import tree
from lib.core.conversation import (
    Conversation,
    Failure,
    Feedback,
    FilePart,
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    ThinkingPart,
    Timing,
    Truncation,
    Usage,
)
from lib.core.errors import TransferError
from lib.core.params import Params
from lib.core.projects import Project
from lib.core.prompts import Persona, Prompt
from lib.core.target import Target
from lib.transfer import ConversationRecord, ImportResult, parse_export, replace_existing_ids, write_export
from lib.transfer.antler_schema import (
    ConversationSchema,
    FailureSchema,
    NodeSchema,
    PersonaSchema,
    ThinkingPartSchema,
    TimingSchema,
    TruncationSchema,
    UsageSchema,
)
from tests.support.examples import count_examples
from tests.unit.chat.trees import lists_of_records
from tests.unit.transfer.examples import EXPORTS, FILE


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
    PersonaSchema,
    ThinkingPartSchema,
)
KEYS = {name: key for schema in SCHEMAS for name, key in zip(*field_names(schema), strict=True)}
# Fields that are not exported, under the names that the documentation has for them.
KEYS |= {"revision": "rev", "deleted_at": "deleted", "usage_record_id": "request"}
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def export_bytes(
    conversations: Iterable[ConversationRecord], prompts: Iterable[Prompt] = (), projects: Iterable[Project] = ()
) -> bytes:
    return b"".join(write_export(conversations, prompts, projects))


def message(role: str, text: str, **_) -> Message:
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
        persona=Persona("Bear 熊", "🐻", "prompt-2"),
    ),
    [
        Node("question-1", None, Message("user", (FILE, TextPart("Why tides?\n海"))), 1750000000.1),
        Node(
            "answer-1",
            "question-1",
            Message(
                "assistant",
                (
                    *(ThinkingPart("Hm.", "sig=="), ThinkingPart("", "", "sealed=="), TextPart("The moon.")),
                    *(ImagePart("image/png", "iVBORw0KGgo="), ImagePart(url="https://a.example/b.png")),
                    *(OtherPart("server_tool_use", "web_search · tides", '{"query": "tides"}'), OtherPart("audio")),
                    *(SourcePart("https://a.example/", "Tides", "The moon."), SourcePart("", "Report")),
                ),
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
            feedback=Feedback("bad", "Too short"),
            persona=Persona("Cub"),
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


PROMPTS = [
    Prompt("prompt-1", "prompt", "Brief", "Sums up", text="Sum up: {{text...}}\n海", created_at=1.5, updated_at=2.0),
    Prompt(
        "prompt-2",
        "persona",
        "Bear 熊",
        avatar="🐻",
        updated_at=4.0,
        text="You are a bear.",
        greeting="Grr?",
        suggestions=("Honey?", "蜂蜜？"),
        target=Target("m-one", "openai"),
        params=Params(temperature=0.5, stop=("a",), stream=False),
        created_at=3.0,
    ),
]

PROJECTS = [
    Project("Sea", "Answer in metres.\n海", Target("m-one", "anthropic"), Params(seed=1, stream=False), 5.0, 6.5),
    Project("Empty"),
]


def test_an_export_equals_the_stored_example_byte_for_byte():
    assert export_bytes([FULL], PROMPTS, PROJECTS) == (EXPORTS / "antler.json").read_bytes()


def test_every_exported_field_is_imported():
    imported = parse_export((EXPORTS / "antler.json").read_bytes())
    (conversation, nodes), *rest = imported.conversations
    assert rest == []
    assert (imported.prompts, imported.projects) == (PROMPTS, PROJECTS)
    assert conversation == replace(FULL[0], revision=0, unread=False)
    assert nodes == FULL[1]
    assert [type(value) for value in (conversation.params.temperature, conversation.params.top_p)] == [
        float,
        int,
    ]


def test_every_field_of_conversations_and_nodes_is_exported():
    example = json.loads(export_bytes([FULL]))["conversations"][0]
    exported_keys = set(example) | {key for node in example["nodes"] for key in node}
    attributes = {field.name for kind in (Conversation, Node) for field in fields(kind)}
    excluded = {"comparison_id", "revision", "unread", "arriving", "deleted_at", "usage_record_id", "message"}
    keys = {KEYS.get(attribute, attribute) for attribute in attributes - excluded}
    assert keys == exported_keys - {"nodes", "role", "parts"}
    exported_keys = {key for prompt in json.loads(export_bytes([], PROMPTS))["prompts"] for key in prompt}
    assert {KEYS.get(field.name, field.name) for field in fields(Prompt)} - {"is_team"} == exported_keys
    exported_keys = {key for project in json.loads(export_bytes([], [], PROJECTS))["projects"] for key in project}
    assert {KEYS.get(field.name, field.name) for field in fields(Project)} == exported_keys


def test_every_field_is_documented():
    text = (EXPORTS.parents[3] / "docs" / "format.md").read_text(encoding="utf-8")
    for kind in (
        Conversation,
        Node,
        Project,
        Prompt,
        Persona,
        Params,
        Usage,
        Timing,
        Failure,
        Truncation,
        Target,
        ThinkingPart,
        ImagePart,
        FilePart,
        OtherPart,
    ):
        for field in fields(kind):
            if field.name not in ("message", "is_team"):
                assert f"`{KEYS.get(field.name, field.name)}`" in text, field.name
    assert all(f"`{outcome}`" in text for outcome in Outcome)


@pytest.mark.slow
@settings(slow, max_examples=count_examples(25))
@given(lists_of_records())
def test_an_import_of_an_export_gives_the_same_bytes_again(history):
    data = export_bytes(history)
    result = parse_export(data)
    assert result.conversations == history
    assert result.report.issues == {}
    assert result.report.replaced_id_count == 0
    assert result.report.message_count == sum(len(nodes) for _, nodes in history)
    assert export_bytes(result.conversations) == data


@settings(slow, max_examples=count_examples(10))
@given(lists_of_records(), st.randoms(use_true_random=False))
def test_row_and_key_order_do_not_change_an_export(history, random):
    reordered = []
    for conversation, nodes in history:
        shuffled = [replace(node, provider_metadata=dict(reversed(node.provider_metadata.items()))) for node in nodes]
        random.shuffle(shuffled)
        reordered.append((conversation, shuffled))
    assert export_bytes(reordered) == export_bytes(history)


def test_an_arriving_answer_is_exported_as_interrupted_and_a_deleted_one_omitted():
    conversation, nodes = FULL
    nodes = [nodes[0], replace(nodes[1], outcome=Outcome.ARRIVING), replace(nodes[2], deleted_at=5.0)]
    ((conversation_again, imported_nodes),) = parse_export(export_bytes([(conversation, nodes)])).conversations
    assert [(node.id, node.outcome) for node in imported_nodes] == [
        ("question-1", Outcome.COMPLETE),
        ("answer-1", Outcome.INTERRUPTED),
    ]
    assert conversation_again.head_id == "answer-1"


def test_lone_surrogates_are_replaced_in_an_export():
    conversation, nodes = FULL
    nodes = [replace(nodes[0], message=message("user", "lone \ud83d, pair \ud83e\udd8c"))]
    ((_, (node,)),) = parse_export(export_bytes([(conversation, nodes)])).conversations
    assert node.message.text == "lone \ufffd, pair 🦌"


def test_an_export_is_streamed():
    read = []

    def records() -> Iterable[ConversationRecord]:
        for number in range(2):
            read.append(number)
            yield FULL

    chunks = write_export(records())
    assert next(chunks).startswith(b"{")
    assert read == []
    next(chunks)
    assert read == [0]


def test_an_export_without_conversations_is_valid():
    assert json.loads(export_bytes([])) == {"format": "antler", "version": 1, "conversations": []}
    assert parse_export(export_bytes([])).report.conversation_count == 0


# --- ids


def structure(conversation: Conversation, nodes: list[Node]) -> list[tuple[str | None, str]]:
    """Describe a tree by its texts, without ids."""
    texts = {node.id: node.message.text + node.outcome for node in nodes}
    path = tree.path(nodes, conversation.head_id)
    return [
        *((texts.get(node.parent_id or ""), texts[node.id]) for node in nodes),
        *(("shown", texts[node.id]) for node in path),
    ]


def test_unused_ids_are_unchanged():
    result = parse_export(export_bytes([FULL]))
    assert replace_existing_ids(result, lambda ids: set()) == result


@settings(slow, max_examples=count_examples(15))
@given(lists_of_records(), st.data())
def test_existing_ids_are_replaced_everywhere(history, data):
    result = parse_export(export_bytes(history))
    all_ids = [
        *(conversation.id for conversation, _ in history),
        *(node.id for _, new_nodes in history for node in new_nodes),
    ]
    existing_ids = data.draw(st.sets(st.sampled_from(all_ids))) if all_ids else set()
    checked_ids: list[str] = []

    def find_existing(ids: Iterable[str]) -> set[str]:
        checked_ids.extend(ids)
        return existing_ids

    replaced = replace_existing_ids(result, find_existing)
    assert sorted(checked_ids) == sorted(all_ids)
    new_ids = [
        *(conversation.id for conversation, _ in replaced.conversations),
        *(node.id for _, conversation_nodes in replaced.conversations for node in conversation_nodes),
    ]
    assert not existing_ids & set(new_ids)
    assert replaced.report.replaced_id_count == sum(conversation in existing_ids for conversation in all_ids)
    for (old_conversation, old_nodes), (new_conversation, new_nodes) in zip(
        result.conversations, replaced.conversations, strict=True
    ):
        assert structure(old_conversation, old_nodes) == structure(new_conversation, new_nodes)
        new_id_by_old = dict(zip((node.id for node in old_nodes), (node.id for node in new_nodes), strict=True))
        if old_conversation.truncation and old_conversation.truncation.start_id in new_id_by_old:
            assert new_conversation.truncation.start_id == new_id_by_old[old_conversation.truncation.start_id]


def test_a_second_import_of_a_file_shares_no_id():
    result = parse_export(export_bytes([FULL]))
    existing_ids = {FULL[0].id, *(node.id for node in FULL[1])}
    replaced = replace_existing_ids(result, lambda ids: existing_ids & set(ids))
    assert replaced.report.replaced_id_count == 4
    assert not existing_ids & {
        replaced.conversations[0][0].id,
        *(node.id for node in replaced.conversations[0][1]),
    }
    assert replaced.conversations[0][0].truncation.start_id == replaced.conversations[0][1][1].id


def test_duplicate_and_invalid_ids_are_replaced():
    duplicate = (replace(FULL[0], head_id="answer-1", truncation=None), FULL[1])
    invalid = replace(FULL[1][0], id="../../etc/passwd and so on and on and on")
    result = parse_export(
        export_bytes([FULL, duplicate, (replace(FULL[0], id="three", head_id=invalid.id), [invalid])])
    )
    all_ids = [
        id_ for conversation, nodes in result.conversations for id_ in (conversation.id, *(node.id for node in nodes))
    ]
    assert len(all_ids) == len(set(all_ids))
    assert result.report.replaced_id_count == 5
    assert all(len(id_) <= 32 and id_.replace("-", "").replace("_", "").isalnum() for id_ in all_ids)
    assert result.conversations[1][0].head_id == result.conversations[1][1][1].id
    assert result.conversations[2][0].head_id == result.conversations[2][1][0].id


# --- versions


def edit_full_export(**changes) -> bytes:
    return json.dumps({**json.loads(export_bytes([FULL])), **changes}).encode()


def test_a_later_major_version_is_refused():
    with pytest.raises(TransferError) as error:
        parse_export(edit_full_export(version=3))
    assert (error.value.reason, error.value.location) == ("newer", "3")


@pytest.mark.parametrize("version", [0, -1, "1", 1.0, True, None])
def test_an_invalid_version_is_refused(version):
    with pytest.raises(TransferError) as error:
        parse_export(edit_full_export(version=version))
    assert (error.value.reason, error.value.location) == ("shape", "version")


def test_unknown_fields_are_ignored_and_counted():
    file = json.loads(export_bytes([FULL]))
    file["by"] = "somebody"
    file["conversations"][0]["colour"] = "red"
    file["conversations"][0]["params"]["zeal"] = 3
    file["conversations"][0]["nodes"][0]["parts"].append({"type": "hologram", "data": "…"})
    file["conversations"][0]["nodes"][1]["outcome"] = "bored"
    result = parse_export(json.dumps(file).encode())
    assert result.report.issues == {"part": 1, "unknown": 4}
    assert result.conversations[0][1][1].outcome is Outcome.INTERRUPTED
    assert isinstance(result, ImportResult)


def test_parts_of_unknown_types_are_counted_and_fields_of_other_types_refused():
    parts = [{"type": "image", "data": 7}, {"type": "hologram", "light": "blue"}]
    file = json.loads(export_bytes([FULL]))
    file["conversations"][0]["nodes"][1]["parts"] = parts[1:]
    result = parse_export(json.dumps(file).encode())
    assert result.conversations[0][1][1].message.parts == ()
    assert result.report.issues["part"] == 1
    file["conversations"][0]["nodes"][1]["parts"] = parts
    with pytest.raises(TransferError) as caught:
        parse_export(json.dumps(file).encode())
    assert str(caught.value) == "shape: conversations[0].nodes[1].parts[0].data"
