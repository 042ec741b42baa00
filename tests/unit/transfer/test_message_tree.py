"""Trees that do not take turns, made ones that do, without losing a word."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from lib.core import tree
from lib.core.errors import TransferError
from lib.transfer import ImportResult, parse_export
from lib.transfer.message_tree import PLACEHOLDER_QUESTION
from tests.unit.transfer.valid import valid

slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loaded(value: Any) -> ImportResult:
    return parse_export(json.dumps(value).encode())


def chat(*messages: tuple[str, str | None, str, str]) -> ImportResult:
    """An Open WebUI chat of (id, parent, role, text)."""
    history = {
        name: {"parentId": parent, "role": role, "content": text, "timestamp": 1000 + number}
        for number, (name, parent, role, text) in enumerate(messages)
    }
    return loaded([{"id": "t", "title": "T", "chat": {"history": {"messages": history, "currentId": ""}}}])


def paths(found: ImportResult) -> list[list[str]]:
    ((_, nodes),) = found.conversations
    inner = {node.parent_id for node in nodes}
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
    assert found.report.issues == {"joined": 2}


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
    assert found.report.issues == {"system": 1}


def test_an_answer_without_a_question_is_given_one():
    found = chat(("a", None, "assistant", "Welcome"), ("b", "a", "user", "hi"))
    assert paths(found) == [[f"u:{PLACEHOLDER_QUESTION}", "a:Welcome", "u:hi"]]
    assert found.report.issues == {"question_added": 1}


def test_a_missing_parent_and_a_circle_lose_no_words():
    found = chat(
        ("a", "gone", "user", "one"),
        ("b", "c", "user", "two"),
        ("c", "b", "assistant", "three"),
        ("d", "d", "user", "four"),
    )
    assert sorted(paths(found)) == [["u:four"], ["u:one"], ["u:two", "a:three"]]
    assert found.report.issues == {"unlinked": 3}


def test_a_message_of_which_nothing_is_left_says_what_it_was():
    message = {"role": "user", "parentId": None, "content": "", "files": [{"type": "image"}, {"type": "doc"}]}
    found = loaded({"chat": {"history": {"messages": {"a": message}}}})
    assert paths(found) == [["u:[image] [file]"]]


def test_a_second_message_of_the_same_id_is_left_out():
    one = {"messageId": "x", "isCreatedByUser": True, "text": "one"}
    found = loaded({"conversationId": "c", "messages": [one, {**one, "text": "two"}]})
    assert paths(found) == [["u:one"]]
    assert found.report.issues == {"duplicate": 1}


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
    assert refused.value.reason == "tangled"
