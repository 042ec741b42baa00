"""Titles, truncation and summaries on both wires with the demo gateway and a real store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.chat.context import window
from lib.chat.turns import shorten, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.config.settings import Settings
from lib.core import tree
from lib.core.conversation import Conversation, Node, Outcome, Truncation
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from tests.fake_gateway import FakeGateway
from tests.support.replay import Canned, Replay
from tests.support.usage_records import read_usage_records
from tests.unit.chat.services import wait_for_path, wait_until

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


def build_services(store, gateway, wire: str = "openai", model: str = "demo-cheap") -> TurnServices:
    utility_model = UtilityModel(Target(model, wire)) if model else None
    return TurnServices(store, gateway, GenerationRegistry(), UtilityModelService(gateway, store), utility_model)


def wait_for_workers() -> None:
    wait_until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))


def visible_path(services: TurnServices, conversation: Conversation) -> list[Node]:
    saved = services.store.conversations.get("ann", conversation.id)
    return tree.path(services.store.messages.nodes("ann", conversation.id), saved.head_id)


def build_conversation(services: TurnServices, count: int, target: Target) -> Conversation:
    """Return a new conversation of `count` turns."""
    conversation = turn.ask(services, "ann", None, "Question 1", target, Params()).conversation
    for number in range(2, count + 1):
        wait_for_path(services, conversation.id)
        turn.ask(services, "ann", conversation.id, f"Question {number}", target, Params())
    wait_for_path(services, conversation.id)
    return services.store.conversations.get("ann", conversation.id)


@each_wire
def test_the_utility_model_writes_the_title_and_is_counted_once(store, gateway, wire):
    services = build_services(store, gateway, wire)
    target = Target("demo-tour", "openai")
    conversation = turn.ask(services, "ann", None, QUESTION, target, Params()).conversation
    assert conversation.title == QUESTION
    wait_for_path(services, conversation.id)
    wait_until(
        lambda: store.conversations.get("ann", conversation.id).title.startswith("In short: Why is the sky blue")
    )
    wait_for_workers()
    assert store.conversations.get("ann", conversation.id).title_source == "model"
    turn.ask(services, "ann", conversation.id, "And then?", target, Params())
    wait_for_path(services, conversation.id)
    wait_for_workers()
    (record,) = [record for record in read_usage_records(store, "ann", conversation.id) if record.purpose == "title"]
    assert record.target == Target("demo-cheap", wire)
    assert record.usage.input and record.usage.output
    assert record.outcome is Outcome.COMPLETE
    assert read_usage_records(store, "bob", conversation.id) == []


@pytest.mark.parametrize("model", ["demo-wrong-key", "demo-busy", "demo-empty-answer", "no-such-model", ""])
def test_the_question_stays_the_title_when_generation_fails(store, gateway, model):
    services = build_services(store, gateway, model=model)
    conversation = turn.ask(services, "ann", None, QUESTION, Target("demo-tour", "anthropic"), Params()).conversation
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE
    wait_for_workers()
    saved = store.conversations.get("ann", conversation.id)
    assert (saved.title, saved.title_source) == (QUESTION, "question")
    records = [record for record in read_usage_records(store, "ann", conversation.id) if record.purpose == "title"]
    assert bool(records) == bool(model)
    assert all(record.outcome is Outcome.FAILED for record in records) == (model != "demo-empty-answer")


def test_a_renamed_conversation_keeps_its_title(store, gateway):
    release = threading.Event()

    class DelayedTitleGateway(Gateway):
        def stream(self, target, messages, params, cancel, *_):
            if target.model == "demo-cheap":
                release.wait(20)
            return gateway.stream(target, messages, params, cancel)

    services = build_services(store, DelayedTitleGateway(Settings()))
    conversation = turn.ask(services, "ann", None, QUESTION, Target("demo-tour", "openai"), Params()).conversation
    wait_for_path(services, conversation.id)  # the answer does not wait for the title
    store.conversations.rename("ann", conversation.id, "Skies")
    release.set()
    wait_for_workers()
    assert store.conversations.get("ann", conversation.id).title == "Skies"
    assert (
        len([record for record in read_usage_records(store, "ann", conversation.id) if record.purpose == "title"]) == 1
    )


@each_wire
def test_truncating_the_oldest_turns_fits_the_context_window(store, gateway, wire):
    services = build_services(store, gateway, model="")
    target = Target("demo-short-memory", wire)
    conversation = build_conversation(services, 4, target)
    path, limit = visible_path(services, conversation), 800
    assert [node.outcome for node in path[1::2]] == [Outcome.COMPLETE] * 4
    text = "word " * 200
    estimate = window.estimate_context(path, text, Params(), target, limit)
    assert (estimate.is_over_limit, estimate.is_counted) == (True, True)
    turn.ask(services, "ann", conversation.id, text, target, Params())
    failed = wait_for_path(services, conversation.id)[-1]
    assert failed.failure.code == "context_too_long"
    plan = window.plan_truncation(path, text, Params(), target, limit)
    assert not plan.estimate.is_over_limit
    services.store.conversations.set_truncation("ann", conversation.id, plan.truncation)
    turn.regenerate(services, "ann", conversation.id, target, Params())
    assert wait_for_path(services, conversation.id)[-1].outcome is Outcome.COMPLETE
    after = visible_path(services, conversation)
    truncated_estimate = window.estimate_context(after, "", Params(), target, limit, plan.truncation)
    assert (truncated_estimate.is_over_limit, truncated_estimate.is_near_limit) == (False, False)
    services.store.conversations.set_truncation("ann", conversation.id, None)
    assert store.conversations.get("ann", conversation.id).truncation is None
    assert window.estimate_context(after, "", Params(), target, limit).is_over_limit


@each_wire
def test_a_summary_is_sent_in_place_of_dropped_turns(store, gateway, replay, wire):
    services = build_services(store, gateway)
    conversation = build_conversation(services, 3, Target("demo-tour", wire))
    wait_for_workers()
    path = visible_path(services, conversation)
    job = shorten.summarise_dropped(
        services, "ann", conversation, path, Truncation(path[4].id), in_new_conversation=False
    )
    wait_until(lambda: job.state != "running")
    assert (job.state, job.error_code, job.next_conversation_id) == ("done", "", "")
    truncation = store.conversations.get("ann", conversation.id).truncation
    assert truncation.start_id == path[4].id
    assert truncation.summary.startswith("In short: Question 1 ")
    (record,) = [record for record in read_usage_records(store, "ann", conversation.id) if record.purpose == "summary"]
    assert record.target == services.utility_model.target
    replay.serve(PATHS[wire], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    replay_services = replace(services, gateway=client, utility_model=None)
    params = Params(system="Be brief.")
    turn.ask(replay_services, "ann", conversation.id, "Question 4", Target("m", wire), params)
    wait_for_path(replay_services, conversation.id)
    client.close()
    (request,) = replay.requests
    messages = request.json["messages"]
    if wire == "openai":
        assert messages.pop(0) == {"role": "system", "content": "Be brief."}
    else:
        assert request.json["system"] == "Be brief."
    assert [message["role"] for message in messages] == ["user", "assistant"] * 2 + ["user"]
    assert [message["content"] for message in messages] == [
        window.SUMMARY_PREFIX + truncation.summary,
        window.SUMMARY_REPLY,
        "Question 3",
        path[5].message.text,
        "Question 4",
    ]


@each_wire
def test_dropped_turns_are_not_sent(store, gateway, replay, wire):
    services = build_services(store, gateway, model="")
    conversation = build_conversation(services, 3, Target("demo-crlf", wire))
    path = visible_path(services, conversation)
    services.store.conversations.set_truncation("ann", conversation.id, Truncation(path[2].id))
    replay.serve(PATHS[wire], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    replay_services = replace(services, gateway=client)
    turn.ask(replay_services, "ann", conversation.id, "Question 4", Target("m", wire), Params())
    wait_for_path(replay_services, conversation.id)
    turn.regenerate(replay_services, "ann", conversation.id, Target("m", wire), Params(temperature=0.5))
    wait_for_path(replay_services, conversation.id)
    client.close()
    expected = [node.message.text for node in path[2:]] + ["Question 4"]
    for request in replay.requests:
        assert [message["content"] for message in request.json["messages"]] == expected
    assert len(replay.requests) == 2


def test_a_continuation_sends_the_truncated_path(store, gateway, replay):
    services = build_services(store, gateway, model="")
    conversation = build_conversation(services, 2, Target("demo-cut-by-length", "openai"))
    path = visible_path(services, conversation)
    services.store.conversations.set_truncation("ann", conversation.id, Truncation(path[2].id))
    replay.serve(PATHS["openai"], Canned(status=400))
    client = Gateway(Settings(base_url=replay.url, retries=0))
    replay_services = replace(services, gateway=client)
    turn.continue_answer(replay_services, "ann", conversation.id, path[-1].id, Params())
    wait_for_path(replay_services, conversation.id)
    client.close()
    sent = [message["content"] for message in replay.requests[0].json["messages"]]
    assert sent == ["Question 2", path[3].message.text, turn.CONTINUE_PROMPT]


def test_a_new_conversation_starts_with_the_remaining_turns(store, gateway):
    services = build_services(store, gateway, model="")
    conversation = build_conversation(services, 3, Target("demo-tour", "openai"))
    path = visible_path(services, conversation)
    new_conversation = shorten.start_new_conversation(services, "ann", conversation, path, Truncation(path[4].id))
    new_path = visible_path(services, new_conversation)
    assert [node.message for node in new_path] == [node.message for node in path[4:]]
    saved = store.conversations.get("ann", new_conversation.id)
    assert (saved.title, saved.target, saved.params) == (
        conversation.title,
        conversation.target,
        conversation.params,
    )
    assert visible_path(services, conversation) == path
    turn.ask(services, "ann", new_conversation.id, "Question 4", Target("demo-tour", "openai"), Params())
    assert "asked 2 questions" in wait_for_path(services, new_conversation.id)[-1].message.text


def test_a_new_conversation_can_start_with_a_summary(store, gateway):
    services = build_services(store, gateway)
    conversation = build_conversation(services, 3, Target("demo-tour", "openai"))
    wait_for_workers()
    path = visible_path(services, conversation)
    job = shorten.summarise_dropped(
        services, "ann", conversation, path, Truncation(path[4].id), in_new_conversation=True
    )
    wait_until(lambda: job.state != "running")
    assert job.next_conversation_id not in ("", conversation.id)
    new_path = visible_path(services, replace(conversation, id=job.next_conversation_id))
    assert new_path[0].message.text.startswith(window.SUMMARY_PREFIX + "In short: Question 1")
    assert [node.message for node in new_path[2:]] == [node.message for node in path[4:]]
    assert store.conversations.get("ann", conversation.id).truncation is None
    assert store.conversations.get("ann", job.next_conversation_id).truncation is None


def test_a_failed_or_cancelled_summary_changes_nothing(store, gateway):
    services = build_services(store, gateway, model="demo-wrong-key")
    conversation = build_conversation(services, 2, Target("demo-tour", "openai"))
    path = visible_path(services, conversation)
    job = shorten.summarise_dropped(
        services, "ann", conversation, path, Truncation(path[2].id), in_new_conversation=False
    )
    wait_until(lambda: job.state != "running")
    assert (job.state, job.error_code) == ("failed", "key_refused")
    silent_services = replace(services, utility_model=UtilityModel(Target("demo-silent", "openai")))
    job = shorten.summarise_dropped(
        silent_services, "ann", conversation, path, Truncation(path[2].id), in_new_conversation=True
    )
    job.cancel()
    wait_for_workers()
    assert job.state == "cancelled"
    assert store.conversations.get("ann", conversation.id).truncation is None
    assert len(store.conversations.page("ann", 9)) == 1
