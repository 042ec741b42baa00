"""Files that are broken, huge or meant to harm: refused with a reason, or cleaned and counted."""

import copy
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from lib.chat.transfer import documents, read, reading, write
from lib.core.errors import TransferError
from lib.core.types import Outcome
from tests.chat.valid import valid

EXPORTS = Path(__file__).parent / "exports"
FILES = {path.stem: path.read_bytes() for path in sorted(EXPORTS.glob("*.json"))}
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def own(**changes: Any) -> dict[str, Any]:
    """The small example of our own format, with its conversation changed."""
    file = json.loads(FILES["antler"])
    file["conversations"][0] |= changes
    return file


def refused(data: bytes | Any) -> tuple[str, str]:
    """Why a file is refused, and the place."""
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    with pytest.raises(TransferError) as error:
        read(data)
    assert error.value.code == "import"
    return error.value.why, error.value.place


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return into.getvalue()


# --- bytes


@pytest.mark.parametrize(
    ("data", "why"),
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
def test_what_is_no_export_is_refused(data: bytes, why: tuple[str, str]):
    assert refused(data) == why


def test_a_byte_order_mark_is_passed_over():
    assert read(b"\xef\xbb\xbf" + FILES["claude"]) == read(FILES["claude"])


def test_more_bytes_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(documents, "MAX_JSON", len(FILES["claude"]) - 1)
    assert refused(FILES["claude"]) == ("size", "")
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    assert refused(packed({"a.json": b"[]"})) == ("size", "")


def test_more_conversations_or_messages_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MAX_CONVERSATIONS", 1)
    assert refused(FILES["claude"]) == ("many", "")
    monkeypatch.setattr(reading, "MAX_CONVERSATIONS", 5)
    monkeypatch.setattr(reading, "MAX_MESSAGES", 3)
    assert refused(FILES["claude"]) == ("many", "")


# --- archives


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(documents, "MAX_JSON", 3 * 1024 * 1024)
    bomb = packed({"conversations.json": b"[" + b" " * 50 * 1024 * 1024 + b"]"})
    assert len(bomb) < 100_000
    assert refused(bomb) == ("unpacked", "conversations.json")
    several = packed({f"conversations-{n}.json": b" " * 1024 * 1024 * 2 + FILES["claude"] for n in range(2)})
    assert refused(several) == ("unpacked", "conversations-1.json")


def test_an_archive_of_too_many_files_is_refused(monkeypatch):
    many = packed({f"{n}.json": b"[]" for n in range(5)})
    monkeypatch.setattr(documents, "MAX_READ", 4)
    assert refused(many) == ("many", "")
    monkeypatch.setattr(documents, "MAX_ENTRIES", 3)
    assert refused(many) == ("many", "")


def test_names_in_an_archive_go_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../../conversations.json", "/conversations-1.json", "C:\\conversations.json"]
    found = read(packed({name: FILES["claude"] for name in names[:1]}))
    assert found == read(FILES["claude"])
    read(packed({name: FILES["claude"] for name in names}))
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent.parent / "conversations.json").exists()


def test_archives_that_cannot_be_read_are_refused():
    whole = packed({"conversations.json": FILES["claude"]})
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(locked))[0] == "zip"
    assert refused(whole[:-30])[0] == "zip"
    assert refused(packed({"conversations.json": FILES["claude"]}, zipfile.ZIP_LZMA))[0] == "zip"
    assert refused(packed({}))[0] == "unknown"
    assert refused(packed({"conversations.json": b"{"}))[0] == "json"
    wrong_sum = bytearray(packed({"conversations.json": FILES["claude"]}, zipfile.ZIP_STORED))
    wrong_sum[200] ^= 1
    assert refused(bytes(wrong_sum))[0] == "zip"


# --- our own format


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": None}, "conversations[0].id"),
        ({"id": 7}, "conversations[0].id"),
        ({"title": ["a"]}, "conversations[0].title"),
        ({"created": "2025-01-01"}, "conversations[0].created"),
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
def test_a_field_of_another_kind_is_refused_with_its_place(changes: dict[str, Any], place: str):
    assert refused(own(**changes)) == ("shape", place)


def test_a_number_beyond_all_numbers_is_refused():
    data = json.dumps(own(created=12345.5)).replace("12345.5", "1e999").encode()
    assert refused(data) == ("shape", "conversations[0].created")


def test_what_can_be_cleaned_is_cleaned_and_counted():
    title = "<script>alert(1)</script>\r\n\x00" + "long " * 100
    node = {"id": "n", "role": "user", "parts": [{"type": "text", "text": "a\x00b\ud800"}], "created": -5}
    file = own(
        title=title,
        created=1e300,
        updated=-1,
        head="somebody else's",
        params={"temperature": 99, "effort": "boundless"},
        target={"model": "m", "wire": "telegraph"},
        nodes=[node, {**node, "parts": []}],
    )
    loaded = read(json.dumps(file).encode())
    ((conversation, nodes),) = loaded.conversations
    assert conversation.title.startswith("<script>alert(1)</script> \ufffd")
    assert valid(loaded)
    assert (conversation.created, conversation.updated, conversation.head) == (0.0, 0.0, "n")
    assert conversation.target is None
    assert conversation.params.temperature is None
    assert [one.message.text for one in nodes] == ["a\ufffdb\ufffd"]
    assert loaded.report.skipped == {
        "duplicate": 1,
        "head": 1,
        "line": 1,
        "setting": 2,
        "signs": 2,
        "time": 4,
        "unknown": 1,
    }


def test_an_error_that_no_answer_has_is_an_unexpected_one():
    failure = {"code": "setting", "detail": "d"}
    nodes = [{"id": "q", "role": "user"}, {"id": "a", "parent": "q", "role": "assistant", "failure": failure}]
    ((_, (_, answer)),) = read(json.dumps(own(nodes=nodes, head="a")).encode()).conversations
    assert answer.failure.code == "unexpected"


def test_what_the_gateway_told_is_as_shallow_as_what_a_gateway_may_tell():
    deep: Any = "end"
    for _ in range(300):
        deep = {"down": deep}
    nodes = [{"id": "q", "role": "user", "served": deep}]
    ((_, (node,)),) = read(json.dumps(own(nodes=nodes)).encode()).conversations
    assert json.dumps(node.served).count("down") < 10


def test_circles_and_strangers_in_our_own_format_come_out_as_trees():
    def node(name: str, parent: str | None, role: str) -> dict[str, Any]:
        return {"id": name, "parent": parent, "role": role, "parts": [{"type": "text", "text": name}]}

    nodes = [
        node("a", "b", "user"),
        node("b", "a", "assistant"),
        node("c", "z", "assistant"),
        node("d", "d", "user"),
    ]
    loaded = read(json.dumps(own(nodes=nodes, head="b")).encode())
    assert valid(loaded)
    assert loaded.report.skipped == {"question_added": 1, "unlinked": 3}
    assert loaded.report.messages == 5


# --- other formats


@pytest.mark.parametrize(
    "when", [-1, 0, 1e300, 10**400, "yesterday", "9999-99-99", True, [], "0001-01-01T00:00:00+23:59"]
)
def test_times_that_are_none_are_passed_over(when: Any):
    messages = [
        {"messageId": "a", "isCreatedByUser": True, "text": "hi", "createdAt": "2025-01-01T00:00:00Z"},
        {"messageId": "b", "parentMessageId": "a", "isCreatedByUser": False, "text": "ho", "createdAt": when},
    ]
    loaded = read(json.dumps({"conversationId": "c", "messages": messages, "createdAt": when}).encode())
    ((conversation, (first, second)),) = loaded.conversations
    assert first.created == second.created == conversation.created == 1735689600.0


def test_conversations_that_are_none_are_counted_among_those_that_are():
    mixed = [*json.loads(FILES["claude"]), 7, {"chat_messages": "none"}, None, {"mapping": []}]
    loaded = read(json.dumps(mixed).encode())
    assert loaded.report.conversations == 2
    assert loaded.report.skipped["conversation"] == 4


def test_a_run_of_very_many_messages_is_read():
    links = [{"uuid": f"{n}", "sender": "human", "text": "x"} for n in range(20_000)]
    ((_, (node,)),) = read(json.dumps([{"uuid": "c", "chat_messages": links}]).encode()).conversations
    assert node.message.text.count("x") == 20_000


def test_text_that_looks_like_half_a_tag_many_times_is_read():
    piece = '<details type="a' * 20_000 + "\ue200" * 20_000
    message = {"role": "assistant", "content": piece, "parentId": None}
    loaded = read(json.dumps([{"chat": {"history": {"messages": {"a": message}}}}]).encode())
    assert loaded.conversations[0][1][1].message.text == piece


# --- anything

ODD = some.recursive(
    some.sampled_from(
        [
            None,
            True,
            0,
            -1,
            1.5,
            1e300,
            2**80,
            "",
            "a",
            "\ud83d",
            "\0",
            "user",
            "assistant",
            "text",
            "x" * 300,
        ]
    )
    | some.floats(),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["id", "mapping", "message", "messages", "parent", "content", "parts", "type", "text"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: what it is in, and under which key."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        inner = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, one in inner:
            found.append((holder, key))
            if isinstance(one, dict | list):
                waiting.append(one)
    return found


@settings(slow, max_examples=200)
@given(some.sampled_from(sorted(FILES)), some.data())
def test_any_change_of_any_export_is_read_as_valid_trees_or_refused(name: str, data: some.DataObject):
    value = [json.loads(FILES[name])]
    for _ in range(data.draw(some.integers(1, 6))):
        everywhere = places(value)
        holder, key = everywhere[data.draw(some.integers(0, len(everywhere) - 1))]
        match data.draw(some.sampled_from(["odd", "drop", "swap", "copy"])):
            case "odd":
                holder[key] = data.draw(ODD)
            case "drop" if len(value) and holder is not value:
                del holder[key]
            case "swap":
                other, at = everywhere[data.draw(some.integers(0, len(everywhere) - 1))]
                holder[key] = copy.deepcopy(other[at])
            case _ if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[key]))
    try:
        loaded = read(json.dumps(value[0]).encode())
    except TransferError as error:
        assert error.why
        return
    assert valid(loaded)
    written = b"".join(write(loaded.conversations))
    again = read(written)
    assert b"".join(write(again.conversations)) == written
    assert all(node.outcome is not Outcome.ARRIVING for _, nodes in again.conversations for node in nodes)


@settings(slow, max_examples=150)
@given(
    some.sampled_from(sorted(FILES)),
    some.booleans(),
    some.integers(0, 10_000),
    some.integers(0, 40),
    some.binary(max_size=6),
)
@example("claude", True, 0, 0, b"")
def test_any_bytes_are_read_or_refused(name: str, zipped: bool, start: int, length: int, new: bytes):
    data = packed({"conversations.json": FILES[name]}) if zipped else FILES[name]
    start %= len(data)
    try:
        assert valid(read(data[:start] + new + data[start + length :]))
    except TransferError as error:
        assert error.why


@settings(slow, max_examples=100)
@given(ODD | some.lists(some.fixed_dictionaries({"mapping": some.dictionaries(some.text(max_size=2), ODD)})))
def test_any_json_is_read_or_refused(value: Any):
    try:
        assert valid(read(json.dumps(value).encode()))
    except TransferError as error:
        assert error.why
