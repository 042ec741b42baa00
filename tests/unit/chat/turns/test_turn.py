"""Turns on both wires with the demo gateway and a real store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.turn import title_from_question
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import wait_for_path


@pytest.fixture(scope="module")
def gateway():
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    yield client
    client.close()
    server.close()


@pytest.fixture
def services(store, gateway):
    return TurnServices(store, gateway, GenerationRegistry())


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_second_turn_sends_the_complete_path(services, wire):
    target = Target("demo-tour", wire)
    conversation = turn.ask(services, "ann", None, "First thing", target, Params()).conversation
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE
    turn.ask(services, "ann", conversation.id, "Second thing", target, Params(system="Be kind."))
    path = wait_for_path(services, conversation.id)
    assert [node.message.role for node in path] == ["user", "assistant"] * 2
    assert "First thing" in path[-1].message.text
    assert "Be kind." in path[-1].message.text
    assert path[-1].target == target
    assert path[-1].usage.output


def test_model_and_wire_can_change_between_turns(services):
    conversation = turn.ask(services, "ann", None, "One", Target("demo-thinker", "anthropic"), Params()).conversation
    first = wait_for_path(services, conversation.id)[-1]
    turn.ask(services, "ann", conversation.id, "Two", Target("demo-tour", "openai"), Params())
    second = wait_for_path(services, conversation.id)[-1]
    assert first.message.thinking
    assert "One" in second.message.text
    assert (first.target.model, second.target.model) == ("demo-thinker", "demo-tour")
    assert services.store.conversations.get("ann", conversation.id).target == Target("demo-tour", "openai")


def test_question_and_answer_are_saved_before_the_request_is_sent(services, store):
    outcomes: list[list[Outcome]] = []

    class ObservingGateway:
        def stream(self, *_):
            conversation = store.conversations.page("ann", 1)[0]
            outcomes.append([node.outcome for node in store.messages.nodes("ann", conversation.id)])
            return iter(())

    conversation = turn.ask(
        TurnServices(store, ObservingGateway(), services.generations),
        "ann",
        None,
        "Why?",
        Target("m", "openai"),
        Params(),
    ).conversation
    wait_for_path(services, conversation.id)
    assert outcomes == [[Outcome.COMPLETE, Outcome.ARRIVING]]


def test_a_second_question_is_refused_while_an_answer_is_running(services):
    conversation = turn.ask(services, "ann", None, "Go", Target("demo-silent", "openai"), Params()).conversation
    with pytest.raises(errors.TurnInProgress):
        turn.ask(services, "ann", conversation.id, "Again", Target("demo-tour", "openai"), Params())
    services.generations.find("ann", conversation.id).stop()
    path = wait_for_path(services, conversation.id)
    assert [node.outcome for node in path] == [Outcome.COMPLETE, Outcome.STOPPED]


def test_regenerating_adds_an_answer_and_preserves_the_first(services):
    conversation = turn.ask(services, "ann", None, "Why?", Target("demo-errors", "openai"), Params()).conversation
    failed = wait_for_path(services, conversation.id)[-1]
    assert failed.outcome is Outcome.FAILED
    assert failed.message.text
    turn.regenerate(services, "ann", conversation.id, Target("demo-tour", "anthropic"), Params())
    path = wait_for_path(services, conversation.id)
    assert [node.outcome for node in path] == [Outcome.COMPLETE, Outcome.COMPLETE]
    assert path[-1].parent_id == failed.parent_id
    assert failed in services.store.messages.nodes("ann", conversation.id)


def test_a_question_that_is_submitted_again_is_stored_and_sent_once(services):
    key, silent = "f" * 32, Target("demo-silent", "openai")
    conversation = turn.ask(services, "ann", None, "Go", silent, Params(), idempotency_key=key).conversation
    # In a new chat as at first, and in the one that it started, while its answer is running and after it.
    for conversation_id in (None, conversation.id):
        with pytest.raises(errors.DuplicateSubmission) as error:
            turn.ask(services, "ann", conversation_id, "Go", silent, Params(), idempotency_key=key)
        assert error.value.conversation_id == conversation.id
    services.generations.find("ann", conversation.id).stop()
    wait_for_path(services, conversation.id)
    with pytest.raises(errors.DuplicateSubmission):
        turn.ask(services, "ann", conversation.id, "Go", silent, Params(), idempotency_key=key)
    assert len(services.store.conversations.page("ann", 9)) == 1
    assert len(services.store.messages.nodes("ann", conversation.id)) == 2


def test_nothing_is_sent_for_a_question_that_another_replica_stores_meanwhile(services, monkeypatch):
    def refuse(*_):
        raise errors.DuplicateSubmission("elsewhere")

    monkeypatch.setattr(services.store.messages, "save_turn", refuse)
    monkeypatch.setattr(services.gateway, "stream", lambda *_: pytest.fail("sent"))
    with pytest.raises(errors.DuplicateSubmission):
        turn.ask(services, "ann", None, "Why?", Target("demo-tour", "openai"), Params(), idempotency_key="f" * 32)
    assert len(services.generations) == 0


def test_nothing_is_sent_when_the_turn_cannot_be_saved(services, monkeypatch):
    def refuse(*_):
        raise errors.StoreError("disk full")

    monkeypatch.setattr(services.store.messages, "save_turn", refuse)
    monkeypatch.setattr(services.gateway, "stream", lambda *_: pytest.fail("sent"))
    with pytest.raises(errors.StoreError):
        turn.ask(services, "ann", None, "Why?", Target("demo-tour", "openai"), Params())
    monkeypatch.undo()
    conversation = turn.ask(services, "ann", None, "Why?", Target("demo-tour", "openai"), Params()).conversation
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE


def test_a_foreign_conversation_cannot_be_continued(services):
    conversation = turn.ask(services, "ann", None, "Mine", Target("demo-tour", "openai"), Params()).conversation
    wait_for_path(services, conversation.id)
    with pytest.raises(errors.ConversationNotFound):
        turn.ask(services, "bob", conversation.id, "Hello", Target("demo-tour", "openai"), Params())
    with pytest.raises(errors.ConversationNotFound):
        turn.regenerate(services, "bob", conversation.id, Target("demo-tour", "openai"), Params())
    assert services.store.conversations.page("bob", 9) == []
    assert len(wait_for_path(services, conversation.id)) == 2


def test_a_deleted_conversation_cannot_be_continued(services):
    conversation = turn.ask(services, "ann", None, "Mine", Target("demo-tour", "openai"), Params()).conversation
    wait_for_path(services, conversation.id)
    services.store.conversations.delete("ann", [conversation.id])
    with pytest.raises(errors.ConversationNotFound):
        turn.ask(services, "ann", conversation.id, "Hello", Target("demo-tour", "openai"), Params())
    assert services.store.conversations.page("ann", 9) == []


def test_a_stale_answer_is_interrupted_before_the_next_question(services, monkeypatch):
    conversation = turn.ask(services, "ann", None, "One", Target("demo-tour", "openai"), Params()).conversation
    lost_answer = replace(wait_for_path(services, conversation.id)[-1], id="lost", outcome=Outcome.ARRIVING)
    services.store.messages.save_turn("ann", replace(conversation, head_id="lost"), [lost_answer])
    with pytest.raises(errors.TurnInProgress):
        turn.ask(services, "ann", conversation.id, "Two", Target("demo-tour", "openai"), Params())
    monkeypatch.setattr(turn, "STALE_AFTER", -1.0)
    turn.ask(services, "ann", conversation.id, "Two", Target("demo-tour", "openai"), Params())
    path = wait_for_path(services, conversation.id)
    assert [node.outcome for node in path][1] is Outcome.INTERRUPTED


TITLES = {
    "Why is the sky blue?": "Why is the sky blue?",
    "  Two\n\nlines\tand blanks ": "Two lines and blanks",
    "word " * 30: "word word word word word word word word word word word…",
    "天" * 80: "天" * 59 + "…",
    "half \ud83d a letter": "half � a letter",
}


@pytest.mark.parametrize("question", TITLES)
def test_the_initial_title_is_one_line_of_the_question(question):
    assert title_from_question(question) == TITLES[question]


def test_a_question_beyond_the_context_window_is_refused_unless_overflow_is_allowed(services):
    conversation = turn.ask(services, "ann", None, "Why?", Target("demo-tour", "openai"), Params()).conversation
    path = wait_for_path(services, conversation.id)
    limited = replace(services, capabilities_lookup=lambda _: Capabilities(context_window=100))
    with pytest.raises(ContextWindowExceeded) as caught:
        turn.ask(limited, "ann", conversation.id, "word " * 200, Target("demo-tour", "openai"), Params())
    assert caught.value.estimate.context_window == 100
    assert caught.value.estimate.tokens > 100
    assert wait_for_path(services, conversation.id) == path
    turn.ask(
        limited,
        "ann",
        conversation.id,
        "word " * 200,
        Target("demo-tour", "openai"),
        Params(),
        allow_overflow=True,
    )
    assert len(wait_for_path(services, conversation.id)) == len(path) + 2
