"""Caller identity of questions, titles and summaries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest

from lib.chat import own_key
from lib.chat.turns import turn
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.turns.turn import TurnServices
from lib.config.settings import load_settings
from lib.core.conversation import Outcome
from lib.core.params import Params
from lib.core.pricing import ModelPrice, Price
from lib.core.target import Target
from lib.core.user import User
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay
from tests.unit.chat.services import settled, until

KEY, OWN = "sk-team-0123456789", "sk-own-0123456789"
CUT = b"""data: {"id":"a","choices":[{"index":0,"delta":{"content":"Said"}}]}

data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}

data: {"id":"a","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":1000}}

data: [DONE]

"""
DONE = CUT.replace(b'"length"', b'"stop"')
CHAT = "/v1/chat/completions"
TARGET, CHEAP = Target("big", "openai"), UtilityModel(Target("small", "openai"))
HEADERS = '{"X-User": "{pseudonym}", "X-Talk": "{conversation}"}'


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as server:
        server.serve(CHAT, Canned(DONE))
        yield server


@pytest.fixture
def settings(replay):
    environ = {"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": replay.url, "ANTLER_HEADERS": HEADERS}
    return load_settings({**environ, "DEERAPI_RETRIES": "0", "ANTLER_OWN_KEY": "on"}, {})


def tariff(dollars: int):
    return lambda _: ModelPrice(Price(Decimal(dollars), Decimal(dollars)), "team")


@pytest.fixture
def desk(store, settings) -> Iterator[TurnServices]:
    """Ann's, of a process whose workers are everybody's."""
    shared = Gateway(settings)
    anns = shared.with_caller(settings.caller_identity.build_caller(User("ann")))
    aside = UtilityModelService(shared, store, tariff(1)).with_gateway(anns, tariff(1))
    yield TurnServices(store, anns, GenerationRegistry(), aside, CHEAP)
    until(lambda: not any(thread.name in ("title", "summary") for thread in threading.enumerate()))
    shared.close()


def test_each_way_to_ask_says_who_asks_and_in_which_conversation(desk, replay, settings):
    replay.serve(CHAT, Canned(CUT))
    talk = turn.ask(desk, "ann", None, "Why?", TARGET, Params()).conversation
    answer = settled(desk, talk.id)[-1]
    turn.continue_answer(desk, "ann", talk.id, answer.id, Params())
    settled(desk, talk.id)
    replay.serve(CHAT, Canned(DONE))
    turn.regenerate(desk, "ann", talk.id, TARGET, Params())
    path = settled(desk, talk.id)
    job = desk.utility_models.start_summary("ann", talk.id, path, "", CHEAP, lambda _: "")
    until(lambda: job.state == "done")
    until(lambda: len(replay.requests) == 5)
    assert {one.json["model"] for one in replay.requests} == {"big", "small"}
    assert {one.json["user"] for one in replay.requests} == {settings.caller_identity.pseudonym(User("ann"))}
    assert {one.headers["x-user"] for one in replay.requests} == {
        settings.caller_identity.pseudonym(User("ann"))
    }
    assert {one.headers["x-talk"] for one in replay.requests} == {talk.id}


def test_two_people_share_the_workers_and_not_the_name(desk, replay, settings, store):
    bens = desk.gateway.with_caller(settings.caller_identity.build_caller(User("ben")))
    other = desk.utility_models.with_gateway(bens, tariff(1))
    job = desk.utility_models.start_summary("ann", "c", [], "", CHEAP, lambda _: "")
    assert other.find_summary("ann", "c") is job
    assert other.find_summary("ben", "c") is None
    until(lambda: job.state != "running")
    for number, aside in enumerate((desk.utility_models, other)):
        aside.generate_title("ann", "c", "Why?", CHEAP)
        until(lambda: len(replay.requests) == number + 1)  # noqa: B023  called within the turn
    names = [settings.caller_identity.pseudonym(User(name)) for name in ("ann", "ben")]
    assert [one.json["user"] for one in replay.requests] == names


def test_with_an_own_key_all_goes_with_it_and_at_its_prices(desk, replay, settings, store):
    replay.serve("/v1/models", Canned(b'{"data":[{"id":"big"}]}', headers=JSON))
    mine = own_key.connect(settings, OWN, replay.url)
    asked = mine.gateway.with_caller(settings.caller_identity.build_caller(User("ann")))
    aside = desk.utility_models.with_gateway(asked, tariff(7))
    theirs = TurnServices(store, asked, GenerationRegistry(), aside, CHEAP, tariff(7))
    talk = turn.ask(theirs, "ann", None, "Why?", TARGET, Params()).conversation
    settled(theirs, talk.id)
    until(lambda: len(store.usage.records("ann", talk.id)) == 2)
    assert {one.headers["authorization"] for one in replay.requests} == {f"Bearer {OWN}"}
    assert {one.purpose for one in store.usage.records("ann", talk.id)} == {"answer", "title"}
    assert {one.cost for one in store.usage.records("ann", talk.id)} == {14_000_000}
    turn.ask(desk, "ann", talk.id, "And?", TARGET, Params())
    settled(desk, talk.id)
    assert replay.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_an_answer_goes_on_with_the_key_that_it_began_with(desk, replay, settings, store):
    replay.serve(CHAT, Canned(DONE, silence=len(DONE) // 2))
    mine = own_key.connect(settings, OWN, replay.url)
    theirs = TurnServices(store, mine.gateway, GenerationRegistry())
    talk = turn.ask(theirs, "ann", None, "Why?", TARGET, Params()).conversation
    until(lambda: theirs.generations.find("ann", talk.id).wait(-1, 0).node.message.text == "Said")
    mine.gateway.close()
    replay.resume()
    last = settled(theirs, talk.id)[-1]
    assert (last.message.text, last.outcome) == ("Said", Outcome.COMPLETE)


def test_an_own_key_goes_to_no_address_that_is_not_on_the_list(settings):
    with pytest.raises(ValueError, match="evil"):
        own_key.connect(settings, OWN, "https://evil.example")


def test_an_own_key_is_in_no_repr(settings, replay):
    assert OWN not in repr(own_key.connect(settings, OWN, replay.url))
