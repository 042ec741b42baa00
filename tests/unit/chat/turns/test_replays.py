"""Replays: an answer that is played from a recorded exchange, with rows, without a gateway and without usage."""

import threading
from dataclasses import replace

import pytest

from lib.chat.turns import queue, replays, turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.core import errors
from lib.core.conversation import ANSWER_LIMIT, Outcome
from lib.core.exchanges import Chunk
from lib.core.params import Params
from lib.core.target import Target
from tests.support.exchanges import STARTED_AT, build_attempt, build_exchange
from tests.unit.chat.services import FakeUsageStore, ScriptedGateway, answer_of, wait_for_path, wait_until
from tests.unit.gateway.recordings import RECORDINGS

AT_ONCE, HOUR = 1e6, 3_600.0
REQUEST = {
    "model": "tiny",
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "What is it?"},
    ],
}


def recorded(wire="openai", name="text", **fields):
    body = RECORDINGS[f"{wire}-{name}.sse"].body
    return build_exchange(wire, [build_attempt(wire, body, request=REQUEST, **fields)])


@pytest.fixture(params=["database", "temporary"])
def turn_store(request, store):
    return store if request.param == "database" else TemporaryStore("ann", store.usage)


@pytest.fixture
def services(turn_store):
    return TurnServices(turn_store, ScriptedGateway(), GenerationRegistry())


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_replay_is_a_conversation_with_the_recorded_answer(services, store, wire):
    conversation = replays.replay(services, "ann", recorded(wire), "not recorded", AT_ONCE)
    path = wait_for_path(services, conversation.id)
    assert [node.message.text for node in path[:3]] == ["First", "Yes?", "What is it?"]
    answer = path[-1]
    assert answer.message.text == RECORDINGS[f"{wire}-text.sse"].text
    assert (answer.outcome, answer.target) == (Outcome.COMPLETE, Target("tiny", wire))
    assert answer.usage == RECORDINGS[f"{wire}-text.sse"].usage
    assert answer.is_replay and answer.provider_metadata["antler_replay"]["recorded_at"] == STARTED_AT
    stored = services.store.conversations.get("ann", conversation.id)
    assert (stored.title, stored.params.system) == ("What is it?", "Be kind.")
    assert services.store.usage.totals_by_answer("ann", conversation.id) == {}
    assert store.usage.totals_by_user(0, 4e9) == {}


def test_a_replay_that_is_stopped_keeps_what_came(services):
    body = RECORDINGS["openai-markdown.sse"].body
    middle = body.index(b"\n\n", len(body) // 2) + 2
    # The second half does not come before the answer is stopped.
    chunks = (Chunk(0.0, body[:middle]), Chunk(HOUR, body[middle:]))
    exchange = build_exchange("openai", [replace(build_attempt("openai"), chunks=chunks)])
    conversation = replays.replay(services, "ann", exchange, "not recorded")
    generation = services.generations.find("ann", conversation.id)
    wait_until(lambda: generation.wait(-1, 0).node.message.text)
    generation.stop()
    answer = wait_for_path(services, conversation.id)[-1]
    assert answer.outcome is Outcome.STOPPED
    assert RECORDINGS["openai-markdown.sse"].text.startswith(answer.message.text)


def test_a_recorded_failure_fails_again(services):
    attempt = build_attempt("openai", b'{"error": {"message": "no money"}}', 402, {"X-Request-Id": "req-1"})
    conversation = replays.replay(services, "ann", build_exchange("openai", [attempt]), "not recorded", AT_ONCE)
    answer = wait_for_path(services, conversation.id)[-1]
    assert answer.outcome is Outcome.FAILED
    assert (answer.failure.code, answer.failure.status) == (errors.QuotaExhausted.code, 402)
    assert answer.failure.request_id == "req-1"


def test_running_answers_of_the_user_are_limited(services):
    limited = replace(services, max_running_answers=1)
    first = replays.replay(limited, "ann", recorded(), "not recorded", speed=0.01)
    with pytest.raises(errors.TooManyAnswers):
        replays.replay(limited, "ann", recorded(), "not recorded", AT_ONCE)
    services.generations.find("ann", first.id).stop()


def test_the_servers_limit_of_an_answer_holds_for_a_replay(services):
    limited = replace(services, max_answer_chars=10)
    conversation = replays.replay(limited, "ann", recorded(), "not recorded", AT_ONCE)
    answer = wait_for_path(services, conversation.id)[-1]
    assert (answer.outcome, answer.finish_reason) == (Outcome.LENGTH, ANSWER_LIMIT)
    assert len(answer.message.text) <= 10


def test_nothing_is_sent_and_a_later_question_is_counted(store):
    gateway = ScriptedGateway(answer_of("Later"))
    services = TurnServices(store, gateway, GenerationRegistry())
    conversation = replays.replay(services, "ann", recorded(), "not recorded", AT_ONCE)
    wait_for_path(services, conversation.id)
    assert gateway.sent == []
    turn.ask(services, "ann", conversation.id, "And then?", Target("tiny", "openai"), Params())
    path = wait_for_path(services, conversation.id)
    assert path[-1].message.text == "Later" and not path[-1].is_replay
    assert len(store.usage.totals_by_answer("ann", conversation.id)) == 1


def test_a_replay_that_is_continued_by_a_request_is_counted(store):
    services = TurnServices(store, ScriptedGateway(answer_of(" more")), GenerationRegistry())
    conversation = replays.replay(services, "ann", recorded(name="length"), "not recorded", AT_ONCE)
    answer = wait_for_path(services, conversation.id)[-1]
    assert answer.outcome is Outcome.LENGTH
    turn.continue_answer(services, "ann", conversation.id, answer.id, Params())
    continued = wait_for_path(services, conversation.id)[-1]
    assert continued.message.text == answer.message.text + " more"
    assert len(store.usage.totals_by_answer("ann", conversation.id)) == 1


def test_a_question_that_waits_for_a_replay_is_sent_after_it(turn_store):
    gateway = ScriptedGateway(answer_of("Later"))
    services = TurnServices(turn_store, gateway, GenerationRegistry(), on_answer_end=queue.send_next)
    conversation = replays.replay(services, "ann", recorded(), "not recorded", speed=60.0)
    queue.ask_or_queue(services, "ann", conversation.id, "And then?", Target("tiny", "openai"), Params())
    wait_until(lambda: len(gateway.sent) == 1)
    wait_until(lambda: wait_for_path(services, conversation.id)[-1].message.text == "Later")


def test_alternatives_of_one_request_become_versions(services):
    conversation = replays.replay(services, "ann", recorded(name="n2"), "not recorded", AT_ONCE)
    wait_for_path(services, conversation.id)
    nodes = services.store.messages.nodes("ann", conversation.id)
    answers = [node for node in nodes if node.parent_id == nodes[2].id]
    assert [node.outcome for node in answers] == [Outcome.COMPLETE] * 2
    assert services.store.usage.totals_by_answer("ann", conversation.id) == {}


def test_a_usage_store_is_not_asked():
    usage = FakeUsageStore()
    services = TurnServices(TemporaryStore("ann", usage), ScriptedGateway(), GenerationRegistry())
    ended = threading.Event()
    services = replace(services, on_answer_end=lambda *_: ended.set())
    replays.replay(services, "ann", recorded(), "not recorded", AT_ONCE)
    assert ended.wait(20)
    assert usage.records == []


def test_the_exchange_is_kept_with_the_answer(services):
    recording = replace(services, max_recorded_bytes=1_000_000)
    exchange = recorded()
    conversation = replays.replay(recording, "ann", exchange, "not recorded", AT_ONCE)
    answer = wait_for_path(services, conversation.id)[-1]
    (kept,) = services.store.exchanges.of_answer("ann", answer.id)
    assert kept.attempts[0].chunks == exchange.attempts[0].chunks
    # Old recordings are purged by the time at which they began: that of the replay.
    assert kept.purpose == "replay"
    assert kept.started_at == pytest.approx(answer.created_at)
    temporary = replace(recording, store=TemporaryStore("ann", FakeUsageStore()))
    again = replays.replay(temporary, "ann", kept, "not recorded", AT_ONCE)
    assert wait_for_path(temporary, again.id)[-1].message == answer.message
    assert services.store.exchanges.get("bob", kept.id) is None


@pytest.mark.parametrize("limit", [0, 500])
def test_an_exchange_over_the_limit_of_recordings_is_only_played(services, limit):
    recording = replace(services, max_recorded_bytes=limit)
    conversation = replays.replay(recording, "ann", recorded(), "not recorded", AT_ONCE)
    answer = wait_for_path(services, conversation.id)[-1]
    assert answer.outcome is Outcome.COMPLETE
    assert services.store.exchanges.of_answer("ann", answer.id) == []
