"""Exports of other chats: each format's tree, times, models and dropped content."""

import json
from typing import Any

import pytest

from lib.core import tree
from lib.core.conversation import Conversation, Failure, Node, Outcome
from lib.core.target import Target
from lib.transfer import ImportResult, parse_export, write_export
from tests.unit.transfer.examples import EXAMPLES, is_valid, make_zip

FORMATS = ("chatgpt", "claude", "openwebui", "librechat_flat", "librechat_tree")


def parse(value: Any) -> ImportResult:
    return parse_export(json.dumps(value).encode())


def list_path(conversation: Conversation, nodes: list[Node]) -> list[tuple[str, str]]:
    """List roles and texts of the path that is shown."""
    return [(node.message.role, node.message.text) for node in tree.path(nodes, conversation.head_id)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_valid_trees_that_survive_an_export(name: str):
    result = parse_export(EXAMPLES[name])
    assert result.report.source == name.partition("_")[0]
    assert result.report.message_count == sum(len(nodes) for _, nodes in result.conversations) > 0
    assert result.report.replaced_id_count == 0
    assert is_valid(result)
    reimported = parse_export(b"".join(write_export(result.conversations)))
    assert reimported.conversations == result.conversations
    assert reimported.report.issues == {}
    assert parse_export(EXAMPLES[name]) == result  # ids are stable, so a second import finds duplicates


# --- ChatGPT


def test_chatgpt():
    result = parse_export(EXAMPLES["chatgpt"])
    ((conversation, nodes),) = result.conversations
    assert conversation.title == "Boats in the harbour"
    assert (conversation.title_source, conversation.archived, conversation.pinned) == ("model", True, False)
    assert (conversation.created_at, conversation.updated_at) == (1750000000.5, 1750000010.5)
    assert conversation.target == Target("gpt-5-thinking", "openai")
    assert list_path(conversation, nodes) == [
        ("user", "How many boats are there?"),
        ("assistant", "```\nprint(1 + 2)\n```\n\n```\n3\n```\n\nThere are three."),
        ("user", "And tomorrow?"),
        ("assistant", "Four"),
    ]
    alternative = next(node for node in nodes if node.message.text == "Perhaps two.")
    answer = next(node for node in nodes if "There are three." in node.message.text)
    assert alternative.parent_id == answer.parent_id == nodes[0].id
    assert (alternative.target, alternative.outcome) == (Target("gpt-4o", "openai"), Outcome.LENGTH)
    assert answer.message.thinking == "**Counting**\n\nOne by one."
    assert nodes[0].created_at == 1750000001.25
    assert tree.path(nodes, conversation.head_id)[-1].outcome is Outcome.INTERRUPTED
    assert result.report.issues == {
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


@pytest.mark.parametrize("name", FORMATS)
def test_an_archive_imports_the_same_as_its_file(name: str):
    zipped = make_zip({"conversations.json": EXAMPLES[name], "user.json": b"{", "chat.html": b"<html>"})
    assert parse_export(zipped) == parse_export(EXAMPLES[name])


def test_all_numbered_files_of_an_archive_are_read():
    first, second = json.loads(EXAMPLES["claude"])
    parts = {f"a/conversations-00{n}.json": json.dumps([part]).encode() for n, part in enumerate((first, second))}
    assert parse_export(make_zip(parts)).conversations == parse_export(EXAMPLES["claude"]).conversations


def test_an_archive_with_other_filenames_is_searched():
    assert parse_export(make_zip({"mine.json": EXAMPLES["openwebui"]})) == parse_export(EXAMPLES["openwebui"])


# --- Claude


def test_claude():
    result = parse_export(EXAMPLES["claude"])
    (first, first_nodes), (second, second_nodes) = result.conversations
    assert (first.title, second.title, second.title_source) == ("Tides", "Good morning", "question")
    assert first.created_at == 1746093600.0
    assert first.updated_at == 1746093900.25
    assert list_path(first, first_nodes) == [
        ("user", "notes.txt\n\n````\nMoon ``` Sun\n````\n\nExplain the notes."),
        ("assistant", "It is the moon."),
        ("user", "Thanks"),
    ]
    answer = next(node for node in first_nodes if node.message.thinking)
    assert answer.message.text == "First I look.\n\nThe moon does it."
    assert answer.message.thinking == "The moon pulls."
    assert (first.target, answer.target) == (None, None)
    assert second.target == second_nodes[1].target == Target("claude-opus-4", "anthropic")
    assert list_path(second, second_nodes) == [
        ("user", "Good\nmorning"),
        ("assistant", "Good morning to you"),
    ]
    assert result.report.issues == {"citation": 1, "file": 1, "image": 1, "tool": 2}


# --- Open WebUI


def test_open_webui():
    result = parse_export(EXAMPLES["openwebui"])
    ((conversation, nodes),) = result.conversations
    assert (conversation.title, conversation.pinned, conversation.params.system) == (
        "Primes",
        True,
        "Be exact.",
    )
    question, *answers = nodes
    assert [node.parent_id for node in answers] == [question.id] * 3
    assert [node.message.thinking for node in answers] == ["7 < 13\n7 x 13", "Divide.", ""]
    assert [node.message.text for node in answers] == ["No: 7 x 13.", "Let me", ""]
    assert [node.outcome for node in answers] == [Outcome.COMPLETE, Outcome.INTERRUPTED, Outcome.FAILED]
    assert answers[0].target == Target("llama3:8b", "openai")
    assert answers[2].failure == Failure("gateway", "out of memory")
    assert conversation.head_id == answers[1].id
    assert result.report.issues == {"citation": 1, "file": 1, "folder": 1, "image": 1, "tag": 2, "tool": 1}


def test_open_webui_alone():
    (chat,) = json.loads(EXAMPLES["openwebui"])
    assert parse(chat).conversations == parse_export(EXAMPLES["openwebui"]).conversations
    assert parse(chat["chat"]).conversations[0][0].title == "Primes"


# --- LibreChat


def test_librechat_in_both_shapes():
    flat, nested = (
        parse_export(EXAMPLES["librechat_flat"]),
        parse_export(EXAMPLES["librechat_tree"]),
    )
    assert flat == nested
    ((conversation, nodes),) = flat.conversations
    assert (conversation.title, conversation.params.system) == ("Stories", "Tell it well.")
    assert conversation.created_at == 1735689600.0
    question, interrupted, truncated, question_again, failed = nodes
    assert [node.parent_id for node in nodes[1:]] == [
        question.id,
        question.id,
        truncated.id,
        question_again.id,
    ]
    assert (interrupted.outcome, interrupted.target) == (Outcome.INTERRUPTED, Target("gpt-4o", "openai"))
    assert (truncated.outcome, truncated.target) == (Outcome.LENGTH, Target("claude-opus-4", "anthropic"))
    assert (truncated.message.thinking, truncated.message.text) == ("Dragons?", "There was")
    assert failed.failure == Failure("gateway", '{"type":"no_user_key"}')
    assert (failed.outcome, failed.message.text) == (Outcome.FAILED, "")
    assert flat.report.issues == {"image": 1, "tool": 1}


# --- all of them


def test_messages_shared_by_conversations_get_distinct_ids():
    first = json.loads(EXAMPLES["chatgpt"])[0]
    result = parse([first, {**first, "conversation_id": "other"}, first])
    node_ids = [node.id for _, nodes in result.conversations for node in nodes]
    assert len(node_ids) == len(set(node_ids)) == 3 * len(result.conversations[0][1])
    assert len({conversation.id for conversation, _ in result.conversations}) == 3
    assert result.report.replaced_id_count == 1 + len(result.conversations[0][1])
    assert is_valid(result)
