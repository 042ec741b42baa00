"""Feedback on answers: set, changed and removed by the owner, counted by model, deleted with the answer."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from lib.chat.turns import branches, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.core.conversation import Conversation, Feedback, Message, Node, TextPart
from lib.core.target import Target
from lib.core.usage import FeedbackCount
from lib.transfer import parse_export, write_export

TARGET = Target("m-one", "openai")
CONVERSATION = Conversation("c", "Why?", 9.0, "a", created_at=1.0)
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
ANSWER = Node("a", "q", Message("assistant", (TextPart("Because."),)), 2.0, target=TARGET)


@pytest.fixture
def rated_store(store):
    store.messages.save_turn("ann", CONVERSATION, [QUESTION, ANSWER, replace(ANSWER, id="a2")])
    store.messages.set_feedback("ann", "a", Feedback("good", "Short"))
    store.messages.set_feedback("ann", "a2", Feedback("bad"))
    return store


def test_feedback_is_set_changed_and_removed_and_each_change_is_a_revision(rated_store):
    assert rated_store.messages.node("ann", "a").feedback == Feedback("good", "Short")
    revision = rated_store.conversations.get("ann", "c").revision
    rated_store.messages.set_feedback("ann", "a", Feedback("bad"))
    assert rated_store.messages.node("ann", "a").feedback == Feedback("bad")
    rated_store.messages.set_feedback("ann", "a", None)
    assert rated_store.messages.node("ann", "a").feedback is None
    assert rated_store.conversations.get("ann", "c").revision == revision + 2


def test_a_question_and_an_answer_of_another_owner_take_no_feedback(rated_store):
    rated_store.messages.set_feedback("ann", "q", Feedback("good"))
    rated_store.messages.set_feedback("bob", "a", None)
    assert rated_store.messages.node("ann", "q").feedback is None
    assert rated_store.messages.node("ann", "a").feedback == Feedback("good", "Short")


def test_feedback_is_counted_by_model_without_that_on_deleted_answers(rated_store):
    other = replace(ANSWER, id="b", parent_id="p", target=Target("m-two", "anthropic"), feedback=Feedback("good"))
    rated_store.messages.save_turn(
        "bob", replace(CONVERSATION, id="d", head_id="b"), [replace(QUESTION, id="p"), other]
    )
    assert rated_store.messages.feedback_by_model() == [
        FeedbackCount("m-one", 1, 1),
        FeedbackCount("m-two", 1, 0),
    ]
    rated_store.messages.set_deleted("ann", "c", ["a"], 5.0)
    rated_store.conversations.delete("bob", ["d"])
    assert rated_store.messages.feedback_by_model() == [FeedbackCount("m-one", 0, 1)]
    rated_store.purge_deleted(time.time() - 10.0)
    rated_store.users.delete_data("ann")
    assert rated_store.messages.feedback_by_model() == []


def test_feedback_survives_a_later_change_of_the_answer_but_no_copy(rated_store):
    rated_store.messages.finish("ann", ANSWER)
    assert rated_store.messages.node("ann", "a").feedback == Feedback("good", "Short")
    services = turn.TurnServices(rated_store, None, GenerationRegistry())
    branch = branches.branch_conversation(services, "ann", "c", "a", "Copy")
    assert [node.feedback for node in rated_store.messages.nodes("ann", branch.id)] == [None, None]


def test_an_export_has_the_feedback_and_an_unknown_rating_is_counted(rated_store):
    data = b"".join(write_export(rated_store.conversations.export_all("ann")))
    (_, nodes), *_ = parse_export(data).conversations
    assert {node.id: node.feedback for node in nodes} == {
        "q": None,
        "a": Feedback("good", "Short"),
        "a2": Feedback("bad"),
    }
    changed = parse_export(data.replace(b'"rating":"good"', b'"rating":"fine"'))
    assert [node.feedback for node in changed.conversations[0][1]] == [None, None, Feedback("bad")]
    assert changed.report != parse_export(data).report
