"""Requests that the gateway refused as wrong: never sent again unchanged, by whatever way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.chat.turns import refused_requests, turn
from lib.chat.turns.refused_requests import request_digest, sent_refused_params
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.core.conversation import Outcome
from lib.core.errors import (
    AnswerError,
    ContextTooLong,
    EndpointNotFound,
    InvalidRequest,
    Overloaded,
    RequestTooLarge,
    RequestUnchanged,
)
from lib.core.events import Finish, TextDelta
from lib.core.models import UNKNOWN_CAPABILITIES
from lib.core.params import Params
from lib.core.refused_params import RefusedParam
from lib.core.target import Target
from tests.unit.chat.services import ScriptedGateway, wait_for_path

TARGET = Target("m-one", "openai")
ANSWER = (TextDelta("Yes."), Finish(Outcome.COMPLETE, "stop"))
PARAMS = Params(temperature=0.5)


def refused(error: AnswerError) -> tuple[AnswerError]:
    return (error,)


def ask(services: TurnServices, text: str = "Why tides?", parent_id: str | None = turn.HEAD) -> str:
    conversation = turn.ask(services, "ann", None, text, TARGET, PARAMS, parent_id).conversation
    wait_for_path(services, conversation.id)
    return conversation.id


def build(store, *answers) -> tuple[TurnServices, ScriptedGateway]:
    gateway = ScriptedGateway(*answers)
    return TurnServices(store, gateway, GenerationRegistry()), gateway


@pytest.mark.parametrize("error_class", [InvalidRequest, ContextTooLong, RequestTooLarge, EndpointNotFound])
def test_a_refused_request_is_not_sent_again_unchanged(store, error_class):
    services, gateway = build(store, refused(error_class("no")))
    conversation_id = ask(services)
    (question, answer) = wait_for_path(services, conversation_id)
    for send in (
        lambda: turn.regenerate(services, "ann", conversation_id, TARGET, PARAMS),
        lambda: turn.regenerate(services, "ann", conversation_id, TARGET, PARAMS, question.id),
        lambda: turn.ask(services, "ann", conversation_id, "Why tides?", TARGET, PARAMS, None),
    ):
        with pytest.raises(RequestUnchanged):
            send()
    assert len(gateway.sent) == 1
    assert wait_for_path(services, conversation_id) == [question, answer]


@pytest.mark.parametrize(
    ("target", "params"),
    [
        (TARGET, Params()),
        (TARGET, Params(temperature=0.4)),
        (Target("m-two", "openai"), PARAMS),
        (Target("m-one", "anthropic"), PARAMS),
    ],
)
def test_a_changed_request_is_sent(store, target, params):
    services, gateway = build(store, refused(InvalidRequest("no")), ANSWER)
    conversation_id = ask(services)
    turn.regenerate(services, "ann", conversation_id, target, params)
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.COMPLETE
    assert len(gateway.sent) == 2


def test_an_old_refusal_does_not_count(store, monkeypatch):
    services, gateway = build(store, refused(InvalidRequest("no")), ANSWER)
    conversation_id = ask(services)
    monkeypatch.setattr(refused_requests, "REFUSAL_SECONDS", 0.0)
    turn.regenerate(services, "ann", conversation_id, TARGET, PARAMS)
    wait_for_path(services, conversation_id)
    assert len(gateway.sent) == 2


def test_an_edited_question_is_sent(store):
    services, gateway = build(store, refused(InvalidRequest("no")), ANSWER)
    conversation_id = ask(services)
    turn.ask(services, "ann", conversation_id, "Why no tides?", TARGET, PARAMS, None)
    wait_for_path(services, conversation_id)
    assert len(gateway.sent) == 2


def test_a_failure_that_is_not_of_the_request_can_be_repeated(store):
    services, gateway = build(store, refused(Overloaded("busy")), ANSWER)
    conversation_id = ask(services)
    turn.regenerate(services, "ann", conversation_id, TARGET, PARAMS)
    wait_for_path(services, conversation_id)
    assert len(gateway.sent) == 2


def test_a_refused_continuation_is_not_sent_again_unchanged(store):
    cut = (TextDelta("The moon"), Finish(Outcome.LENGTH, "length"))
    services, gateway = build(store, cut, refused(InvalidRequest("no")), ANSWER)
    conversation_id = ask(services)
    answer_id = wait_for_path(services, conversation_id)[-1].id
    turn.continue_answer(services, "ann", conversation_id, answer_id, PARAMS)
    wait_for_path(services, conversation_id)
    with pytest.raises(RequestUnchanged):
        turn.continue_answer(services, "ann", conversation_id, answer_id, PARAMS)
    assert wait_for_path(services, conversation_id)[-1].message.text == "The moon"
    turn.regenerate(services, "ann", conversation_id, TARGET, PARAMS)  # this one was answered
    wait_for_path(services, conversation_id)
    assert len(gateway.sent) == 3


def test_the_page_can_tell_a_repetition_before_it_is_sent(store):
    services, _ = build(store, refused(InvalidRequest("no")))
    conversation_id = ask(services)
    path = wait_for_path(services, conversation_id)
    conversation = store.conversations.get("ann", conversation_id)

    def repeats(target: Target, params: Params) -> bool:
        return turn.repeats_refusal(conversation, path, target, params, UNKNOWN_CAPABILITIES, ())

    assert repeats(TARGET, PARAMS)
    assert not repeats(TARGET, Params())
    assert not repeats(Target("m-one", "anthropic"), PARAMS)
    assert not turn.repeats_refusal(conversation, path[:1], TARGET, PARAMS, UNKNOWN_CAPABILITIES, ())


def test_a_parameter_that_is_left_out_anyway_is_no_change():
    rule = RefusedParam(TARGET, "temperature")
    digests = {
        request_digest(TARGET, [], params, UNKNOWN_CAPABILITIES, [rule]) for params in (PARAMS, Params(temperature=0.9))
    }
    assert len(digests) == 1
    assert sent_refused_params([rule], TARGET, PARAMS, UNKNOWN_CAPABILITIES) == [rule]
    assert sent_refused_params([rule], TARGET, Params(), UNKNOWN_CAPABILITIES) == []
    assert request_digest(TARGET, [], replace(PARAMS, extra="{"), UNKNOWN_CAPABILITIES, []) == ""
