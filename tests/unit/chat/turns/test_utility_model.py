"""Titles, windows and summaries over both wires, against the demo gateway, into a real store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.chat.context import window
from lib.chat.turns import shorten, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.turn import TurnServices
from lib.config.settings import Settings
from lib.core import tree
from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.support.replay import Canned, Replay
from tests.unit.chat.services import settled, until

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
QUESTION = "Why is the sky blue at noon and red at night?"
each_wire = pytest.mark.parametrize("wire", PATHS)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    server = FakeGateway(pace=200)
    client = Gateway(Settings(base_url=server.url, retries=0))
    yield client
    client.close()
    server.close()


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        yield server


def desk_of(store, gateway, wire: str = "openai", model: str = "demo-cheap") -> TurnServices:
    cheap = UtilityModel(Target(model, wire)) if model else None
    return TurnServices(store, gateway, GenerationRegistry(), UtilityModelService(gateway, store), cheap)


def at_rest() -> None:
    until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))


def path_of(desk: TurnServices, talk: Conversation) -> list[Node]:
    known = desk.store.conversations.get("ann", talk.id)
    return tree.path(desk.store.messages.nodes("ann", talk.id), known.head_id)


def asked(desk: TurnServices, count: int, target: Target) -> Conversation:
    """A conversation of so many turns."""
    talk = turn.ask(desk, "ann", None, "Question 1", target, Params()).conversation
    for number in range(2, count + 1):
        settled(desk, talk.id)
        turn.ask(desk, "ann", talk.id, f"Question {number}", target, Params())
    settled(desk, talk.id)
    return desk.store.conversations.get("ann", talk.id)


@each_wire
def test_a_title_comes_from_the_cheap_model_and_is_counted_exactly_once(store, gateway, wire):
    desk = desk_of(store, gateway, wire)
    target = Target("demo-tour", "openai")
    talk = turn.ask(desk, "ann", None, QUESTION, target, Params()).conversation
    assert talk.title == QUESTION
    settled(desk, talk.id)
    until(lambda: store.conversations.get("ann", talk.id).title.startswith("In short: Why is the sky blue"))
    at_rest()
    assert store.conversations.get("ann", talk.id).title_source == "model"
    turn.ask(desk, "ann", talk.id, "And then?", target, Params())
    settled(desk, talk.id)
    at_rest()
    (spend,) = [one for one in store.usage.records("ann", talk.id) if one.purpose == "title"]
    assert spend.target == Target("demo-cheap", wire)
    assert spend.usage.input and spend.usage.output
    assert spend.outcome is Outcome.COMPLETE
    assert store.usage.records("bob", talk.id) == []


@pytest.mark.parametrize("model", ["demo-wrong-key", "demo-busy", "demo-empty-answer", "no-such-model", ""])
def test_without_a_title_the_question_stays_one_and_the_answer_comes(store, gateway, model):
    desk = desk_of(store, gateway, model=model)
    talk = turn.ask(desk, "ann", None, QUESTION, Target("demo-tour", "anthropic"), Params()).conversation
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE
    at_rest()
    kept = store.conversations.get("ann", talk.id)
    assert (kept.title, kept.title_source) == (QUESTION, "question")
    spent = [one for one in store.usage.records("ann", talk.id) if one.purpose == "title"]
    assert bool(spent) == bool(model)
    assert all(one.outcome is Outcome.FAILED for one in spent) == (model != "demo-empty-answer")


def test_a_persons_own_title_wins_over_one_that_comes_late(store, gateway):
    held = threading.Event()

    class Late(Gateway):
        def stream(self, target, messages, params, cancel, about):
            if target.model == "demo-cheap":
                held.wait(20)
            return gateway.stream(target, messages, params, cancel)

    desk = desk_of(store, Late(Settings()))
    talk = turn.ask(desk, "ann", None, QUESTION, Target("demo-tour", "openai"), Params()).conversation
    settled(desk, talk.id)  # the answer has not waited for the title
    store.conversations.rename("ann", talk.id, "Skies")
    held.set()
    at_rest()
    assert store.conversations.get("ann", talk.id).title == "Skies"
    assert len([one for one in store.usage.records("ann", talk.id) if one.purpose == "title"]) == 1


@each_wire
def test_what_is_over_the_window_fits_when_the_oldest_is_left_out(store, gateway, wire):
    desk = desk_of(store, gateway, model="")
    target = Target("demo-short-memory", wire)
    talk = asked(desk, 4, target)
    path, limit = path_of(desk, talk), 800
    assert [node.outcome for node in path[1::2]] == [Outcome.COMPLETE] * 4
    text = "word " * 200
    need = window.estimate_context(path, text, Params(), target, limit)
    assert (need.is_over_limit, need.is_counted) == (True, True)
    turn.ask(desk, "ann", talk.id, text, target, Params())
    failed = settled(desk, talk.id)[-1]
    assert failed.failure.code == "context_too_long"
    found = window.plan_truncation(path, text, Params(), target, limit)
    assert not found.estimate.is_over_limit
    shorten.truncate_conversation(desk, "ann", talk.id, found.truncation)
    turn.regenerate(desk, "ann", talk.id, target, Params())
    assert settled(desk, talk.id)[-1].outcome is Outcome.COMPLETE
    after = path_of(desk, talk)
    now = window.estimate_context(after, "", Params(), target, limit, found.truncation)
    assert (now.is_over_limit, now.is_near_limit) == (False, False)
    shorten.clear_truncation(desk, "ann", talk.id)
    assert store.conversations.get("ann", talk.id).truncation is None
    assert window.estimate_context(after, "", Params(), target, limit).is_over_limit


@each_wire
def test_a_summary_goes_out_in_place_of_what_is_left_out(store, gateway, replay, wire):
    desk = desk_of(store, gateway)
    talk = asked(desk, 3, Target("demo-tour", wire))
    at_rest()
    path = path_of(desk, talk)
    job = shorten.summarise_dropped(
        desk, "ann", talk, path, Truncation(path[4].id), in_new_conversation=False
    )
    until(lambda: job.state != "running")
    assert (job.state, job.error_code, job.next_conversation_id) == ("done", "", "")
    kept = store.conversations.get("ann", talk.id).truncation
    assert kept.start_id == path[4].id
    assert kept.summary.startswith("In short: Question 1 ")
    (spend,) = [one for one in store.usage.records("ann", talk.id) if one.purpose == "summary"]
    assert spend.target == desk.utility_model.target
    replay.serve(PATHS[wire], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    elsewhere = replace(desk, gateway=client, utility_model=None)
    params = Params(system="Be brief.")
    turn.ask(elsewhere, "ann", talk.id, "Question 4", Target("m", wire), params)
    settled(elsewhere, talk.id)
    client.close()
    (request,) = replay.requests
    messages = request.json["messages"]
    if wire == "openai":
        assert messages.pop(0) == {"role": "system", "content": "Be brief."}
    else:
        assert request.json["system"] == "Be brief."
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    assert [message["content"] for message in messages] == [
        window.SUMMARY_PREFIX + kept.summary,
        window.SUMMARY_REPLY,
        "Question 3",
        path[5].message.text,
        "Question 4",
    ]


@each_wire
def test_only_what_stands_from_the_window_on_goes_out(store, gateway, replay, wire):
    desk = desk_of(store, gateway, model="")
    talk = asked(desk, 3, Target("demo-crlf", wire))
    path = path_of(desk, talk)
    shorten.truncate_conversation(desk, "ann", talk.id, Truncation(path[2].id))
    replay.serve(PATHS[wire], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    elsewhere = replace(desk, gateway=client)
    turn.ask(elsewhere, "ann", talk.id, "Question 4", Target("m", wire), Params())
    settled(elsewhere, talk.id)
    turn.regenerate(elsewhere, "ann", talk.id, Target("m", wire), Params())
    settled(elsewhere, talk.id)
    client.close()
    wanted = [node.message.text for node in path[2:]] + ["Question 4"]
    for request in replay.requests:
        assert [message["content"] for message in request.json["messages"]] == wanted
    assert len(replay.requests) == 2


def test_an_answer_goes_on_inside_its_window(store, gateway, replay):
    desk = desk_of(store, gateway, model="")
    talk = asked(desk, 2, Target("demo-cut-by-length", "openai"))
    path = path_of(desk, talk)
    shorten.truncate_conversation(desk, "ann", talk.id, Truncation(path[2].id))
    replay.serve(PATHS["openai"], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    elsewhere = replace(desk, gateway=client)
    turn.continue_answer(elsewhere, "ann", talk.id, path[-1].id, Params())
    settled(elsewhere, talk.id)
    client.close()
    sent = [message["content"] for message in replay.requests[0].json["messages"]]
    assert sent == ["Question 2", path[3].message.text, turn.CONTINUE_PROMPT]


def test_a_new_conversation_begins_with_what_fits_and_the_old_one_stays(store, gateway):
    desk = desk_of(store, gateway, model="")
    talk = asked(desk, 3, Target("demo-tour", "openai"))
    path = path_of(desk, talk)
    begun = shorten.start_new_conversation(desk, "ann", talk, path, Truncation(path[4].id))
    found = path_of(desk, begun)
    assert [node.message for node in found] == [node.message for node in path[4:]]
    kept = store.conversations.get("ann", begun.id)
    assert (kept.title, kept.target, kept.params) == (talk.title, talk.target, talk.params)
    assert path_of(desk, talk) == path
    turn.ask(desk, "ann", begun.id, "Question 4", Target("demo-tour", "openai"), Params())
    assert "asked 2 questions" in settled(desk, begun.id)[-1].message.text


def test_a_new_conversation_can_begin_with_a_summary(store, gateway):
    desk = desk_of(store, gateway)
    talk = asked(desk, 3, Target("demo-tour", "openai"))
    at_rest()
    path = path_of(desk, talk)
    job = shorten.summarise_dropped(desk, "ann", talk, path, Truncation(path[4].id), in_new_conversation=True)
    until(lambda: job.state != "running")
    assert job.next_conversation_id not in ("", talk.id)
    found = path_of(desk, replace(talk, id=job.next_conversation_id))
    assert found[0].message.text.startswith(window.SUMMARY_PREFIX + "In short: Question 1")
    assert [node.message for node in found[2:]] == [node.message for node in path[4:]]
    assert store.conversations.get("ann", talk.id).truncation is None
    assert store.conversations.get("ann", job.next_conversation_id).truncation is None


def test_a_summary_that_fails_or_is_cancelled_leaves_everything_as_it_was(store, gateway):
    desk = desk_of(store, gateway, model="demo-wrong-key")
    talk = asked(desk, 2, Target("demo-tour", "openai"))
    path = path_of(desk, talk)
    job = shorten.summarise_dropped(
        desk, "ann", talk, path, Truncation(path[2].id), in_new_conversation=False
    )
    until(lambda: job.state != "running")
    assert (job.state, job.error_code) == ("failed", "key_refused")
    silent = replace(desk, utility_model=UtilityModel(Target("demo-silent", "openai")))
    job = shorten.summarise_dropped(
        silent, "ann", talk, path, Truncation(path[2].id), in_new_conversation=True
    )
    job.cancel()
    at_rest()
    assert job.state == "cancelled"
    assert store.conversations.get("ann", talk.id).truncation is None
    assert len(store.conversations.page("ann", 9)) == 1
