"""Maximums that the operator sets: running answers of a user, and the length of an answer."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.core import errors
from lib.core.conversation import ANSWER_LIMIT, Outcome
from lib.core.events import Finish, TextDelta
from lib.core.params import Params
from lib.core.target import Target
from tests.unit.chat.services import ScriptedGateway, wait_for_path, wait_until

TARGET, DONE = Target("m", "openai"), Finish(Outcome.COMPLETE, "stop")


def test_a_user_has_a_maximum_of_running_answers(store):
    release = threading.Event()
    answers = [[TextDelta("So far"), release, DONE] for _ in range(4)]
    services = replace(
        TurnServices(store, gateway := ScriptedGateway(*answers), GenerationRegistry()), max_running_answers=2
    )
    first, _ = (turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id for _ in range(2))
    before = len(store.conversations.page("ann", 9))
    with pytest.raises(errors.TooManyAnswers):
        turn.ask(services, "ann", None, "And this?", TARGET, Params())
    assert (len(gateway.sent), len(store.conversations.page("ann", 9))) == (2, before)
    # Another user is not affected, and neither is this one afterwards.
    turn.ask(services, "bob", None, "Why?", TARGET, Params())
    release.set()
    wait_for_path(services, first)
    wait_until(lambda: not len(services.generations))
    turn.ask(services, "ann", None, "And this?", TARGET, Params())
    wait_until(lambda: not len(services.generations))
    assert len(gateway.sent) == 4


def test_the_maximum_of_running_answers_is_that_of_all_processes(store):
    """Two registries on one database stand for two replicas."""
    release = threading.Event()
    gateway = ScriptedGateway([TextDelta("Cut"), Finish(Outcome.LENGTH, "length")])
    replicas = [replace(TurnServices(store, gateway, GenerationRegistry()), max_running_answers=2) for _ in range(2)]
    cut = turn.ask(replicas[0], "ann", None, "Why?", TARGET, Params()).conversation.id
    answer = wait_for_path(replicas[0], cut)[-1]
    wait_until(lambda: not len(replicas[0].generations))
    gateway = ScriptedGateway(*([TextDelta("So far"), release, DONE] for _ in range(3)))
    replicas = [replace(services, gateway=gateway) for services in replicas]
    for services in replicas:
        turn.ask(services, "ann", None, "Why?", TARGET, Params())
    for services in replicas:
        with pytest.raises(errors.TooManyAnswers):
            turn.ask(services, "ann", None, "And this?", TARGET, Params())
        with pytest.raises(errors.TooManyAnswers):
            turn.continue_answer(services, "ann", cut, answer.id, Params())
    assert (len(gateway.sent), store.messages.node("ann", answer.id).outcome) == (2, Outcome.LENGTH)
    release.set()
    wait_until(lambda: not any(len(services.generations) for services in replicas))
    turn.ask(replicas[1], "ann", None, "And this?", TARGET, Params())
    wait_until(lambda: not len(replicas[1].generations))


def test_an_answer_that_reached_the_servers_maximum_is_not_continued(store):
    cut = [TextDelta("So far"), Finish(Outcome.LENGTH, ANSWER_LIMIT)]
    services = TurnServices(store, ScriptedGateway(cut), GenerationRegistry())
    conversation_id = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id
    answer = wait_for_path(services, conversation_id)[-1]
    assert (answer.outcome, answer.message.text) == (Outcome.LENGTH, "So far")
    assert not turn.can_continue(answer)
    assert turn.can_continue(replace(answer, finish_reason="length"))
