"""Errors of a real gateway and its upstreams: type, message and partial text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.real.proxy import Proxy, client
from tests.real.routes import QUESTION, REPLAY_MODELS, ask, ask_directly, each_route, each_wire
from tests.real.upstream import PATHS, error_response, failing_stream, stream_start
from tests.support.replay import Canned, Replay

WRONG_KEY = "sk-0000000000000000dead"


def expect_error(call: Callable[[], object]) -> errors.AnswerError:
    with pytest.raises(errors.AnswerError) as caught:
        call()
    return caught.value


@each_wire
def test_wrong_key_is_rejected_with_the_gateways_message(proxy: Proxy, wire: Wire) -> None:
    unauthorized_client = client(proxy.url, WRONG_KEY)
    stream = unauthorized_client.stream(Target("openai-demo-tour", wire), QUESTION, Params(), CancelToken())
    for error in (expect_error(lambda: list(stream)), expect_error(unauthorized_client.fetch_models)):
        assert type(error) is errors.KeyRejected
        # Without a database LiteLLM cannot look up keys.
        assert (error.detail, error.status) == ("No connected db.", 400)
    unauthorized_client.close()


@each_wire
def test_unknown_model_is_named(gateway: Gateway, wire: Wire) -> None:
    error = expect_error(lambda: list(gateway.stream(Target("no-such", wire), QUESTION, Params(), CancelToken())))
    assert isinstance(error, errors.InvalidRequest | errors.ModelNotFound)
    assert "Invalid model name passed in model=no-such" in error.detail


@each_route
def test_rate_limit_of_the_upstream(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], error_response(upstream_wire, 429, "rate_limit_error", "Slow down, please."))
    answer = ask(gateway, wire, REPLAY_MODELS[upstream_wire])
    assert type(answer.error) is errors.RateLimited
    assert answer.error.status == 429
    assert "Slow down, please." in answer.error.detail
    assert answer.reply.parts() == ()


@each_route
@pytest.mark.parametrize(
    ("status", "upstream_type", "error_class"),
    [
        (401, "authentication_error", errors.KeyRejected),
        (402, "billing_error", errors.QuotaExhausted),
        (400, "invalid_request_error", errors.InvalidRequest),
        (500, "api_error", errors.GatewayUnavailable),
    ],
)
def test_upstream_error_keeps_its_type_and_message(
    replay: Replay,
    gateway: Gateway,
    wire: Wire,
    upstream_wire: Wire,
    status: int,
    upstream_type: str,
    error_class: type,
) -> None:
    replay.serve(PATHS[upstream_wire], error_response(upstream_wire, status, upstream_type, "Not like this."))
    error = ask(gateway, wire, REPLAY_MODELS[upstream_wire]).error
    assert type(error) is error_class
    assert "Not like this." in error.detail


@each_route
def test_html_from_the_upstream_is_an_unavailable_gateway(gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    error = ask(gateway, wire, f"{upstream_wire}-demo-badgateway").error
    assert type(error) is errors.GatewayUnavailable
    assert error.status == 502
    assert "502 Bad Gateway" in error.detail


@each_route
def test_error_in_the_stream_keeps_the_text(replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    replay.serve(PATHS[upstream_wire], failing_stream(upstream_wire, ["Half ", "an answer"], "Out of breath."))
    answer = ask(gateway, wire, REPLAY_MODELS[upstream_wire])
    assert answer.text == "Half an answer"
    # A translated stream loses the error type.
    is_passed_through = wire == upstream_wire == "anthropic"
    assert type(answer.error) is (errors.Overloaded if is_passed_through else errors.StreamError)
    assert "Out of breath." in answer.error.detail
    assert answer.reply.outcome() is Outcome.INTERRUPTED


@each_route
def test_broken_upstream_connection_keeps_the_text(gateway: Gateway, wire: Wire, upstream_wire: Wire) -> None:
    answer = ask(gateway, wire, f"{upstream_wire}-demo-breaks")
    # The gateway may lose what it has read and not passed on yet: its HTTP client raises the error first.
    assert answer.text.startswith("This answer will not reach its end.")
    assert ask_directly(upstream_wire, "demo-breaks").text.startswith(answer.text)
    # The gateway's error event may be appended to half an event and become unreadable.
    assert type(answer.error) in (errors.StreamError, errors.StreamInterrupted)
    assert answer.reply.outcome() is Outcome.INTERRUPTED


def test_stream_without_its_end_is_interrupted(replay: Replay, gateway: Gateway) -> None:
    body = b"".join(stream_start("anthropic", ["Half ", "an answer"]))
    replay.serve(PATHS["anthropic"], Canned(body, framing="close"))
    answer = ask(gateway, "anthropic", REPLAY_MODELS["anthropic"])
    assert (type(answer.error), answer.text) == (errors.StreamInterrupted, "Half an answer")
