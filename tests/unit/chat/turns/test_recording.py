"""Recording of answers: each is saved with its exchange, whatever its outcome, and no exchange harms an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lib.chat.turns import generation as generation_module
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.temporary import TemporaryStore
from lib.chat.turns.temporary_exchanges import TemporaryExchanges
from lib.config.settings import Settings
from lib.core.conversation import Outcome
from lib.core.database_errors import DatabaseUnreachable
from lib.core.errors import StoreError
from lib.core.exchanges import Attempt, Chunk, Exchange, summarize
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.recorder import ExchangeRecorder
from tests.support.replay import JSON, Canned, Replay, soon
from tests.unit.chat.services import FakeUsageStore, wait_for_path

CHAT, TARGET = "/v1/chat/completions", Target("m", "openai")
STREAM = b"""data: {"choices":[{"index":0,"delta":{"content":"Because."}}]}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

"""
BUSY = Canned(b'{"error":{"message":"Busy"}}', 503, JSON, framing="length")


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(CHAT, Canned(STREAM))
        yield server


@pytest.fixture(params=["database", "temporary"])
def services(request, store, replay) -> Iterator[TurnServices]:
    gateway = Gateway(Settings(api_key="sk-0123456789", base_url=replay.url, retries=0))
    used = store if request.param == "database" else TemporaryStore("ann", FakeUsageStore())
    yield TurnServices(used, gateway, GenerationRegistry(), max_recorded_bytes=100_000)
    gateway.close()


def ask(services: TurnServices) -> str:
    return turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation.id


def exchanges_of(services: TurnServices, conversation_id: str) -> list[Exchange]:
    """Wait for the end of the answer, and return its exchanges."""
    answer = wait_for_path(services, conversation_id)[-1]
    found = services.store.exchanges.of_answer("ann", answer.id)
    assert services.store.exchanges.recent("ann", 9) == [summarize(exchange) for exchange in reversed(found)]
    assert all((exchange.node_id, exchange.conversation_id) == (answer.id, conversation_id) for exchange in found)
    return found


def received(exchange: Exchange) -> bytes:
    return b"".join(chunk.data for attempt in exchange.attempts for chunk in attempt.chunks)


def test_an_answer_is_saved_with_its_exchange(services):
    conversation_id = ask(services)
    (exchange,) = exchanges_of(services, conversation_id)
    assert (exchange.target, exchange.purpose, received(exchange)) == (TARGET, "answer", STREAM)
    assert services.store.exchanges.get("ann", exchange.id) == exchange
    assert services.store.exchanges.get("bob", exchange.id) is None
    assert (
        services.store.exchanges.recent("bob", 9) == services.store.exchanges.of_answer("bob", exchange.node_id) == []
    )


def test_a_failed_answer_is_saved_with_its_exchange(services, replay):
    replay.serve(CHAT, BUSY)
    (exchange,) = exchanges_of(services, ask(services))
    assert (exchange.attempts[0].status, exchange.attempts[0].error, received(exchange)) == (
        503,
        "overloaded",
        BUSY.body,
    )


def test_an_unreachable_gateway_leaves_an_exchange_without_a_response(services, replay):
    replay.close()
    (exchange,) = exchanges_of(services, ask(services))
    assert (exchange.attempts[0].error, received(exchange)) == ("unreachable", b"")


@pytest.mark.parametrize("silence", [100, 0])
def test_a_stopped_answer_is_saved_with_what_has_arrived(services, replay, silence):
    replay.serve(CHAT, Canned(STREAM, silence=silence, mute=not silence))
    conversation_id = ask(services)
    generation = services.generations.find("ann", conversation_id)
    assert generation and replay.wait_for_requests(1)
    assert soon(lambda: generation.wait(-1, 0).node.message.text or not silence)
    generation.stop()
    (exchange,) = exchanges_of(services, conversation_id)
    assert received(exchange) == STREAM[:silence]
    assert services.store.messages.node("ann", exchange.node_id).outcome is Outcome.STOPPED


def test_an_answer_that_a_shutdown_interrupts_is_saved_with_its_exchange(services, replay):
    replay.serve(CHAT, Canned(STREAM, silence=100))
    conversation_id = ask(services)
    assert replay.wait_for_requests(1)
    services.generations.begin_shutdown()
    services.generations.drain(0.0)
    (exchange,) = exchanges_of(services, conversation_id)
    assert services.store.messages.node("ann", exchange.node_id).outcome is Outcome.INTERRUPTED


def test_nothing_is_recorded_where_recording_is_off(services):
    assert exchanges_of(replace(services, max_recorded_bytes=0), ask(replace(services, max_recorded_bytes=0))) == []


def test_a_refused_exchange_does_not_harm_the_answer(services, monkeypatch):
    messages, finish = services.store.messages, services.store.messages.finish

    def refuse(owner, node, usage_records=(), exchange=None):
        if exchange:
            raise StoreError("too large")
        finish(owner, node, usage_records)

    def refuse_apart(*_):
        raise StoreError("too large")

    monkeypatch.setattr(generation_module, "FIRST_SAVE_BACKOFF", 0.01)
    monkeypatch.setattr(messages, "finish", refuse)
    monkeypatch.setattr(services.store.exchanges, "save", refuse_apart)
    conversation_id = ask(services)
    assert exchanges_of(services, conversation_id) == []
    assert wait_for_path(services, conversation_id)[-1].outcome is Outcome.COMPLETE


def test_an_exchange_is_kept_while_the_database_is_away(services, monkeypatch):
    outage = iter([True, True])
    messages, finish = services.store.messages, services.store.messages.finish

    def fail_twice(*args, **options):
        if next(outage, False):
            raise DatabaseUnreachable
        finish(*args, **options)

    monkeypatch.setattr(generation_module, "FIRST_SAVE_BACKOFF", 0.01)
    monkeypatch.setattr(messages, "finish", fail_twice)
    (exchange,) = exchanges_of(services, ask(services))
    assert received(exchange) == STREAM


def test_a_recorder_that_fails_does_not_harm_the_answer(services, monkeypatch):
    def fail(_: ExchangeRecorder) -> Exchange:
        raise ZeroDivisionError

    monkeypatch.setattr(ExchangeRecorder, "finish", fail)
    conversation_id = ask(services)
    assert exchanges_of(services, conversation_id) == []
    assert wait_for_path(services, conversation_id)[-1].message.text == "Because."


def test_a_temporary_chat_leaves_no_exchange_behind(store, replay):
    gateway = Gateway(Settings(api_key="sk-0123456789", base_url=replay.url))
    chat = TemporaryStore("ann", store.usage)
    services = TurnServices(chat, gateway, GenerationRegistry(), max_recorded_bytes=100_000)
    (exchange,) = exchanges_of(services, ask(services))
    assert store.exchanges.recent("ann", 9) == []
    chat.set_deleted("ann", exchange.conversation_id, [exchange.node_id], 5.0)
    assert chat.exchanges.get("ann", exchange.id) is None
    chat.set_deleted("ann", exchange.conversation_id, [exchange.node_id], None)
    assert chat.exchanges.get("ann", exchange.id) == exchange
    chat.clear()
    assert chat.exchanges.get("ann", exchange.id) is None
    gateway.close()


def test_the_exchanges_of_a_temporary_chat_take_little_memory():
    def exchange(number: int) -> Exchange:
        attempt = Attempt(float(number), "POST", "", {}, chunks=(Chunk(0.0, b"x" * 400),))
        return Exchange(f"x{number}", TARGET, (attempt,))

    exchanges = TemporaryExchanges(threading.RLock(), "ann", lambda *_: None, max_bytes=1000)
    for number in range(5):
        exchanges.save("ann", exchange(number))
    exchanges.save("ann", replace(exchange(9), node_id="no"))
    exchanges.save("bob", exchange(10))
    assert [summary.id for summary in exchanges.recent("ann", 9)] == ["x4", "x3"]
    assert exchanges.recent("ann", 9, purpose="probe") == []


def test_exchanges_of_a_temporary_chat_that_began_together_are_paginated():
    exchanges = TemporaryExchanges(threading.RLock(), "ann", lambda *_: None)
    for name in "bac":
        exchanges.save("ann", Exchange(name, TARGET, (Attempt(1.0, "POST", "", {}),)))
    first, second = exchanges.recent("ann", 2)
    (third,) = exchanges.recent("ann", 2, second, "answer")
    assert [first.id, second.id, third.id] == ["c", "b", "a"]


def test_further_alternatives_share_the_exchange_of_the_first(services, replay):
    two = b'data: {"choices":[{"index":0,"delta":{"content":"A"}},{"index":1,"delta":{"content":"B"}}]}\n\n'
    replay.serve(CHAT, Canned(two + STREAM))
    conversation_id = ask(services)
    wait_for_path(services, conversation_id)
    answers = [n for n in services.store.messages.nodes("ann", conversation_id) if n.message.role == "assistant"]
    assert sorted(len(services.store.exchanges.of_answer("ann", node.id)) for node in answers) == [0, 1]
