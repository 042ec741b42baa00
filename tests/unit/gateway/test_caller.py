"""Caller identity in requests: the user field of each wire, and the team's headers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.config.caller import Caller
from lib.config.settings import load_settings
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.core.user import User
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support import sdks
from tests.support.replay import JSON, Canned, Replay, Request
from tests.unit.gateway.recordings import KEY, PATHS, QUESTION, STREAMS

ANN = User("oidc:ann", "Ann Example", "ann@example.com", groups=("R&D", "设计"))
HEADERS = {"X-Team": "all", "X-User": "{pseudonym}", "X-Group": "{group}", "X-Talk": "{conversation}"}
SETTINGS = load_settings({"DEERAPI_API_KEY": KEY}, {"team": {"headers": HEADERS}})
CALLER = SETTINGS.caller_identity.build_caller(ANN)
IMPERSONATION = {"user": "ben", "safety_identifier": "ben", "metadata": {"user_id": "ben", "kind": "test"}}
PLAIN = Params()
each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)


def successful_stream(wire: Wire) -> Canned:
    return next(stream for stream in STREAMS if stream.wire == wire and stream.finish).canned()


def capture_request(
    replay: Replay, gateway: Gateway, wire: Wire, params: Params = PLAIN, caller: Caller = CALLER
) -> Request:
    """The request that the gateway receives when `caller` asks a question."""
    replay.serve(PATHS[wire], successful_stream(wire))
    list(gateway.with_caller(caller).stream(Target("tiny", wire), QUESTION, params, CancelToken(), "c-1"))
    return replay.requests[-1]


def user_field(wire: Wire, body: dict[str, Any]) -> Any:
    return body["user"] if wire == "openai" else body["metadata"]["user_id"]


@each_wire
def test_pseudonym_is_sent_in_body_and_headers(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    request = capture_request(replay, gateway, wire)
    pseudonym = SETTINGS.caller_identity.pseudonym(ANN)
    assert user_field(wire, request.json) == pseudonym
    headers = {name: request.headers[name.lower()] for name in HEADERS}
    assert headers == {
        "X-Team": "all",
        "X-User": pseudonym,
        "X-Group": "R&D,%E8%AE%BE%E8%AE%A1",
        "X-Talk": "c-1",
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    for text in ("ann@", "example.com", "Ann", "oidc:ann"):
        assert text not in request.body.decode() + str(request.headers)


@each_wire
def test_sdk_sends_the_same_user_field(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    our_request = capture_request(replay, gateway, wire)
    headers = CALLER.build_headers("c-1")
    messages: list[Any] = [{"role": "user", "content": QUESTION[0].text}]
    if wire == "openai":
        openai_client = sdks.openai.OpenAI(
            base_url=replay.url + "/v1", api_key=KEY, max_retries=0, default_headers=headers
        )
        with openai_client:
            stream_options: Any = {"include_usage": True}
            list(
                openai_client.chat.completions.create(
                    model="tiny",
                    messages=messages,
                    stream=True,
                    stream_options=stream_options,
                    user=CALLER.user_id,
                )
            )
    else:
        client = sdks.anthropic.Anthropic(base_url=replay.url, auth_token=KEY, max_retries=0, default_headers=headers)
        with client:
            list(
                client.messages.create(
                    model="tiny",
                    messages=messages,
                    stream=True,
                    max_tokens=8192,
                    metadata={"user_id": CALLER.user_id},
                )
            )
    sdk_request = replay.requests[-1]
    assert our_request.json == sdk_request.json
    assert [our_request.headers[name.lower()] for name in headers] == [
        sdk_request.headers[name.lower()] for name in headers
    ]


@each_wire
@pytest.mark.parametrize(
    "params",
    [
        Params(user="ben"),
        Params(extra=json.dumps(IMPERSONATION)),
        Params(user="ben", extra=json.dumps(IMPERSONATION)),
        Params(extra='{"user": null, "metadata": null}'),
        Params(extra='{"user": {"id": "ben"}, "metadata": "ben"}'),
        Params(extra='{"metadata": {"user_id": null}}'),
    ],
    ids=["param", "extra", "both", "removed", "other types", "null"],
)
def test_params_cannot_impersonate_another_user(replay: Replay, gateway: Gateway, wire: Wire, params: Params) -> None:
    body = capture_request(replay, gateway, wire, params).json
    assert user_field(wire, body) == CALLER.user_id
    assert "safety_identifier" not in body
    if wire == "openai":
        if isinstance(body.get("metadata"), dict):
            assert "user_id" not in body["metadata"]
    else:
        assert "user" not in body
        assert "ben" not in json.dumps(body)


@each_wire
def test_other_extra_fields_are_kept(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    body = capture_request(replay, gateway, wire, Params(extra=json.dumps({**IMPERSONATION, "verbosity": "low"}))).json
    assert (body["metadata"]["kind"], body["verbosity"]) == ("test", "low")


@each_wire
def test_user_param_is_sent_when_pseudonyms_are_off(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    anonymous_caller = load_settings(
        {"DEERAPI_API_KEY": KEY, "ANTLER_PSEUDONYM": "off"}, {}
    ).caller_identity.build_caller(ANN)
    assert user_field(wire, capture_request(replay, gateway, wire, Params(user="me"), anonymous_caller).json) == "me"
    body = capture_request(replay, gateway, wire, Params(extra=json.dumps(IMPERSONATION)), anonymous_caller).json
    assert (body["safety_identifier"], body["metadata"]) == ("ben", IMPERSONATION["metadata"])
    plain = capture_request(replay, gateway, wire, caller=anonymous_caller)
    assert not {"user", "metadata"} & set(plain.json)
    assert not {name.lower() for name in HEADERS} & set(plain.headers)


@each_wire
def test_retry_sends_the_same_caller(replay: Replay, wire: Wire) -> None:
    overloaded = Canned(b'{"error":{"message":"busy"}}', 503, {**JSON, "Retry-After": "0"})
    replay.serve(PATHS[wire], overloaded, successful_stream(wire))
    gateway = Gateway(load_settings({"DEERAPI_API_KEY": KEY, "DEERAPI_BASE_URL": replay.url}, {})).with_caller(CALLER)
    list(gateway.stream(Target("tiny", wire), QUESTION, Params(), CancelToken(), "c-1"))
    gateway.close()
    first, second = replay.requests
    assert first.json == second.json
    assert first.headers["x-user"] == second.headers["x-user"] == CALLER.user_id


def test_callers_share_connections_but_not_identity(replay: Replay, gateway: Gateway) -> None:
    other_caller = SETTINGS.caller_identity.build_caller(User("oidc:ben"))
    views = [gateway.with_caller(CALLER), gateway.with_caller(other_caller)]
    replay.serve(
        PATHS["openai"],
        successful_stream("openai"),
    )
    for view in (*views, gateway):
        list(view.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken()))
    assert [request.json.get("user") for request in replay.requests] == [
        CALLER.user_id,
        other_caller.user_id,
        None,
    ]
    assert replay.connections == 1


def test_other_requests_do_not_identify_a_user(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON))
    replay.serve("/api/pricing", Canned(b'{"data":[]}', headers=JSON))
    replay.serve("/v1/dashboard/billing/subscription", Canned(b'{"hard_limit_usd":1}', headers=JSON))
    replay.serve("/v1/dashboard/billing/usage", Canned(b'{"total_usage":1}', headers=JSON))
    view = gateway.with_caller(CALLER)
    view.fetch_models()
    view.fetch_prices()
    view.fetch_balance()
    view.ping()
    assert len(replay.requests) == 5
    for request in replay.requests:
        assert not {name.lower() for name in HEADERS} & set(request.headers)
        assert CALLER.user_id not in str(request)


@each_wire
def test_team_headers_do_not_replace_the_key(replay: Replay, gateway: Gateway, wire: Wire) -> None:
    """Settings reject such headers; even without that, the wire's own headers win."""
    caller = Caller(header_templates=(("Authorization", "Bearer stolen"), ("anthropic-version", "1")))
    request = capture_request(replay, gateway, wire, caller=caller)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "stolen" not in str(request.headers)
