"""Broken, huge and malicious files: refused with a reason, or repaired and counted."""

import json
from typing import Any

import pytest

from lib.core.errors import TransferError
from lib.core.projects import Project
from lib.transfer import archive, detect, parse_export
from tests.unit.transfer.examples import EXAMPLES, get_refusal, is_valid, make_zip


def edit_example(**changes: Any) -> dict[str, Any]:
    """Change the conversation of the example in Antler's own format."""
    file = json.loads(EXAMPLES["antler"])
    file["conversations"][0] |= changes
    return file


# --- bytes


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", ("json", "1:1")),
        (b"[1,\n 2,,]", ("json", "2:4")),
        (b"hello", ("json", "1:1")),
        ("[]".encode("utf-16"), ("text", "")),
        (b'["\xff"]', ("text", "")),
        (b"[" * 100_000, ("deep", "")),
        (b'{"a":' * 100_000, ("deep", "")),
        (b'[{"mapping": {}, "create_time": NaN}]', ("number", "NaN")),
        (b"[-Infinity]", ("number", "-Infinity")),
        (b"[" + b"9" * 5_000 + b"]", ("number", "")),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', ("twice", "c")),
        (b"[]", ("unknown", "")),
        (b"{}", ("unknown", "")),
        (b"null", ("unknown", "")),
        (b'[{"title": "no messages"}]', ("unknown", "")),
        (b"PK\x03\x04 and then nothing", ("zip", "")),
    ],
)
def test_a_file_that_is_no_export_is_refused(data: bytes, refusal: tuple[str, str]):
    assert get_refusal(data) == refusal


def test_a_byte_order_mark_is_ignored():
    assert parse_export(b"\xef\xbb\xbf" + EXAMPLES["claude"]) == parse_export(EXAMPLES["claude"])


def test_more_bytes_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(archive, "MAX_JSON_BYTES", len(EXAMPLES["claude"]) - 1)
    assert get_refusal(EXAMPLES["claude"]) == ("size", "")
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 10)
    assert get_refusal(make_zip({"a.json": b"[]"})) == ("size", "")


def test_more_conversations_or_messages_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(detect, "MAX_CONVERSATIONS", 1)
    assert get_refusal(EXAMPLES["claude"]) == ("many", "")
    monkeypatch.setattr(detect, "MAX_CONVERSATIONS", 5)
    monkeypatch.setattr(detect, "MAX_MESSAGES", 3)
    assert get_refusal(EXAMPLES["claude"]) == ("many", "")


# --- Antler's own format


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": None}, "conversations[0].id"),
        ({"id": 7}, "conversations[0].id"),
        ({"title": ["a"]}, "conversations[0].title"),
        ({"created": "2025-01-01"}, "conversations[0].created"),
        ({"created": "\ud83d"}, "conversations[0]"),
        ({"pinned": 1}, "conversations[0].pinned"),
        ({"target": "gpt"}, "conversations[0].target"),
        ({"window": []}, "conversations[0].window"),
        ({"params": {"temperature": "hot"}}, "conversations[0].params.temperature"),
        ({"params": {"seed": 1.5}}, "conversations[0].params.seed"),
        ({"params": {"stop": "a"}}, "conversations[0].params.stop"),
        ({"params": {"stream": 0}}, "conversations[0].params.stream"),
        ({"params": {"seed": 2**70}}, "conversations[0].params.seed"),
        ({"nodes": {}}, "conversations[0].nodes"),
        ({"nodes": [3]}, "conversations[0].nodes[0]"),
        ({"nodes": [{"id": "a"}]}, "conversations[0].nodes[0].role"),
        ({"nodes": [{"id": "a", "role": "system"}]}, "conversations[0].nodes[0].role"),
        ({"nodes": [{"id": "a", "role": "user", "parts": "hi"}]}, "conversations[0].nodes[0].parts"),
        (
            {"nodes": [{"id": "a", "role": "user", "parts": [{"type": "text", "text": 3}]}]},
            "conversations[0].nodes[0].parts[0].text",
        ),
        (
            {"nodes": [{"id": "a", "role": "user", "usage": {"input": -1}}]},
            "conversations[0].nodes[0].usage.input",
        ),
        ({"nodes": [{"id": "a", "role": "user", "served": []}]}, "conversations[0].nodes[0].served"),
    ],
)
def test_a_field_of_another_type_is_refused_with_its_path(changes: dict[str, Any], path: str):
    assert get_refusal(edit_example(**changes)) == ("shape", path)


def test_an_infinite_number_is_refused():
    data = json.dumps(edit_example(created=12345.5)).replace("12345.5", "1e999").encode()
    assert get_refusal(data) == ("shape", "conversations[0].created")


def test_repairable_values_are_repaired_and_counted():
    title = "<script>alert(1)</script>\r\n\x00" + "long " * 100
    node = {"id": "n", "role": "user", "parts": [{"type": "text", "text": "a\x00b\ud800"}], "created": -5}
    file = edit_example(
        title=title,
        created=1e300,
        updated=-1,
        head="another node",
        params={"temperature": 99, "effort": "boundless"},
        target={"model": "m", "wire": "telegraph"},
        nodes=[node, {**node, "parts": []}],
    )
    result = parse_export(json.dumps(file).encode())
    ((conversation, nodes),) = result.conversations
    assert conversation.title.startswith("<script>alert(1)</script> \ufffd")
    assert is_valid(result)
    assert (conversation.created_at, conversation.updated_at, conversation.head_id) == (0.0, 0.0, "n")
    assert conversation.target is None
    assert conversation.params.temperature is None
    assert [imported.message.text for imported in nodes] == ["a\ufffdb\ufffd"]
    assert result.report.issues == {
        "duplicate": 1,
        "head": 1,
        "line": 1,
        "setting": 2,
        "signs": 2,
        "time": 4,
        "unknown": 1,
    }


def test_an_unknown_error_code_becomes_unexpected():
    failure = {"code": "setting", "detail": "d"}
    nodes = [{"id": "q", "role": "user"}, {"id": "a", "parent": "q", "role": "assistant", "failure": failure}]
    ((_, (_, answer)),) = parse_export(json.dumps(edit_example(nodes=nodes, head="a")).encode()).conversations
    assert answer.failure.code == "unexpected"


def test_deep_provider_metadata_is_cut():
    deep: Any = "end"
    for _ in range(300):
        deep = {"down": deep}
    nodes = [{"id": "q", "role": "user", "served": deep}]
    ((_, (node,)),) = parse_export(json.dumps(edit_example(nodes=nodes)).encode()).conversations
    assert json.dumps(node.provider_metadata).count("down") < 10


def test_cycles_and_missing_parents_in_antlers_format_become_trees():
    def node(name: str, parent: str | None, role: str) -> dict[str, Any]:
        return {"id": name, "parent": parent, "role": role, "parts": [{"type": "text", "text": name}]}

    nodes = [
        node("a", "b", "user"),
        node("b", "a", "assistant"),
        node("c", "z", "assistant"),
        node("d", "d", "user"),
    ]
    result = parse_export(json.dumps(edit_example(nodes=nodes, head="b")).encode())
    assert is_valid(result)
    assert result.report.issues == {"question_added": 1, "unlinked": 3}
    assert result.report.message_count == 5


# --- other formats


@pytest.mark.parametrize(
    "timestamp", [-1, 0, 1e300, 10**400, "yesterday", "9999-99-99", True, [], "0001-01-01T00:00:00+23:59"]
)
def test_impossible_timestamps_are_ignored(timestamp: Any):
    messages = [
        {"messageId": "a", "isCreatedByUser": True, "text": "hi", "createdAt": "2025-01-01T00:00:00Z"},
        {
            "messageId": "b",
            "parentMessageId": "a",
            "isCreatedByUser": False,
            "text": "ho",
            "createdAt": timestamp,
        },
    ]
    result = parse_export(json.dumps({"conversationId": "c", "messages": messages, "createdAt": timestamp}).encode())
    ((conversation, (first, second)),) = result.conversations
    assert first.created_at == second.created_at == conversation.created_at == 1735689600.0


def test_items_that_are_no_conversations_are_counted():
    mixed = [*json.loads(EXAMPLES["claude"]), 7, {"chat_messages": "none"}, None, {"mapping": []}]
    result = parse_export(json.dumps(mixed).encode())
    assert result.report.conversation_count == 2
    assert result.report.issues["conversation"] == 4


def test_a_run_of_very_many_messages_is_merged():
    messages = [{"uuid": f"{n}", "sender": "human", "text": "x"} for n in range(20_000)]
    ((_, (node,)),) = parse_export(json.dumps([{"uuid": "c", "chat_messages": messages}]).encode()).conversations
    assert node.message.text.count("x") == 20_000


def test_many_unclosed_tags_are_read_in_linear_time():
    piece = '<details type="a' * 20_000 + "\ue200" * 20_000
    message = {"role": "assistant", "content": piece, "parentId": None}
    result = parse_export(json.dumps([{"chat": {"history": {"messages": {"a": message}}}}]).encode())
    assert result.conversations[0][1][1].message.text == piece


def test_invalid_projects_are_left_out_and_counted():
    values = [{"name": "Sea"}, {}, {"name": "Sea"}, {"name": "x", "instructions": "y" * 50_001}, {"name": " "}]
    imported = parse_export(json.dumps({"format": "antler", "version": 1, "projects": values}).encode())
    assert imported.projects == [Project("Sea")]
    assert imported.report.issues == {"project": 4}
    with pytest.raises(TransferError, match="projects\\[0\\].params.seed"):
        parse_export(b'{"format": "antler", "version": 1, "projects": [{"name": "x", "params": {"seed": "1"}}]}')
