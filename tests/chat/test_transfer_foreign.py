"""What other chats export: each format's tree, times, models and losses."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.chat import tree
from lib.chat.transfer import Loaded, read, write
from lib.chat.transfer.branches import NO_QUESTION
from lib.core.errors import TransferError
from lib.core.types import Conversation, Failure, Node, Outcome, Target
from tests.chat.valid import valid

EXPORTS = Path(__file__).parent / "exports"
FORMATS = ("chatgpt", "claude", "openwebui", "librechat_flat", "librechat_tree")
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bytes_of(name: str) -> bytes:
    return (EXPORTS / f"{name}.json").read_bytes()


def loaded(value: Any) -> Loaded:
    return read(json.dumps(value).encode())


def shown(conversation: Conversation, nodes: list[Node]) -> list[tuple[str, str]]:
    """The sides and texts of the path that is shown."""
    return [(node.message.role, node.message.text) for node in tree.path(nodes, conversation.head)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_valid_trees_that_antler_can_keep(name: str):
    first = read(bytes_of(name))
    assert first.report.source == name.partition("_")[0]
    assert first.report.messages == sum(len(nodes) for _, nodes in first.conversations) > 0
    assert first.report.renamed_ids == 0
    assert valid(first)
    again = read(b"".join(write(first.conversations)))
    assert again.conversations == first.conversations
    assert again.report.skipped == {}
    assert read(bytes_of(name)) == first  # the same file has the same ids, so a second import is noticed


# --- ChatGPT


def test_chatgpt():
    found = read(bytes_of("chatgpt"))
    ((conversation, nodes),) = found.conversations
    assert conversation.title == "Boats in the harbour"
    assert (conversation.titled, conversation.archived, conversation.pinned) == ("model", True, False)
    assert (conversation.created, conversation.updated) == (1750000000.5, 1750000010.5)
    assert conversation.target == Target("gpt-5-thinking", "openai")
    assert shown(conversation, nodes) == [
        ("user", "How many boats are there?"),
        ("assistant", "```\nprint(1 + 2)\n```\n\n```\n3\n```\n\nThere are three."),
        ("user", "And tomorrow?"),
        ("assistant", "Four"),
    ]
    other = next(node for node in nodes if node.message.text == "Perhaps two.")
    answer = next(node for node in nodes if "There are three." in node.message.text)
    assert other.parent == answer.parent == nodes[0].id
    assert (other.target, other.outcome) == (Target("gpt-4o", "openai"), Outcome.LENGTH)
    assert answer.message.thinking == "**Counting**\n\nOne by one."
    assert nodes[0].created == 1750000001.25
    assert tree.path(nodes, conversation.head)[-1].outcome is Outcome.INTERRUPTED
    assert found.report.skipped == {
        "audio": 1,
        "citation": 1,
        "custom_gpt": 1,
        "empty": 1,
        "file": 1,
        "image": 1,
        "instructions": 1,
        "joined": 3,
        "recap": 1,
        "tool": 2,
    }


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as into:
        for name, content in files.items():
            into.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_an_archive_is_what_is_in_it(name: str):
    packed = archive({"conversations.json": bytes_of(name), "user.json": b"{", "chat.html": b"<html>"})
    assert read(packed) == read(bytes_of(name))


def test_an_archive_with_several_numbered_files_is_read_whole():
    one, two = json.loads(bytes_of("claude"))
    parts = {f"a/conversations-00{n}.json": json.dumps([part]).encode() for n, part in enumerate((one, two))}
    assert read(archive(parts)).conversations == read(bytes_of("claude")).conversations


def test_an_archive_of_other_names_is_looked_through():
    assert read(archive({"mine.json": bytes_of("openwebui")})) == read(bytes_of("openwebui"))


# --- Claude


def test_claude():
    found = read(bytes_of("claude"))
    (one, nodes), (two, linear) = found.conversations
    assert (one.title, two.title, two.titled) == ("Tides", "Good morning", "question")
    assert one.created == 1746093600.0
    assert one.updated == 1746093900.25
    assert shown(one, nodes) == [
        ("user", "notes.txt\n\n````\nMoon ``` Sun\n````\n\nExplain the notes."),
        ("assistant", "It is the moon."),
        ("user", "Thanks"),
    ]
    first = next(node for node in nodes if node.message.thinking)
    assert first.message.text == "First I look.\n\nThe moon does it."
    assert first.message.thinking == "The moon pulls."
    assert (one.target, first.target) == (None, None)
    assert two.target == linear[1].target == Target("claude-opus-4", "anthropic")
    assert shown(two, linear) == [("user", "Good\nmorning"), ("assistant", "Good morning to you")]
    assert found.report.skipped == {"citation": 1, "file": 1, "image": 1, "tool": 2}


# --- Open WebUI


def test_open_webui():
    found = read(bytes_of("openwebui"))
    ((conversation, nodes),) = found.conversations
    assert (conversation.title, conversation.pinned, conversation.params.system) == (
        "Primes",
        True,
        "Be exact.",
    )
    question, *answers = nodes
    assert [node.parent for node in answers] == [question.id] * 3
    assert [node.message.thinking for node in answers] == ["7 < 13\n7 x 13", "Divide.", ""]
    assert [node.message.text for node in answers] == ["No: 7 x 13.", "Let me", ""]
    assert [node.outcome for node in answers] == [Outcome.COMPLETE, Outcome.INTERRUPTED, Outcome.FAILED]
    assert answers[0].target == Target("llama3:8b", "openai")
    assert answers[2].failure == Failure("gateway", "out of memory")
    assert conversation.head == answers[1].id
    assert found.report.skipped == {"citation": 1, "file": 1, "folder": 1, "image": 1, "tag": 2, "tool": 1}


def test_open_webui_alone():
    (chat,) = json.loads(bytes_of("openwebui"))
    assert loaded(chat).conversations == read(bytes_of("openwebui")).conversations
    assert loaded(chat["chat"]).conversations[0][0].title == "Primes"


# --- LibreChat


def test_librechat_in_both_shapes():
    flat, nested = read(bytes_of("librechat_flat")), read(bytes_of("librechat_tree"))
    assert flat == nested
    ((conversation, nodes),) = flat.conversations
    assert (conversation.title, conversation.params.system) == ("Stories", "Tell it well.")
    assert conversation.created == 1735689600.0
    question, once, dragons, more, failed = nodes
    assert [node.parent for node in nodes[1:]] == [question.id, question.id, dragons.id, more.id]
    assert (once.outcome, once.target) == (Outcome.INTERRUPTED, Target("gpt-4o", "openai"))
    assert (dragons.outcome, dragons.target) == (Outcome.LENGTH, Target("claude-opus-4", "anthropic"))
    assert (dragons.message.thinking, dragons.message.text) == ("Dragons?", "There was")
    assert failed.failure == Failure("gateway", '{"type":"no_user_key"}')
    assert (failed.outcome, failed.message.text) == (Outcome.FAILED, "")
    assert flat.report.skipped == {"image": 1, "tool": 1}


# --- trees that do not take turns


def chat(*messages: tuple[str, str | None, str, str]) -> Loaded:
    """An Open WebUI chat of (id, parent, role, text)."""
    history = {
        name: {"parentId": parent, "role": role, "content": text, "timestamp": 1000 + number}
        for number, (name, parent, role, text) in enumerate(messages)
    }
    return loaded([{"id": "t", "title": "T", "chat": {"history": {"messages": history, "currentId": ""}}}])


def paths(found: Loaded) -> list[list[str]]:
    ((_, nodes),) = found.conversations
    inner = {node.parent for node in nodes}
    leaves = [node.id for node in nodes if node.id not in inner]
    return [
        [f"{node.message.role[0]}:{node.message.text}" for node in tree.path(nodes, leaf)] for leaf in leaves
    ]


def test_neighbours_of_one_side_become_one_message():
    found = chat(
        ("a", None, "user", "one"),
        ("b", "a", "user", "two"),
        ("c", "b", "assistant", "yes"),
        ("d", "c", "assistant", "and more"),
    )
    assert paths(found) == [["u:one\n\ntwo", "a:yes\n\nand more"]]
    assert found.report.skipped == {"joined": 2}


def test_a_branch_inside_such_a_run_keeps_the_words_of_each_path():
    found = chat(
        ("a", None, "user", "hello"),
        ("b", "a", "assistant", "wait"),
        ("c", "b", "assistant", "here"),
        ("d", "b", "assistant", "there"),
        ("e", "b", "user", "hurry"),
    )
    assert sorted(paths(found)) == [
        ["u:hello", "a:wait", "u:hurry"],
        ["u:hello", "a:wait\n\nhere"],
        ["u:hello", "a:wait\n\nthere"],
    ]


def test_system_messages_are_counted_and_those_around_them_joined_up():
    found = chat(("s", None, "system", "be good"), ("a", "s", "user", "hi"), ("b", "a", "assistant", "ho"))
    assert paths(found) == [["u:hi", "a:ho"]]
    assert found.report.skipped == {"system": 1}


def test_an_answer_without_a_question_is_given_one():
    found = chat(("a", None, "assistant", "Welcome"), ("b", "a", "user", "hi"))
    assert paths(found) == [[f"u:{NO_QUESTION}", "a:Welcome", "u:hi"]]
    assert found.report.skipped == {"question_added": 1}


def test_a_missing_parent_and_a_circle_lose_no_words():
    found = chat(
        ("a", "gone", "user", "one"),
        ("b", "c", "user", "two"),
        ("c", "b", "assistant", "three"),
        ("d", "d", "user", "four"),
    )
    assert sorted(paths(found)) == [["u:four"], ["u:one"], ["u:two", "a:three"]]
    assert found.report.skipped == {"unlinked": 3}


def test_a_message_of_which_nothing_is_left_says_what_it_was():
    message = {"role": "user", "parentId": None, "content": "", "files": [{"type": "image"}, {"type": "doc"}]}
    found = loaded({"chat": {"history": {"messages": {"a": message}}}})
    assert paths(found) == [["u:[image] [file]"]]


def test_a_second_message_of_the_same_id_is_left_out():
    one = {"messageId": "x", "isCreatedByUser": True, "text": "one"}
    found = loaded({"conversationId": "c", "messages": [one, {**one, "text": "two"}]})
    assert paths(found) == [["u:one"]]
    assert found.report.skipped == {"duplicate": 1}


def test_messages_that_several_conversations_share_get_ids_of_their_own():
    first = json.loads(bytes_of("chatgpt"))[0]
    found = loaded([first, {**first, "conversation_id": "other"}, first])
    every = [node.id for _, nodes in found.conversations for node in nodes]
    assert len(every) == len(set(every)) == 3 * len(found.conversations[0][1])
    assert len({conversation.id for conversation, _ in found.conversations}) == 3
    assert found.report.renamed_ids == 1 + len(found.conversations[0][1])
    assert valid(found)


TREES = some.lists(
    some.tuples(
        some.integers(0, 9),
        some.none() | some.integers(0, 11),
        some.sampled_from(["user", "assistant", "system", "tool"]),
        some.sampled_from(["", "a", "b\n"]),
    ),
    max_size=12,
)


@settings(slow, max_examples=300)
@given(TREES)
def test_any_links_of_any_sides_give_a_valid_tree_with_all_words(links):
    rows = [(str(a), None if b is None else str(b), role, text) for a, b, role, text in links]
    found = chat(*rows)
    assert valid(found)
    unique = {name: (role, text) for name, _, role, text in rows}
    wanted = {text.strip() for role, text in unique.values() if role in ("user", "assistant")} - {""}
    said = " ".join(node.message.text for _, nodes in found.conversations for node in nodes)
    assert all(text in said for text in wanted)


def test_many_branches_of_a_long_beginning_are_refused_rather_than_multiplied():
    long = "x" * 50_000
    rows = [("a", None, "user", long), *((f"b{n}", "a", "user", "y") for n in range(100))]
    with pytest.raises(TransferError) as refused:
        chat(*rows)
    assert refused.value.why == "tangled"
