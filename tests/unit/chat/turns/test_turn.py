"""A turn over both wires, against the demo gateway, into a real store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.chat.context.window import ContextWindowExceeded
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.turn import TurnServices, title_from_question
from lib.config.settings import Settings
from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.unit.chat.services import settled


@pytest.fixture(scope="module")
def gateway():
    server = FakeGateway(pace=50)
    client = Gateway(Settings(base_url=server.url))
    yield client
    client.close()
    server.close()


@pytest.fixture
def desk(store, gateway):
    return TurnServices(store, gateway, GenerationRegistry())


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_conversation_goes_on_over_turns_and_sends_its_whole_path(desk, wire):
    target = Target("demo-tour", wire)
    talk = turn.ask(desk, "ann", None, "First thing", target, Params()).conversation
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE
    turn.ask(desk, "ann", talk.id, "Second thing", target, Params(system="Be kind."))
    path = settled(desk, talk.id)
    assert [node.message.role for node in path] == ["user", "assistant"] * 2
    assert "First thing" in path[-1].message.text
    assert "Be kind." in path[-1].message.text
    assert path[-1].target == target
    assert path[-1].usage.output


def test_model_and_wire_may_change_between_turns(desk):
    talk = turn.ask(desk, "ann", None, "One", Target("demo-thinker", "anthropic"), Params()).conversation
    first = settled(desk, talk.id)[-1]
    turn.ask(desk, "ann", talk.id, "Two", Target("demo-tour", "openai"), Params())
    second = settled(desk, talk.id)[-1]
    assert first.message.thinking
    assert "One" in second.message.text
    assert (first.target.model, second.target.model) == ("demo-thinker", "demo-tour")
    assert desk.store.conversations.get("ann", talk.id).target == Target("demo-tour", "openai")


def test_question_and_arriving_answer_are_kept_before_anything_is_sent(desk, store):
    seen: list[list[Outcome]] = []

    class Watching:
        def stream(self, *_):
            talk = store.conversations.page("ann", 1)[0]
            seen.append([node.outcome for node in store.messages.nodes("ann", talk.id)])
            return iter(())

    talk = turn.ask(
        TurnServices(store, Watching(), desk.generations),
        "ann",
        None,
        "Why?",
        Target("m", "openai"),
        Params(),
    ).conversation
    settled(desk, talk.id)
    assert seen == [[Outcome.COMPLETE, Outcome.ARRIVING]]


def test_a_second_question_waits_for_the_answer(desk):
    talk = turn.ask(desk, "ann", None, "Go", Target("demo-silent", "openai"), Params()).conversation
    with pytest.raises(errors.TurnInProgress):
        turn.ask(desk, "ann", talk.id, "Again", Target("demo-tour", "openai"), Params())
    desk.generations.find("ann", talk.id).stop()
    path = settled(desk, talk.id)
    assert [node.outcome for node in path] == [Outcome.COMPLETE, Outcome.STOPPED]


def test_retry_gives_the_question_another_answer_and_keeps_the_first(desk):
    talk = turn.ask(desk, "ann", None, "Why?", Target("demo-errors", "openai"), Params()).conversation
    failed = settled(desk, talk.id)[-1]
    assert failed.outcome is Outcome.FAILED
    assert failed.message.text
    turn.regenerate(desk, "ann", talk.id, Target("demo-tour", "anthropic"), Params())
    path = settled(desk, talk.id)
    assert [node.outcome for node in path] == [Outcome.COMPLETE, Outcome.COMPLETE]
    assert path[-1].parent_id == failed.parent_id
    assert failed in desk.store.messages.nodes("ann", talk.id)


def test_nothing_is_sent_when_nothing_can_be_kept(desk, monkeypatch):
    def refuse(*_):
        raise errors.StoreError("disk full")

    monkeypatch.setattr(desk.store.messages, "save_turn", refuse)
    monkeypatch.setattr(desk.gateway, "stream", lambda *_: pytest.fail("sent"))
    with pytest.raises(errors.StoreError):
        turn.ask(desk, "ann", None, "Why?", Target("demo-tour", "openai"), Params())
    monkeypatch.undo()
    talk = turn.ask(desk, "ann", None, "Why?", Target("demo-tour", "openai"), Params()).conversation
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE


def test_anothers_conversation_is_not_continued(desk):
    talk = turn.ask(desk, "ann", None, "Mine", Target("demo-tour", "openai"), Params()).conversation
    settled(desk, talk.id)
    with pytest.raises(errors.ConversationNotFound):
        turn.ask(desk, "bob", talk.id, "Hello", Target("demo-tour", "openai"), Params())
    with pytest.raises(errors.ConversationNotFound):
        turn.regenerate(desk, "bob", talk.id, Target("demo-tour", "openai"), Params())
    assert desk.store.conversations.page("bob", 9) == []
    assert len(settled(desk, talk.id)) == 2


def test_a_deleted_conversation_is_not_continued_elsewhere(desk):
    talk = turn.ask(desk, "ann", None, "Mine", Target("demo-tour", "openai"), Params()).conversation
    settled(desk, talk.id)
    desk.store.conversations.delete("ann", [talk.id])
    with pytest.raises(errors.ConversationNotFound):
        turn.ask(desk, "ann", talk.id, "Hello", Target("demo-tour", "openai"), Params())
    assert desk.store.conversations.page("ann", 9) == []


def test_an_answer_that_lost_its_process_is_marked_before_the_next_question(desk, monkeypatch):
    talk = turn.ask(desk, "ann", None, "One", Target("demo-tour", "openai"), Params()).conversation
    lost = replace(settled(desk, talk.id)[-1], id="lost", outcome=Outcome.ARRIVING)
    desk.store.messages.save_turn("ann", replace(talk, head_id="lost"), [lost])
    with pytest.raises(errors.TurnInProgress):
        turn.ask(desk, "ann", talk.id, "Two", Target("demo-tour", "openai"), Params())
    monkeypatch.setattr(turn, "STALE_AFTER", -1.0)
    turn.ask(desk, "ann", talk.id, "Two", Target("demo-tour", "openai"), Params())
    path = settled(desk, talk.id)
    assert [node.outcome for node in path][1] is Outcome.INTERRUPTED


TITLES = {
    "Why is the sky blue?": "Why is the sky blue?",
    "  Two\n\nlines\tand blanks ": "Two lines and blanks",
    "word " * 30: "word word word word word word word word word word word…",
    "天" * 80: "天" * 59 + "…",
    "half \ud83d a letter": "half � a letter",
}


@pytest.mark.parametrize("question", TITLES)
def test_a_title_is_one_line_of_the_first_question(question):
    assert title_from_question(question) == TITLES[question]


def test_a_question_beyond_the_context_window_is_refused_unless_overflow_is_allowed(desk):
    first = turn.ask(desk, "ann", None, "Why?", Target("demo-tour", "openai"), Params()).conversation
    path = settled(desk, first.id)
    small = replace(desk, context_window_lookup=lambda _: 100)
    with pytest.raises(ContextWindowExceeded) as caught:
        turn.ask(small, "ann", first.id, "word " * 200, Target("demo-tour", "openai"), Params())
    assert caught.value.estimate.context_window == 100
    assert caught.value.estimate.tokens > 100
    assert caught.value.truncation_plan is None  # the only turn cannot be left out
    assert settled(desk, first.id) == path
    turn.ask(
        small, "ann", first.id, "word " * 200, Target("demo-tour", "openai"), Params(), allow_overflow=True
    )
    assert len(settled(desk, first.id)) == len(path) + 2
