"""Continued answers, later alternatives, and the branch that is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.params import Params
from lib.core.target import Target

TARGET = Target("claude-x", "anthropic")
QUESTION = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
CUT = Node(
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
TALK = Conversation("c", "Why?", 2.0, "a", TARGET, created_at=2.0, unread=True)


@pytest.fixture
def begun(store):
    store.messages.save_turn("ann", TALK, [QUESTION, replace(CUT, outcome=Outcome.ARRIVING)])
    store.messages.finish("ann", CUT)
    return store


def test_a_reopened_answer_keeps_its_words_and_takes_more(begun):
    again = replace(CUT, outcome=Outcome.ARRIVING, finish_reason="", failure=None)
    begun.messages.reopen("ann", replace(TALK, updated_at=9.0, params=Params(max_tokens=9)), again)
    assert begun.messages.node("ann", "a") == again
    assert begun.conversations.get("ann", "c") == replace(
        TALK, updated_at=9.0, params=Params(max_tokens=9), revision=1, arriving=True
    )
    whole = replace(again, message=Message("assistant", (TextPart("Because."),)))
    assert begun.messages.checkpoint("ann", whole) is Outcome.ARRIVING
    begun.messages.finish("ann", replace(whole, outcome=Outcome.COMPLETE))
    assert begun.messages.node("ann", "a").message.text == "Because."


def test_reopening_takes_the_failure_away_and_is_a_sign_of_life(begun):
    failed = replace(CUT, outcome=Outcome.FAILED, failure=Failure("overloaded", "Busy", 529, "r", True))
    begun.messages.finish("ann", failed)
    begun.messages.reopen("ann", TALK, replace(failed, outcome=Outcome.ARRIVING, failure=None))
    assert begun.messages.node("ann", "a").failure is None
    assert begun.messages.mark_stale(60) == 0


def test_an_alternative_is_added_beside_the_first_where_the_conversation_still_is(begun):
    other = replace(CUT, id="b", created_at=2.00001, provider_metadata={})
    begun.messages.add("ann", "c", other)
    assert begun.messages.nodes("ann", "c") == [QUESTION, CUT, other]
    assert begun.conversations.get("ann", "c").head_id == "a"
    begun.conversations.delete("ann", ["c"])
    begun.purge_deleted(-1)
    begun.messages.add("ann", "c", replace(other, id="d"))
    assert begun.messages.node("ann", "d") is None


def test_the_branch_to_show_is_kept_and_leaves_the_order_of_the_list(begun):
    begun.messages.save_turn(
        "ann", replace(TALK, id="later", head_id="q2", updated_at=3.0), [replace(QUESTION, id="q2")]
    )
    begun.messages.set_head("ann", "c", "q")
    assert begun.conversations.get("ann", "c") == replace(TALK, head_id="q", revision=1)
    assert [talk.id for talk in begun.conversations.page("ann", 9)] == ["later", "c"]


def test_why_an_answer_failed_comes_back_with_all_that_it_blames(begun):
    failure = Failure("request_refused", "No.", 400, "r", False, ("temperature", "top_p"), 3600.0)
    begun.messages.finish("ann", replace(CUT, outcome=Outcome.FAILED, failure=failure))
    assert begun.messages.node("ann", "a").failure == failure
