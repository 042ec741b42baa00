"""Maximums that the operator sets: running answers of a user, and the length of an answer."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.turn import TurnServices
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


def test_an_answer_that_reached_the_servers_maximum_is_not_continued(store):
    cut = [TextDelta("So far"), Finish(Outcome.LENGTH, ANSWER_LIMIT)]
    services = TurnServices(store, ScriptedGateway(cut), GenerationRegistry())
    conversation_id = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id
    answer = wait_for_path(services, conversation_id)[-1]
    assert (answer.outcome, answer.message.text) == (Outcome.LENGTH, "So far")
    assert not turn.can_continue(answer)
    assert turn.can_continue(replace(answer, finish_reason="length"))
