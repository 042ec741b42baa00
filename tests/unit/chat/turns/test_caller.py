"""Caller identity of questions, titles and summaries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from lib.chat.connection import connect_with_key
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.services import TurnServices
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.config.settings import load_settings
from lib.core.conversation import Outcome
from lib.core.params import Params
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target
from lib.core.user import User
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay
from tests.support.usage_records import read_usage_records
from tests.unit.chat.services import wait_for_path, wait_until

TEAM_KEY, PERSONAL_KEY = "sk-team-0123456789", "sk-own-0123456789"
CUT = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"Said"}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}

data: {"id":"a","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":1000}}

data: [DONE]

"""
DONE = CUT.replace(b'"length"', b'"stop"')
CHAT = "/v1/chat/completions"
TARGET, UTILITY_MODEL = Target("big", "openai"), UtilityModel(Target("small", "openai"))
HEADERS = '{"X-User": "{pseudonym}", "X-Talk": "{conversation}"}'


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(CHAT, Canned(DONE))
        yield server


@pytest.fixture
def settings(replay):
    environ = {"DEERAPI_API_KEY": TEAM_KEY, "DEERAPI_BASE_URL": replay.url, "ANTLER_HEADERS": HEADERS}
    return load_settings({**environ, "DEERAPI_RETRIES": "0", "ANTLER_OWN_KEY": "on"}, {})


def fixed_price(dollars: int):
    return lambda _: ModelPrice(Price(Decimal(dollars), Decimal(dollars)), "team")


@pytest.fixture
def services(store, settings) -> Iterator[TurnServices]:
    """Services of user ann in a process with shared workers."""
    shared = Gateway(settings)
    ann_gateway = shared.with_caller(settings.caller_identity.build_caller(User("ann")))
    utility_models = UtilityModelService(shared, store, fixed_price(1)).with_gateway(ann_gateway, fixed_price(1))
    yield TurnServices(store, ann_gateway, GenerationRegistry(), utility_models, UTILITY_MODEL)
    wait_until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))
    shared.close()


def test_every_request_carries_caller_and_conversation(services, replay, settings):
    replay.serve(CHAT, Canned(CUT))
    conversation = turn.ask(services, "ann", None, "Why?", TARGET, Params()).conversation
    answer = wait_for_path(services, conversation.id)[-1]
    turn.continue_answer(services, "ann", conversation.id, answer.id, Params())
    wait_for_path(services, conversation.id)
    replay.serve(CHAT, Canned(DONE))
    turn.regenerate(services, "ann", conversation.id, TARGET, Params())
    path = wait_for_path(services, conversation.id)
    job = services.utility_models.start_summary("ann", conversation.id, path, "", UTILITY_MODEL, lambda _: "")
    wait_until(lambda: job.state == "done")
    wait_until(lambda: len(replay.requests) == 5)
    assert {request.json["model"] for request in replay.requests} == {"big", "small"}
    assert {request.json["user"] for request in replay.requests} == {settings.caller_identity.pseudonym(User("ann"))}
    assert {request.headers["x-user"] for request in replay.requests} == {
        settings.caller_identity.pseudonym(User("ann"))
    }
    assert {request.headers["x-talk"] for request in replay.requests} == {conversation.id}


def test_two_users_share_workers_but_not_the_pseudonym(services, replay, settings, store):
    ben_gateway = services.gateway.with_caller(settings.caller_identity.build_caller(User("ben")))
    ben_models = services.utility_models.with_gateway(ben_gateway, fixed_price(1))
    job = services.utility_models.start_summary("ann", "c", [], "", UTILITY_MODEL, lambda _: "")
    assert ben_models.find_summary("ann", "c") is job
    assert ben_models.find_summary("ben", "c") is None
    wait_until(lambda: job.state != "running")
    for number, utility_models in enumerate((services.utility_models, ben_models)):
        utility_models.generate_title("ann", "c", "Why?", UTILITY_MODEL)
        wait_until(lambda: len(replay.requests) == number + 1)  # noqa: B023  called within the turn
    pseudonyms = [settings.caller_identity.pseudonym(User(name)) for name in ("ann", "ben")]
    assert [request.json["user"] for request in replay.requests] == pseudonyms


def test_a_personal_key_is_used_for_all_requests_with_its_prices(services, replay, settings, store):
    replay.serve("/v1/models", Canned(b'{"data":[{"id":"big"}]}', headers=JSON))
    connection = connect_with_key(settings, PERSONAL_KEY, replay.url)
    gateway = connection.gateway.with_caller(settings.caller_identity.build_caller(User("ann")))
    utility_models = services.utility_models.with_gateway(gateway, fixed_price(7))
    own_key_services = TurnServices(store, gateway, GenerationRegistry(), utility_models, UTILITY_MODEL, fixed_price(7))
    conversation = turn.ask(own_key_services, "ann", None, "Why?", TARGET, Params()).conversation
    wait_for_path(own_key_services, conversation.id)
    wait_until(lambda: len(read_usage_records(store, "ann", conversation.id)) == 2)
    assert {request.headers["authorization"] for request in replay.requests} == {f"Bearer {PERSONAL_KEY}"}
    assert {request.purpose for request in read_usage_records(store, "ann", conversation.id)} == {"answer", "title"}
    assert {request.cost for request in read_usage_records(store, "ann", conversation.id)} == {14_000_000}
    turn.ask(services, "ann", conversation.id, "And?", TARGET, Params())
    wait_for_path(services, conversation.id)
    assert replay.requests[-1].headers["authorization"] == f"Bearer {TEAM_KEY}"


def test_a_running_answer_survives_closing_its_key(services, replay, settings, store):
    replay.serve(CHAT, Canned(DONE, silence=len(DONE) // 2))
    connection = connect_with_key(settings, PERSONAL_KEY, replay.url)
    own_key_services = TurnServices(store, connection.gateway, GenerationRegistry())
    conversation = turn.ask(own_key_services, "ann", None, "Why?", TARGET, Params()).conversation
    wait_until(
        lambda: own_key_services.generations.find("ann", conversation.id).wait(-1, 0).node.message.text == "Said"
    )
    connection.gateway.close()
    replay.resume()
    last = wait_for_path(own_key_services, conversation.id)[-1]
    assert (last.message.text, last.outcome) == ("Said", Outcome.COMPLETE)


def test_a_personal_key_is_refused_for_unlisted_addresses(settings):
    with pytest.raises(ValueError, match="evil"):
        connect_with_key(settings, PERSONAL_KEY, "https://evil.example")


def test_a_personal_key_is_not_in_the_repr(settings, replay):
    assert PERSONAL_KEY not in repr(connect_with_key(settings, PERSONAL_KEY, replay.url))
