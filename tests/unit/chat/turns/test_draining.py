"""Shutdown: no new turn starts, running answers finish or are saved as interrupted."""

from __future__ import annotations

import threading
import time

import pytest

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from tests.unit.chat.services import WAIT, ScriptedGateway, wait_for_path, wait_until

TARGET = Target("m", "openai")
DONE = Finish(Outcome.COMPLETE, "stop")


def ask(services: TurnServices, text: str = "Why?") -> str:
    return turn.ask(services, "ann", None, text, TARGET, Params()).conversation.id


def current_text(services: TurnServices, conversation_id: str) -> str:
    answer = services.generations.find("ann", conversation_id)
    return answer.wait(-1, 0).node.message.text if answer else ""


def test_no_turn_starts_during_shutdown(store):
    services = TurnServices(store, gateway := ScriptedGateway([TextDelta("Because."), DONE]), GenerationRegistry())
    services.generations.begin_shutdown()
    with pytest.raises(errors.ShuttingDown):
        ask(services)
    assert store.conversations.page("ann", 10) == [] and gateway.sent == []
    assert services.generations.is_shutting_down and services.generations.drain(WAIT) == 0


def test_an_answer_that_finishes_in_time_is_complete(store):
    release = threading.Event()
    services = TurnServices(
        store, ScriptedGateway([TextDelta("Be"), release, TextDelta("cause."), DONE]), GenerationRegistry()
    )
    conversation_id = ask(services)
    wait_until(lambda: current_text(services, conversation_id) == "Be")
    services.generations.begin_shutdown()
    threading.Timer(0.1, release.set).start()
    assert services.generations.drain(WAIT) == 0
    node = store.messages.nodes("ann", conversation_id)[-1]
    assert (node.message.text, node.outcome) == ("Because.", Outcome.COMPLETE)


def test_an_unfinished_answer_is_saved_as_interrupted(store):
    endless = threading.Event()
    services = TurnServices(store, ScriptedGateway(*[[TextDelta("So far"), endless, DONE]] * 3), GenerationRegistry())
    conversation_ids = [ask(services, f"Why {n}?") for n in range(3)]
    for conversation_id in conversation_ids:
        wait_until(lambda name=conversation_id: current_text(services, name) == "So far")
    services.generations.begin_shutdown()
    assert services.generations.drain(0.05) == 3
    for conversation_id in conversation_ids:
        node = wait_for_path(services, conversation_id)[-1]
        assert (node.message.text, node.outcome) == ("So far", Outcome.INTERRUPTED)
    assert len(services.generations) == 0


def test_an_answer_stopped_by_the_user_stays_stopped(store):
    endless = threading.Event()
    services = TurnServices(store, ScriptedGateway([TextDelta("So far"), endless]), GenerationRegistry())
    conversation_id = ask(services)
    answer = services.generations.find("ann", conversation_id)
    wait_until(lambda: current_text(services, conversation_id) == "So far")
    answer.stop()
    answer.interrupt()
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.STOPPED


def test_an_unavailable_database_does_not_block_shutdown(store, monkeypatch):
    endless = threading.Event()
    services = TurnServices(store, ScriptedGateway([TextDelta("So far"), endless]), GenerationRegistry())
    conversation_id = ask(services)
    wait_until(lambda: current_text(services, conversation_id) == "So far")

    def refuse(*_: object) -> None:
        raise errors.StoreError("unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(store.messages, "finish", refuse)
        services.generations.begin_shutdown()
        assert services.generations.drain(0.0) == 1
    # The worker saves the outcome once the database is available again.
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.INTERRUPTED


def test_releasing_a_claim_wakes_the_draining_thread(store):
    registry = GenerationRegistry()
    drain_thread = threading.Thread(target=lambda: registry.drain(WAIT))
    with registry.claim_turn("c"):
        registry.begin_shutdown()
        drain_thread.start()
        time.sleep(0.05)
        assert drain_thread.is_alive()
    drain_thread.join(WAIT)
    assert not drain_thread.is_alive()
