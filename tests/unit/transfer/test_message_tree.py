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
from tests.unit.transfer.examples import is_valid

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parse(value: Any) -> ImportResult:
    return parse_export(json.dumps(value).encode())


def chat(*messages: tuple[str, str | None, str, str]) -> ImportResult:
    """Parse an Open WebUI chat of (id, parent, role, text)."""
    history = {
        name: {"parentId": parent, "role": role, "content": text, "timestamp": 1000 + number}
        for number, (name, parent, role, text) in enumerate(messages)
    }
    return parse([{"id": "t", "title": "T", "chat": {"history": {"messages": history, "currentId": ""}}}])


def paths(result: ImportResult) -> list[list[str]]:
    ((_, nodes),) = result.conversations
    inner = {node.parent_id for node in nodes}
    leaves = [node.id for node in nodes if node.id not in inner]
    return [
        [f"{node.message.role[0]}:{node.message.text}" for node in tree.path(nodes, leaf)] for leaf in leaves
    ]


def test_consecutive_messages_of_one_role_are_merged():
    result = chat(
        ("a", None, "user", "one"),
        ("b", "a", "user", "two"),
        ("c", "b", "assistant", "yes"),
        ("d", "c", "assistant", "and more"),
    )
    assert paths(result) == [["u:one\n\ntwo", "a:yes\n\nand more"]]
    assert result.report.issues == {"joined": 2}


def test_a_branch_inside_a_merged_run_keeps_the_text_of_each_path():
    result = chat(
        ("a", None, "user", "hello"),
        ("b", "a", "assistant", "wait"),
        ("c", "b", "assistant", "here"),
        ("d", "b", "assistant", "there"),
        ("e", "b", "user", "hurry"),
    )
    assert sorted(paths(result)) == [
        ["u:hello", "a:wait", "u:hurry"],
        ["u:hello", "a:wait\n\nhere"],
        ["u:hello", "a:wait\n\nthere"],
    ]


def test_system_messages_are_counted_and_left_out():
    result = chat(("s", None, "system", "be good"), ("a", "s", "user", "hi"), ("b", "a", "assistant", "ho"))
    assert paths(result) == [["u:hi", "a:ho"]]
    assert result.report.issues == {"system": 1}


def test_an_answer_without_a_question_gets_a_placeholder():
    result = chat(("a", None, "assistant", "Welcome"), ("b", "a", "user", "hi"))
    assert paths(result) == [[f"u:{PLACEHOLDER_QUESTION}", "a:Welcome", "u:hi"]]
    assert result.report.issues == {"question_added": 1}


def test_missing_parents_and_cycles_lose_no_text():
    result = chat(
        ("a", "gone", "user", "one"),
        ("b", "c", "user", "two"),
        ("c", "b", "assistant", "three"),
        ("d", "d", "user", "four"),
    )
    assert sorted(paths(result)) == [["u:four"], ["u:one"], ["u:two", "a:three"]]
    assert result.report.issues == {"unlinked": 3}


def test_a_message_without_importable_content_names_its_kinds():
    message = {"role": "user", "parentId": None, "content": "", "files": [{"type": "image"}, {"type": "doc"}]}
    result = parse({"chat": {"history": {"messages": {"a": message}}}})
    assert paths(result) == [["u:[image] [file]"]]


def test_a_message_with_a_duplicate_id_is_left_out():
    one = {"messageId": "x", "isCreatedByUser": True, "text": "one"}
    result = parse({"conversationId": "c", "messages": [one, {**one, "text": "two"}]})
    assert paths(result) == [["u:one"]]
    assert result.report.issues == {"duplicate": 1}


TREES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.none() | st.integers(0, 11),
        st.sampled_from(["user", "assistant", "system", "tool"]),
        st.sampled_from(["", "a", "b\n"]),
    ),
    max_size=12,
)


@settings(slow, max_examples=300)
@given(TREES)
def test_any_parents_and_roles_give_a_valid_tree_with_all_text(links):
    rows = [(str(a), None if b is None else str(b), role, text) for a, b, role, text in links]
    result = chat(*rows)
    assert is_valid(result)
    unique = {name: (role, text) for name, _, role, text in rows}
    wanted = {text.strip() for role, text in unique.values() if role in ("user", "assistant")} - {""}
    said = " ".join(node.message.text for _, nodes in result.conversations for node in nodes)
    assert all(text in said for text in wanted)


def test_many_branches_of_a_long_beginning_are_refused():
    long = "x" * 50_000
    rows = [("a", None, "user", long), *((f"b{n}", "a", "user", "y") for n in range(100))]
    with pytest.raises(TransferError) as error:
        chat(*rows)
    assert error.value.reason == "tangled"
