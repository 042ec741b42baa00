"""A temporary chat's keeper: to a turn it is like the database, but it keeps nothing when it ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lib.chat.turns import branches, turn
from lib.chat.turns.generation import STALE_AFTER
from lib.chat.turns.registry import Answers
from lib.chat.turns.temporary import Scratch
from lib.chat.turns.turn import Desk
from lib.core.conversation import Conversation, Message, Node, Outcome, Text, Timing, Usage, Window
from lib.core.params import Params
from lib.core.reply import Event, Finish, TextDelta
from lib.core.target import Target
from lib.core.usage import Spend, Spent
from tests.unit.chat.services import Counting, Scripted, settled, until

TARGET = Target("m", "openai")


@pytest.fixture(params=["scratch", "store"])
def keeper(request, store):
    """Both keepers, so that each test says the same of them."""
    return Scratch("ann", Counting()) if request.param == "scratch" else store


def said(text: str, outcome: Outcome = Outcome.COMPLETE) -> list[Event]:
    return [TextDelta(text), Finish(outcome, outcome.value)]


def begun(keeper, outcome: Outcome = Outcome.ARRIVING) -> tuple[Conversation, Node, Node]:
    question = Node("q", None, Message("user", (Text("Why?"),)), 1.0)
    answer = Node("a", "q", Message("assistant", ()), 2.0, outcome, target=TARGET)
    talk = Conversation("c", "Why?", 2.0, "a", TARGET)
    keeper.begin("ann", talk, [question, answer])
    return talk, question, answer


def test_a_whole_conversation_works(keeper):
    waiting = threading.Event()
    gateway = Scripted(
        said("One"),
        said("Another", Outcome.LENGTH),
        said(" one"),
        [TextDelta("Half"), waiting],
    )
    desk = Desk(keeper, gateway, Answers())
    talk = turn.ask(desk, "ann", None, "First", TARGET, Params()).conversation
    assert [node.message.text for node in settled(desk, talk.id)] == ["First", "One"]
    other = Target("n", "anthropic")
    turn.retry(desk, "ann", talk.id, other, Params(temperature=0.5))
    cut = settled(desk, talk.id)[-1]
    assert (cut.message.text, cut.outcome, cut.target) == ("Another", Outcome.LENGTH, other)
    turn.go_on(desk, "ann", talk.id, cut.id, Params())
    assert settled(desk, talk.id)[-1].message.text == "Another one"
    known = desk.store.nodes("ann", talk.id)
    assert [node.message.text for node in known if node.parent == cut.parent] == ["One", "Another one"]
    branches.show(desk, "ann", talk.id, known[1].id)
    assert desk.store.conversation("ann", talk.id).head == known[1].id
    turn.ask(desk, "ann", talk.id, "Second", TARGET, Params())
    answer = desk.answers.find("ann", talk.id)
    until(lambda: answer.wait(-1, 0).node.message.text == "Half")
    answer.stop()
    path = settled(desk, talk.id)
    assert [node.message.text for node in path] == ["First", "One", "Second", "Half"]
    assert path[-1].outcome is Outcome.STOPPED
    assert [message.text for message in gateway.sent[-1][1]] == ["First", "One", "Second"]
    kept = desk.store.conversation("ann", talk.id)
    assert (kept.title, kept.target, kept.params) == ("First", TARGET, Params())


def test_what_is_kept_is_what_was_given(keeper):
    talk, question, answer = begun(keeper)
    assert keeper.nodes("ann", "c") == [question, answer]
    assert keeper.node("ann", "q") == question
    kept = keeper.conversation("ann", "c")
    assert (kept.head, kept.target, kept.updated) == ("a", TARGET, 2.0)
    grown = replace(answer, message=Message("assistant", (Text("So"),)), reason="stop", served={"id": "x"})
    assert keeper.checkpoint("ann", grown) is Outcome.ARRIVING
    assert keeper.node("ann", "a") == grown
    ended = replace(grown, outcome=Outcome.COMPLETE, request_id="r")
    keeper.settle("ann", ended)
    assert keeper.node("ann", "a") == ended
    assert keeper.checkpoint("ann", grown) is Outcome.COMPLETE
    keeper.reopen("ann", replace(talk, updated=3.0), replace(ended, outcome=Outcome.ARRIVING))
    assert keeper.node("ann", "a").arriving
    assert keeper.conversation("ann", "c").updated == 3.0
    keeper.stop("ann", "a")
    keeper.stop("ann", "q")
    assert [node.outcome for node in keeper.nodes("ann", "c")] == [Outcome.COMPLETE, Outcome.STOPPED]
    twin = replace(ended, id="b", created=3.0)
    keeper.add("ann", "c", twin)
    keeper.add("ann", "c", replace(twin, reason="again"))
    keeper.add("ann", "no such", replace(twin, id="d"))
    assert keeper.nodes("ann", "c")[2:] == [twin]
    keeper.show("ann", "c", "b")
    keeper.set_params("ann", "c", Params(top_p=0.5))
    kept = keeper.conversation("ann", "c")
    assert (kept.head, kept.params) == ("b", Params(top_p=0.5))


def test_anothers_is_not_there(keeper):
    talk, question, answer = begun(keeper)
    before = keeper.conversation("ann", "c")
    stolen = replace(answer, message=Message("assistant", (Text("Mine"),)), outcome=Outcome.COMPLETE)
    keeper.begin("ben", replace(talk, head="q"), [])
    keeper.reopen("ben", replace(talk, head="q"), stolen)
    keeper.add("ben", "c", replace(stolen, id="e"))
    keeper.show("ben", "c", "q")
    keeper.set_params("ben", "c", Params(top_p=0.5))
    keeper.settle("ben", stolen)
    keeper.stop("ben", "a")
    assert keeper.checkpoint("ben", stolen) is None
    assert keeper.conversation("ben", "c") is None
    assert keeper.node("ben", "a") is None
    assert keeper.nodes("ben", "c") == []
    assert keeper.nodes("ann", "c") == [question, answer]
    assert keeper.conversation("ann", "c") == before


def test_an_answer_that_nobody_produces_is_interrupted(keeper):
    begun(keeper)
    assert keeper.sweep(STALE_AFTER) == 0
    assert keeper.sweep(-1.0) == 1
    assert keeper.node("ann", "a").outcome is Outcome.INTERRUPTED


def test_what_is_forgotten_ends_the_answer_that_arrives():
    scratch, waiting = Scratch("ann", Counting()), threading.Event()
    desk = Desk(scratch, Scripted([TextDelta("Half"), waiting]), Answers())
    assert scratch.current is None
    talk = turn.ask(desk, "ann", None, "Why?", TARGET, Params()).conversation
    assert scratch.current == talk.id
    scratch.forget()
    until(lambda: desk.answers.find("ann", talk.id) is None)
    assert scratch.current is None
    assert scratch.conversation("ann", talk.id) is None
    assert scratch.nodes("ann", talk.id) == []


def test_a_window_and_hidden_nodes_are_kept():
    scratch = Scratch("ann", Counting())
    _, question, answer = begun(scratch)
    scratch.keep_window("ann", "c", Window("a", "They asked why."))
    assert scratch.conversation("ann", "c").window == Window("a", "They asked why.")
    rev = scratch.conversation("ann", "c").rev
    scratch.hide("ben", "c", ["q", "a"], 5.0)
    scratch.hide("ann", "other", ["q"], 5.0)
    assert scratch.nodes("ann", "c") == [question, answer]
    scratch.hide("ann", "c", ["q", "a", "no such"], 5.0)
    assert [node.deleted for node in scratch.nodes("ann", "c")] == [5.0, 5.0]
    scratch.hide("ann", "c", ["q", "a"], None)
    assert scratch.nodes("ann", "c") == [question, answer]
    assert scratch.conversation("ann", "c").rev == rev + 2


def test_a_title_of_a_models_takes_the_place_of_the_question_only():
    scratch = Scratch("ann", Counting())
    begun(scratch)
    scratch.entitle("ben", "c", "Not his")
    assert scratch.conversation("ann", "c").title == "Why?"
    scratch.entitle("ann", "c", "On reasons")
    scratch.entitle("ann", "c", "Once more")
    kept = scratch.conversation("ann", "c")
    assert (kept.title, kept.titled) == ("On reasons", "model")


def test_what_it_takes_is_counted_without_a_trace_of_the_chat():
    book = Counting()
    scratch = Scratch("ann", book)
    begun(scratch)
    before = (scratch.conversation("ann", "c"), scratch.nodes("ann", "c"))
    usage = Usage(1, 2)
    spend = Spend("s", "c", "answer", TARGET, usage, Timing(), Outcome.COMPLETE, "r", 3.0, "a", cost=5)
    scratch.spend("ann", spend)
    scratch.spend("ann", spend)
    assert (scratch.conversation("ann", "c"), scratch.nodes("ann", "c")) == before
    traceless = replace(spend, conversation=None, node=None, request_id="")
    assert book.spends == [("ann", traceless)] * 2  # of one id, so that a store takes the first alone
    assert scratch.sums("ann", "c") == {"a": Spent(1, 0, 0, 5, usage)}
    assert scratch.sums("ann", "other") == scratch.sums("bob", "c") == {}
    scratch.forget()
    scratch.spend("ann", replace(spend, id="late"))
    assert len(book.spends) == 3
    assert scratch.sums("ann", "c") == {}


def test_many_threads_may_keep_at_once():
    scratch = Scratch("ann", Counting())
    _, _, answer = begun(scratch)

    def work(number: int) -> None:
        for step in range(200):
            scratch.add("ann", "c", replace(answer, id=f"{number}-{step}"))
            scratch.checkpoint("ann", replace(answer, reason=f"{number}-{step}"))
            scratch.nodes("ann", "c")
            scratch.sweep(STALE_AFTER)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [None] * 8
    assert len(scratch.nodes("ann", "c")) == 2 + 8 * 200
