"""A process that is told to stop: no new turn begins, running answers end, the rest is kept."""

from __future__ import annotations

import threading
import time

import pytest

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.turn import TurnServices
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from tests.unit.chat.services import WAIT, Scripted, settled, until

TARGET = Target("m", "openai")
DONE = Finish(Outcome.COMPLETE, "stop")


def ask(desk: TurnServices, text: str = "Why?") -> str:
    return turn.ask(desk, "ann", None, text, TARGET, Params()).conversation.id


def shown(desk: TurnServices, conversation: str) -> str:
    answer = desk.generations.find("ann", conversation)
    return answer.wait(-1, 0).node.message.text if answer else ""


def test_no_turn_begins_any_more_and_nothing_is_kept_of_it(store):
    desk = TurnServices(store, gateway := Scripted([TextDelta("Because."), DONE]), GenerationRegistry())
    desk.generations.begin_shutdown()
    with pytest.raises(errors.ShuttingDown):
        ask(desk)
    assert store.conversations.page("ann", 10) == [] and gateway.sent == []
    assert desk.generations.is_shutting_down and desk.generations.drain(WAIT) == 0


def test_an_answer_that_ends_in_time_is_whole(store):
    go = threading.Event()
    desk = TurnServices(
        store, Scripted([TextDelta("Be"), go, TextDelta("cause."), DONE]), GenerationRegistry()
    )
    conversation = ask(desk)
    until(lambda: shown(desk, conversation) == "Be")
    desk.generations.begin_shutdown()
    threading.Timer(0.1, go.set).start()
    assert desk.generations.drain(WAIT) == 0
    last = store.messages.nodes("ann", conversation)[-1]
    assert (last.message.text, last.outcome) == ("Because.", Outcome.COMPLETE)


def test_what_does_not_end_in_time_is_saved_as_interrupted(store):
    never = threading.Event()
    desk = TurnServices(store, Scripted(*[[TextDelta("So far"), never, DONE]] * 3), GenerationRegistry())
    conversations = [ask(desk, f"Why {n}?") for n in range(3)]
    for conversation in conversations:
        until(lambda name=conversation: shown(desk, name) == "So far")
    desk.generations.begin_shutdown()
    assert desk.generations.drain(0.05) == 3
    for conversation in conversations:
        last = settled(desk, conversation)[-1]
        assert (last.message.text, last.outcome) == ("So far", Outcome.INTERRUPTED)
    assert len(desk.generations) == 0


def test_an_answer_stopped_by_its_reader_stays_so(store):
    never = threading.Event()
    desk = TurnServices(store, Scripted([TextDelta("So far"), never]), GenerationRegistry())
    conversation = ask(desk)
    answer = desk.generations.find("ann", conversation)
    until(lambda: shown(desk, conversation) == "So far")
    answer.stop()
    answer.interrupt()
    assert settled(desk, conversation)[-1].outcome is Outcome.STOPPED


def test_a_database_that_is_away_does_not_keep_the_process(store, monkeypatch):
    never = threading.Event()
    desk = TurnServices(store, Scripted([TextDelta("So far"), never]), GenerationRegistry())
    conversation = ask(desk)
    until(lambda: shown(desk, conversation) == "So far")

    def away(*_: object) -> None:
        raise errors.StoreError("away")

    with monkeypatch.context() as patch:
        patch.setattr(store.messages, "finish", away)
        desk.generations.begin_shutdown()
        assert desk.generations.drain(0.0) == 1
    # Back again, the worker that is still there saves the end after all.
    assert settled(desk, conversation)[-1].outcome is Outcome.INTERRUPTED


def test_a_place_that_is_given_up_wakes_who_waits_for_the_end(store):
    answers = GenerationRegistry()
    drained = threading.Thread(target=lambda: answers.drain(WAIT))
    with answers.claim_turn("c"):
        answers.begin_shutdown()
        drained.start()
        time.sleep(0.05)
        assert drained.is_alive()
    drained.join(WAIT)
    assert not drained.is_alive()
