"""Who asks, as the gateway hears it: in the field that each format has for it, and in the team's headers."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from lib.config.caller import Caller
from lib.config.settings import load_settings
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.core.user import User
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay, Request
from tests.unit.gateway.recordings import KEY, PATHS, QUESTION, STREAMS

ANN = User("oidc:ann", "Ann Example", "ann@example.com", groups=("R&D", "设计"))
HEADERS = {"X-Team": "all", "X-User": "{pseudonym}", "X-Group": "{group}", "X-Talk": "{conversation}"}
SETTINGS = load_settings({"DEERAPI_API_KEY": KEY}, {"team": {"headers": HEADERS}})
CALLER = SETTINGS.caller_identity.build_caller(ANN)
FAKE = {"user": "ben", "safety_identifier": "ben", "metadata": {"user_id": "ben", "kind": "test"}}
PLAIN = Params()
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


def sent(
    replay: Replay, asked: Gateway, wire: Wire, params: Params = PLAIN, caller: Caller = CALLER
) -> Request:
    """What comes to the gateway when this caller asks in a conversation."""
    replay.serve(PATHS[wire], next(one for one in STREAMS if one.wire == wire and one.finish).canned())
    list(asked.with_caller(caller).stream(Target("tiny", wire), QUESTION, params, CancelToken(), "c-1"))
    return replay.requests[-1]


def named(wire: Wire, body: dict[str, Any]) -> Any:
    return body["user"] if wire == "openai" else body["metadata"]["user_id"]


@each_wire
def test_the_field_and_the_headers_carry_the_pseudonym(replay: Replay, asked: Gateway, wire: Wire) -> None:
    request = sent(replay, asked, wire)
    pseudonym = SETTINGS.caller_identity.pseudonym(ANN)
    assert named(wire, request.json) == pseudonym
    told = {name: request.headers[name.lower()] for name in HEADERS}
    assert told == {
        "X-Team": "all",
        "X-User": pseudonym,
        "X-Group": "R&D,%E8%AE%BE%E8%AE%A1",
        "X-Talk": "c-1",
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    for word in ("ann@", "example.com", "Ann", "oidc:ann"):
        assert word not in request.body.decode() + str(request.headers)


@each_wire
def test_the_sdk_sends_the_field_that_we_send(replay: Replay, asked: Gateway, wire: Wire) -> None:
    ours = sent(replay, asked, wire)
    told = {name: value for name, value in CALLER.build_headers("c-1").items()}
    said: list[Any] = [{"role": "user", "content": QUESTION[0].text}]
    if wire == "openai":
        first = openai.OpenAI(base_url=replay.url + "/v1", api_key=KEY, max_retries=0, default_headers=told)
        with first:
            counted: Any = {"include_usage": True}
            list(
                first.chat.completions.create(
                    model="tiny", messages=said, stream=True, stream_options=counted, user=CALLER.user_id
                )
            )
    else:
        second = anthropic.Anthropic(base_url=replay.url, auth_token=KEY, max_retries=0, default_headers=told)
        with second:
            list(
                second.messages.create(
                    model="tiny",
                    messages=said,
                    stream=True,
                    max_tokens=8192,
                    metadata={"user_id": CALLER.user_id},
                )
            )
    theirs = replay.requests[-1]
    assert ours.json == theirs.json
    assert [ours.headers[name.lower()] for name in told] == [theirs.headers[name.lower()] for name in told]


@each_wire
@pytest.mark.parametrize(
    "params",
    [
        Params(user="ben"),
        Params(extra=json.dumps(FAKE)),
        Params(user="ben", extra=json.dumps(FAKE)),
        Params(extra='{"user": null, "metadata": null}'),
        Params(extra='{"user": {"id": "ben"}, "metadata": "ben"}'),
        Params(extra='{"metadata": {"user_id": null}}'),
    ],
    ids=["field", "extra", "both", "taken out", "other shapes", "null"],
)
def test_nobody_can_ask_in_anothers_name(replay: Replay, asked: Gateway, wire: Wire, params: Params) -> None:
    body = sent(replay, asked, wire, params).json
    assert named(wire, body) == CALLER.user_id
    assert "safety_identifier" not in body
    if wire == "openai":
        if isinstance(body.get("metadata"), dict):
            assert "user_id" not in body["metadata"]
    else:
        assert "user" not in body
        assert "ben" not in json.dumps(body)


@each_wire
def test_what_else_is_set_stays(replay: Replay, asked: Gateway, wire: Wire) -> None:
    body = sent(replay, asked, wire, Params(extra=json.dumps({**FAKE, "verbosity": "low"}))).json
    assert (body["metadata"]["kind"], body["verbosity"]) == ("test", "low")


@each_wire
def test_switched_off_what_a_person_sets_is_sent(replay: Replay, asked: Gateway, wire: Wire) -> None:
    off = load_settings({"DEERAPI_API_KEY": KEY, "ANTLER_PSEUDONYM": "off"}, {}).caller_identity.build_caller(
        ANN
    )
    assert named(wire, sent(replay, asked, wire, Params(user="me"), off).json) == "me"
    body = sent(replay, asked, wire, Params(extra=json.dumps(FAKE)), off).json
    assert (body["safety_identifier"], body["metadata"]) == ("ben", FAKE["metadata"])
    plain = sent(replay, asked, wire, caller=off)
    assert not {"user", "metadata"} & set(plain.json)
    assert not {name.lower() for name in HEADERS} & set(plain.headers)


@each_wire
def test_a_request_that_is_sent_again_says_the_same(replay: Replay, wire: Wire) -> None:
    fine = next(one for one in STREAMS if one.wire == wire and one.finish).canned()
    busy = Canned(b'{"error":{"message":"busy"}}', 503, {**JSON, "Retry-After": "0"})
    replay.serve(PATHS[wire], busy, fine)
    asked = Gateway(load_settings({"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": replay.url}, {})).with_caller(
        CALLER
    )
    list(asked.stream(Target("tiny", wire), QUESTION, Params(), CancelToken(), "c-1"))
    asked.close()
    first, second = replay.requests
    assert first.json == second.json
    assert first.headers["x-user"] == second.headers["x-user"] == CALLER.user_id


def test_one_persons_view_of_the_gateway_is_not_anothers(replay: Replay, asked: Gateway) -> None:
    ben = SETTINGS.caller_identity.build_caller(User("oidc:ben"))
    views = [asked.with_caller(CALLER), asked.with_caller(ben)]
    replay.serve(
        PATHS["openai"], next(one for one in STREAMS if one.wire == "openai" and one.finish).canned()
    )
    for view in (*views, asked):
        list(view.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken()))
    assert [one.json.get("user") for one in replay.requests] == [CALLER.user_id, ben.user_id, None]
    assert replay.connections == 1  # they share what is open


def test_what_is_no_question_of_a_persons_says_nobodys_name(replay: Replay, asked: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON))
    replay.serve("/api/pricing", Canned(b'{"data":[]}', headers=JSON))
    replay.serve("/v1/dashboard/billing/subscription", Canned(b'{"hard_limit_usd":1}', headers=JSON))
    replay.serve("/v1/dashboard/billing/usage", Canned(b'{"total_usage":1}', headers=JSON))
    view = asked.with_caller(CALLER)
    view.fetch_models()
    view.fetch_prices()
    view.fetch_balance()
    view.ping()
    assert len(replay.requests) == 5
    for request in replay.requests:
        assert not {name.lower() for name in HEADERS} & set(request.headers)
        assert CALLER.user_id not in str(request)


@each_wire
def test_no_header_of_the_teams_takes_the_place_of_the_key(
    replay: Replay, asked: Gateway, wire: Wire
) -> None:
    """Such headers are refused at the start; were they not, the wire's own would still win."""
    caller = Caller(header_templates=(("Authorization", "Bearer stolen"), ("anthropic-version", "1")))
    request = sent(replay, asked, wire, caller=caller)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "stolen" not in str(request.headers)
