"""Trees in which a role comes twice in a row, repaired without losing text."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.core import tree
from lib.core.errors import TransferError
from lib.transfer import ImportResult, parse_export
from lib.transfer.message_tree import PLACEHOLDER_QUESTION
from tests.support.examples import count_examples
from tests.unit.transfer.examples import is_valid

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parse(value: Any) -> ImportResult:
    return parse_export(json.dumps(value).encode())


def parse_chat(*messages: tuple[str, str | None, str, str]) -> ImportResult:
    """Parse an Open WebUI chat of (id, parent, role, text)."""
    history = {
        message_id: {"parentId": parent, "role": role, "content": text, "timestamp": 1000 + number}
        for number, (message_id, parent, role, text) in enumerate(messages)
    }
    return parse([{"id": "t", "title": "T", "chat": {"history": {"messages": history, "currentId": ""}}}])


def list_paths(result: ImportResult) -> list[list[str]]:
    ((_, nodes),) = result.conversations
    parent_ids = {node.parent_id for node in nodes}
    leaves = [node.id for node in nodes if node.id not in parent_ids]
    return [[f"{node.message.role[0]}:{node.message.text}" for node in tree.path(nodes, leaf)] for leaf in leaves]


def test_consecutive_messages_of_one_role_are_merged():
    result = parse_chat(
        ("a", None, "user", "one"),
        ("b", "a", "user", "two"),
        ("c", "b", "assistant", "yes"),
        ("d", "c", "assistant", "and more"),
    )
    assert list_paths(result) == [["u:one\n\ntwo", "a:yes\n\nand more"]]
    assert result.report.issues == {"joined": 2}


def test_a_branch_inside_a_merged_run_keeps_the_text_of_each_path():
    result = parse_chat(
        ("a", None, "user", "hello"),
        ("b", "a", "assistant", "wait"),
        ("c", "b", "assistant", "here"),
        ("d", "b", "assistant", "there"),
        ("e", "b", "user", "hurry"),
    )
    assert sorted(list_paths(result)) == [
        ["u:hello", "a:wait", "u:hurry"],
        ["u:hello", "a:wait\n\nhere"],
        ["u:hello", "a:wait\n\nthere"],
    ]


def test_system_messages_are_counted_and_omitted():
    result = parse_chat(("s", None, "system", "be good"), ("a", "s", "user", "hi"), ("b", "a", "assistant", "ho"))
    assert list_paths(result) == [["u:hi", "a:ho"]]
    assert result.report.issues == {"system": 1}


def test_an_answer_without_a_question_gets_a_placeholder():
    result = parse_chat(("a", None, "assistant", "Welcome"), ("b", "a", "user", "hi"))
    assert list_paths(result) == [[f"u:{PLACEHOLDER_QUESTION}", "a:Welcome", "u:hi"]]
    assert result.report.issues == {"question_added": 1}


def test_missing_parents_and_cycles_lose_no_text():
    result = parse_chat(
        ("a", "gone", "user", "one"),
        ("b", "c", "user", "two"),
        ("c", "b", "assistant", "three"),
        ("d", "d", "user", "four"),
    )
    assert sorted(list_paths(result)) == [["u:four"], ["u:one"], ["u:two", "a:three"]]
    assert result.report.issues == {"unlinked": 3}


def test_a_message_without_importable_content_names_its_kinds():
    message = {"role": "user", "parentId": None, "content": "", "files": [{"type": "image"}, {"type": "doc"}]}
    result = parse({"chat": {"history": {"messages": {"a": message}}}})
    assert list_paths(result) == [["u:[image] [file]"]]


def test_a_message_with_a_duplicate_id_is_omitted():
    message = {"messageId": "x", "isCreatedByUser": True, "text": "one"}
    result = parse({"conversationId": "c", "messages": [message, {**message, "text": "two"}]})
    assert list_paths(result) == [["u:one"]]
    assert result.report.issues == {"duplicate": 1}


links_strategy = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.none() | st.integers(0, 11),
        st.sampled_from(["user", "assistant", "system", "tool"]),
        st.sampled_from(["", "a", "b\n"]),
    ),
    max_size=12,
)


@settings(slow, max_examples=count_examples(100))
@given(links_strategy)
def test_any_parents_and_roles_give_a_valid_tree_with_all_text(links):
    rows = [
        (str(message_number), None if parent_number is None else str(parent_number), role, text)
        for message_number, parent_number, role, text in links
    ]
    result = parse_chat(*rows)
    assert is_valid(result)
    messages = {message_id: (role, text) for message_id, _, role, text in rows}
    expected_texts = {text.strip() for role, text in messages.values() if role in ("user", "assistant")} - {""}
    imported_text = " ".join(node.message.text for _, nodes in result.conversations for node in nodes)
    assert all(text in imported_text for text in expected_texts)


def test_many_branches_of_a_long_merged_message_are_refused():
    long_text = "x" * 50_000
    rows = [("a", None, "user", long_text), *((f"b{n}", "a", "user", "y") for n in range(100))]
    with pytest.raises(TransferError) as error:
        parse_chat(*rows)
    assert error.value.reason == "tangled"
