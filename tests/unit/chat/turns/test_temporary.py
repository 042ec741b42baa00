"""A temporary chat's keeper: to a turn it is like the database, but it keeps nothing when it ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lib.chat.turns import branches, turn
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.turn import TurnServices
from lib.core.conversation import Conversation, Message, Node, Outcome, TextPart, Timing, Truncation, Usage
from lib.core.events import Event, Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.core.usage import UsageRecord, UsageTotal
from tests.unit.chat.services import Counting, Scripted, settled, until

TARGET = Target("m", "openai")


@pytest.fixture(params=["scratch", "store"])
def keeper(request, store):
    """Both keepers, so that each test says the same of them."""
    return TemporaryStore("ann", Counting()) if request.param == "scratch" else store


def said(text: str, outcome: Outcome = Outcome.COMPLETE) -> list[Event]:
    return [TextDelta(text), Finish(outcome, outcome.value)]


def begun(keeper, outcome: Outcome = Outcome.ARRIVING) -> tuple[Conversation, Node, Node]:
    question = Node("q", None, Message("user", (TextPart("Why?"),)), 1.0)
    answer = Node("a", "q", Message("assistant", ()), 2.0, outcome, target=TARGET)
    talk = Conversation("c", "Why?", 2.0, "a", TARGET)
    keeper.messages.save_turn("ann", talk, [question, answer])
    return talk, question, answer


def test_a_whole_conversation_works(keeper):
    waiting = threading.Event()
    gateway = Scripted(
        said("One"),
        said("Another", Outcome.LENGTH),
        said(" one"),
        [TextDelta("Half"), waiting],
    )
    desk = TurnServices(keeper, gateway, GenerationRegistry())
    talk = turn.ask(desk, "ann", None, "First", TARGET, Params()).conversation
    assert [node.message.text for node in settled(desk, talk.id)] == ["First", "One"]
    other = Target("n", "anthropic")
    turn.regenerate(desk, "ann", talk.id, other, Params(temperature=0.5))
    cut = settled(desk, talk.id)[-1]
    assert (cut.message.text, cut.outcome, cut.target) == ("Another", Outcome.LENGTH, other)
    turn.continue_answer(desk, "ann", talk.id, cut.id, Params())
    assert settled(desk, talk.id)[-1].message.text == "Another one"
    known = desk.store.messages.nodes("ann", talk.id)
    assert [node.message.text for node in known if node.parent_id == cut.parent_id] == ["One", "Another one"]
    branches.show_branch(desk, "ann", talk.id, known[1].id)
    assert desk.store.conversations.get("ann", talk.id).head_id == known[1].id
    turn.ask(desk, "ann", talk.id, "Second", TARGET, Params())
    answer = desk.generations.find("ann", talk.id)
    until(lambda: answer.wait(-1, 0).node.message.text == "Half")
    answer.stop()
    path = settled(desk, talk.id)
    assert [node.message.text for node in path] == ["First", "One", "Second", "Half"]
    assert path[-1].outcome is Outcome.STOPPED
    assert [message.text for message in gateway.sent[-1][1]] == ["First", "One", "Second"]
    kept = desk.store.conversations.get("ann", talk.id)
    assert (kept.title, kept.target, kept.params) == ("First", TARGET, Params())


def test_what_is_kept_is_what_was_given(keeper):
    talk, question, answer = begun(keeper)
    assert keeper.messages.nodes("ann", "c") == [question, answer]
    assert keeper.messages.node("ann", "q") == question
    kept = keeper.conversations.get("ann", "c")
    assert (kept.head_id, kept.target, kept.updated_at) == ("a", TARGET, 2.0)
    grown = replace(
        answer,
        message=Message("assistant", (TextPart("So"),)),
        finish_reason="stop",
        provider_metadata={"id": "x"},
    )
    assert keeper.messages.checkpoint("ann", grown) is Outcome.ARRIVING
    assert keeper.messages.node("ann", "a") == grown
    ended = replace(grown, outcome=Outcome.COMPLETE, request_id="r")
    keeper.messages.finish("ann", ended)
    assert keeper.messages.node("ann", "a") == ended
    assert keeper.messages.checkpoint("ann", grown) is Outcome.COMPLETE
    keeper.messages.reopen("ann", replace(talk, updated_at=3.0), replace(ended, outcome=Outcome.ARRIVING))
    assert keeper.messages.node("ann", "a").arriving
    assert keeper.conversations.get("ann", "c").updated_at == 3.0
    keeper.messages.mark_stopped("ann", "a")
    keeper.messages.mark_stopped("ann", "q")
    assert [node.outcome for node in keeper.messages.nodes("ann", "c")] == [Outcome.COMPLETE, Outcome.STOPPED]
    twin = replace(ended, id="b", created_at=3.0)
    keeper.messages.add("ann", "c", twin)
    keeper.messages.add("ann", "c", replace(twin, finish_reason="again"))
    keeper.messages.add("ann", "no such", replace(twin, id="d"))
    assert keeper.messages.nodes("ann", "c")[2:] == [twin]
    keeper.messages.set_head("ann", "c", "b")
    keeper.conversations.set_params("ann", "c", Params(top_p=0.5))
    kept = keeper.conversations.get("ann", "c")
    assert (kept.head_id, kept.params) == ("b", Params(top_p=0.5))


def test_anothers_is_not_there(keeper):
    talk, question, answer = begun(keeper)
    before = keeper.conversations.get("ann", "c")
    stolen = replace(answer, message=Message("assistant", (TextPart("Mine"),)), outcome=Outcome.COMPLETE)
    keeper.messages.save_turn("ben", replace(talk, head_id="q"), [])
    keeper.messages.reopen("ben", replace(talk, head_id="q"), stolen)
    keeper.messages.add("ben", "c", replace(stolen, id="e"))
    keeper.messages.set_head("ben", "c", "q")
    keeper.conversations.set_params("ben", "c", Params(top_p=0.5))
    keeper.messages.finish("ben", stolen)
    keeper.messages.mark_stopped("ben", "a")
    assert keeper.messages.checkpoint("ben", stolen) is None
    assert keeper.conversations.get("ben", "c") is None
    assert keeper.messages.node("ben", "a") is None
    assert keeper.messages.nodes("ben", "c") == []
    assert keeper.messages.nodes("ann", "c") == [question, answer]
    assert keeper.conversations.get("ann", "c") == before


def test_an_answer_that_nobody_produces_is_interrupted(keeper):
    begun(keeper)
    assert keeper.messages.mark_stale(STALE_AFTER) == 0
    assert keeper.messages.mark_stale(-1.0) == 1
    assert keeper.messages.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_what_is_forgotten_ends_the_answer_that_arrives():
    scratch, waiting = TemporaryStore("ann", Counting()), threading.Event()
    desk = TurnServices(scratch, Scripted([TextDelta("Half"), waiting]), GenerationRegistry())
    assert scratch.current_conversation_id is None
    talk = turn.ask(desk, "ann", None, "Why?", TARGET, Params()).conversation
    assert scratch.current_conversation_id == talk.id
    scratch.clear()
    until(lambda: desk.generations.find("ann", talk.id) is None)
    assert scratch.current_conversation_id is None
    assert scratch.conversations.get("ann", talk.id) is None
    assert scratch.messages.nodes("ann", talk.id) == []


def test_a_window_and_hidden_nodes_are_kept():
    scratch = TemporaryStore("ann", Counting())
    _, question, answer = begun(scratch)
    scratch.conversations.set_truncation("ann", "c", Truncation("a", "They asked why."))
    assert scratch.conversations.get("ann", "c").truncation == Truncation("a", "They asked why.")
    rev = scratch.conversations.get("ann", "c").revision
    scratch.messages.soft_delete("ben", "c", ["q", "a"], 5.0)
    scratch.messages.soft_delete("ann", "other", ["q"], 5.0)
    assert scratch.messages.nodes("ann", "c") == [question, answer]
    scratch.messages.soft_delete("ann", "c", ["q", "a", "no such"], 5.0)
    assert [node.deleted_at for node in scratch.messages.nodes("ann", "c")] == [5.0, 5.0]
    scratch.messages.soft_delete("ann", "c", ["q", "a"], None)
    assert scratch.messages.nodes("ann", "c") == [question, answer]
    assert scratch.conversations.get("ann", "c").revision == rev + 2


def test_a_title_of_a_models_takes_the_place_of_the_question_only():
    scratch = TemporaryStore("ann", Counting())
    begun(scratch)
    scratch.conversations.set_generated_title("ben", "c", "Not his")
    assert scratch.conversations.get("ann", "c").title == "Why?"
    scratch.conversations.set_generated_title("ann", "c", "On reasons")
    scratch.conversations.set_generated_title("ann", "c", "Once more")
    kept = scratch.conversations.get("ann", "c")
    assert (kept.title, kept.title_source) == ("On reasons", "model")


def test_what_it_takes_is_counted_without_a_trace_of_the_chat():
    book = Counting()
    scratch = TemporaryStore("ann", book)
    begun(scratch)
    before = (scratch.conversations.get("ann", "c"), scratch.messages.nodes("ann", "c"))
    usage = Usage(1, 2)
    spend = UsageRecord("s", "c", "answer", TARGET, usage, Timing(), Outcome.COMPLETE, "r", 3.0, "a", cost=5)
    scratch.usage.record("ann", spend)
    scratch.usage.record("ann", spend)
    assert (scratch.conversations.get("ann", "c"), scratch.messages.nodes("ann", "c")) == before
    traceless = replace(spend, conversation_id=None, node_id=None, request_id="")
    assert book.spends == [("ann", traceless)] * 2  # of one id, so that a store takes the first alone
    assert scratch.usage.totals_by_answer("ann", "c") == {"a": UsageTotal(1, 0, 0, 5, usage)}
    assert scratch.usage.totals_by_answer("ann", "other") == scratch.usage.totals_by_answer("bob", "c") == {}
    scratch.clear()
    scratch.usage.record("ann", replace(spend, id="late"))
    assert len(book.spends) == 3
    assert scratch.usage.totals_by_answer("ann", "c") == {}


def test_many_threads_may_keep_at_once():
    scratch = TemporaryStore("ann", Counting())
    _, _, answer = begun(scratch)

    def work(number: int) -> None:
        for step in range(200):
            scratch.messages.add("ann", "c", replace(answer, id=f"{number}-{step}"))
            scratch.messages.checkpoint("ann", replace(answer, finish_reason=f"{number}-{step}"))
            scratch.messages.nodes("ann", "c")
            scratch.messages.mark_stale(STALE_AFTER)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [None] * 8
    assert len(scratch.messages.nodes("ann", "c")) == 2 + 8 * 200
