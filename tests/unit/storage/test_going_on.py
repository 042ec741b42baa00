"""An answer that arrives again, alternatives that come later, a branch that is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.core.conversation import Conversation, Failure, Message, Node, Outcome, Text, Timing, Usage
from lib.core.params import Params
from lib.core.target import Target

TARGET = Target("claude-x", "anthropic")
QUESTION = Node("q", None, Message("user", (Text("Why?"),)), 1.0)
CUT = Node(
    "a",
    "q",
    Message("assistant", (Text("Bec"),)),
    2.0,
    Outcome.LENGTH,
    reason="max_tokens",
    target=TARGET,
    usage=Usage(4, 2),
    timing=Timing(0.5, 0.5, 1.0),
    served={"id": "msg_1", "usage": {"output_tokens": 2, "more": [1, {"deep": None}]}},
)
TALK = Conversation("c", "Why?", 2.0, "a", TARGET, created=2.0, unread=True)


@pytest.fixture
def begun(store):
    store.begin("ann", TALK, [QUESTION, replace(CUT, outcome=Outcome.ARRIVING)])
    store.settle("ann", CUT)
    return store


def test_a_reopened_answer_keeps_its_words_and_takes_more(begun):
    again = replace(CUT, outcome=Outcome.ARRIVING, reason="", failure=None)
    begun.reopen("ann", replace(TALK, updated=9.0, params=Params(max_tokens=9)), again)
    assert begun.node("ann", "a") == again
    assert begun.conversation("ann", "c") == replace(
        TALK, updated=9.0, params=Params(max_tokens=9), rev=1, arriving=True
    )
    whole = replace(again, message=Message("assistant", (Text("Because."),)))
    assert begun.checkpoint("ann", whole) is Outcome.ARRIVING
    begun.settle("ann", replace(whole, outcome=Outcome.COMPLETE))
    assert begun.node("ann", "a").message.text == "Because."


def test_reopening_takes_the_failure_away_and_is_a_sign_of_life(begun):
    failed = replace(CUT, outcome=Outcome.FAILED, failure=Failure("overloaded", "Busy", 529, "r", True))
    begun.settle("ann", failed)
    begun.reopen("ann", TALK, replace(failed, outcome=Outcome.ARRIVING, failure=None))
    assert begun.node("ann", "a").failure is None
    assert begun.sweep(60) == 0


def test_an_alternative_is_added_beside_the_first_where_the_conversation_still_is(begun):
    other = replace(CUT, id="b", created=2.00001, served={})
    begun.add("ann", "c", other)
    assert begun.nodes("ann", "c") == [QUESTION, CUT, other]
    assert begun.conversation("ann", "c").head == "a"
    begun.delete("ann", ["c"])
    begun.purge(-1)
    begun.add("ann", "c", replace(other, id="d"))
    assert begun.node("ann", "d") is None


def test_the_branch_to_show_is_kept_and_leaves_the_order_of_the_list(begun):
    begun.begin("ann", replace(TALK, id="later", head="q2", updated=3.0), [replace(QUESTION, id="q2")])
    begun.show("ann", "c", "q")
    assert begun.conversation("ann", "c") == replace(TALK, head="q", rev=1)
    assert [talk.id for talk in begun.conversations("ann", 9)] == ["later", "c"]


def test_why_an_answer_failed_comes_back_with_all_that_it_blames(begun):
    failure = Failure("request_refused", "No.", 400, "r", False, ("temperature", "top_p"), 3600.0)
    begun.settle("ann", replace(CUT, outcome=Outcome.FAILED, failure=failure))
    assert begun.node("ann", "a").failure == failure
