"""Continued answers, later alternatives, and the branch that is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.checkpoints import Checkpoint
from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.params import Params
from lib.core.target import Target

TARGET = Target("claude-x", "anthropic")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
TRUNCATED_ANSWER = Node(
    "a",
    "q",
    Message("assistant", (TextPart("Bec"),)),
    2.0,
    Outcome.LENGTH,
    finish_reason="max_tokens",
    target=TARGET,
    usage=Usage(4, 2),
    timing=Timing(0.5, 0.5, 1.0),
    provider_metadata={"id": "msg_1", "usage": {"output_tokens": 2, "more": [1, {"deep": None}]}},
)
CONVERSATION = Conversation("c", "Why?", 2.0, "a", TARGET, created_at=2.0, unread=True)


@pytest.fixture
def saved_store(store):
    store.messages.save_turn("ann", CONVERSATION, [QUESTION, replace(TRUNCATED_ANSWER, outcome=Outcome.ARRIVING)])
    store.messages.finish("ann", TRUNCATED_ANSWER)
    return store


def test_a_reopened_answer_keeps_its_text_and_can_be_extended(saved_store):
    reopened = replace(TRUNCATED_ANSWER, outcome=Outcome.ARRIVING, finish_reason="", failure=None)
    saved_store.messages.reopen("ann", replace(CONVERSATION, updated_at=9.0, params=Params(max_tokens=9)), reopened)
    assert saved_store.messages.node("ann", "a") == reopened
    assert saved_store.conversations.get("ann", "c") == replace(
        CONVERSATION, updated_at=9.0, params=Params(max_tokens=9), revision=1, arriving=True
    )
    extended = replace(reopened, message=Message("assistant", (TextPart("Because."),)))
    assert saved_store.messages.save_checkpoints([Checkpoint("ann", extended)])[0] is Outcome.ARRIVING
    saved_store.messages.finish("ann", replace(extended, outcome=Outcome.COMPLETE))
    assert saved_store.messages.node("ann", "a").message.text == "Because."


def test_reopening_clears_the_failure_and_counts_as_a_heartbeat(saved_store):
    failed = replace(TRUNCATED_ANSWER, outcome=Outcome.FAILED, failure=Failure("overloaded", "Busy", 529, "r", True))
    saved_store.messages.finish("ann", failed)
    saved_store.messages.reopen("ann", CONVERSATION, replace(failed, outcome=Outcome.ARRIVING, failure=None))
    assert saved_store.messages.node("ann", "a").failure is None
    assert saved_store.messages.mark_stale(60) == 0


def test_an_alternative_is_added_only_to_an_existing_conversation(saved_store):
    alternative = replace(TRUNCATED_ANSWER, id="b", created_at=2.00001, provider_metadata={})
    saved_store.messages.add("ann", "c", alternative)
    assert saved_store.messages.nodes("ann", "c") == [QUESTION, TRUNCATED_ANSWER, alternative]
    assert saved_store.conversations.get("ann", "c").head_id == "a"
    saved_store.conversations.delete("ann", ["c"])
    saved_store.purge_deleted(-1)
    saved_store.messages.add("ann", "c", replace(alternative, id="d"))
    assert saved_store.messages.node("ann", "d") is None


def test_the_selected_branch_is_saved_without_reordering_the_list(saved_store):
    saved_store.messages.save_turn(
        "ann", replace(CONVERSATION, id="later", head_id="q2", updated_at=3.0), [replace(QUESTION, id="q2")]
    )
    saved_store.messages.set_head("ann", "c", "q")
    assert saved_store.conversations.get("ann", "c") == replace(CONVERSATION, head_id="q", revision=1)
    assert [conversation.id for conversation in saved_store.conversations.page("ann", 9)] == ["later", "c"]


def test_a_failure_is_saved_with_its_rejected_params(saved_store):
    failure = Failure("request_refused", "No.", 400, "r", False, ("temperature", "top_p"), 3600.0)
    saved_store.messages.finish("ann", replace(TRUNCATED_ANSWER, outcome=Outcome.FAILED, failure=failure))
    assert saved_store.messages.node("ann", "a").failure == failure
