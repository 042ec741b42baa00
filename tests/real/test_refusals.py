"""What goes wrong in and behind a real gateway is told as what it is, in the words that it came in."""

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
from tests.real.routes import QUESTION, REPLAYED, each_route, each_wire, says, straight
from tests.real.upstream import PATHS, begun, fails, refuses
from tests.support.replay import Canned, Replay

WRONG_KEY = "sk-0000000000000000dead"


def refused(call: Callable[[], object]) -> errors.AnswerError:
    with pytest.raises(errors.AnswerError) as caught:
        call()
    return caught.value


@each_wire
def test_a_wrong_key_is_refused_in_the_gateways_words(proxy: Proxy, wire: Wire) -> None:
    stranger = client(proxy.url, WRONG_KEY)
    stream = stranger.stream(Target("openai-demo-tour", wire), QUESTION, Params(), CancelToken())
    for error in (refused(lambda: list(stream)), refused(stranger.fetch_models)):
        assert type(error) is errors.KeyRejected
        # Without a database it cannot look for keys, and so it says.
        assert (error.detail, error.status) == ("No connected db.", 400)
    stranger.close()


@each_wire
def test_an_unknown_model_is_named(asked: Gateway, wire: Wire) -> None:
    error = refused(lambda: list(asked.stream(Target("no-such", wire), QUESTION, Params(), CancelToken())))
    assert isinstance(error, errors.InvalidRequest | errors.ModelNotFound)
    assert "Invalid model name passed in model=no-such" in error.detail


@each_route
def test_a_rate_limit_is_told_as_one(replay: Replay, asked: Gateway, wire: Wire, behind: Wire) -> None:
    replay.serve(PATHS[behind], refuses(behind, 429, "rate_limit_error", "Slow down, please."))
    heard = says(asked, wire, REPLAYED[behind])
    assert type(heard.error) is errors.RateLimited
    assert heard.error.status == 429
    assert "Slow down, please." in heard.error.detail
    assert heard.reply.parts() == ()


@each_route
@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (401, "authentication_error", errors.KeyRejected),
        (402, "billing_error", errors.QuotaExhausted),
        (400, "invalid_request_error", errors.InvalidRequest),
        (500, "api_error", errors.GatewayUnavailable),
    ],
)
def test_what_the_model_refuses_keeps_its_kind_and_words(
    replay: Replay, asked: Gateway, wire: Wire, behind: Wire, status: int, kind: str, fault: type
) -> None:
    replay.serve(PATHS[behind], refuses(behind, status, kind, "Not like this."))
    error = says(asked, wire, REPLAYED[behind]).error
    assert type(error) is fault
    assert "Not like this." in error.detail


@each_route
def test_a_page_from_behind_is_a_gateway_that_is_down(asked: Gateway, wire: Wire, behind: Wire) -> None:
    error = says(asked, wire, f"{behind}-demo-badgateway").error
    assert type(error) is errors.GatewayUnavailable
    assert error.status == 502
    assert "502 Bad Gateway" in error.detail


@each_route
def test_an_error_in_mid_stream_keeps_the_text(
    replay: Replay, asked: Gateway, wire: Wire, behind: Wire
) -> None:
    replay.serve(PATHS[behind], fails(behind, ["Half ", "an answer"], "Out of breath."))
    heard = says(asked, wire, REPLAYED[behind])
    assert heard.text == "Half an answer"
    # Only what is handed through keeps the kind; a translation says no more than that it failed.
    handed_through = wire == behind == "anthropic"
    assert type(heard.error) is (errors.Overloaded if handed_through else errors.StreamError)
    assert "Out of breath." in heard.error.detail
    assert heard.reply.outcome() is Outcome.INTERRUPTED


@each_route
def test_a_connection_that_breaks_behind_keeps_the_text(asked: Gateway, wire: Wire, behind: Wire) -> None:
    heard = says(asked, wire, f"{behind}-demo-breaks")
    assert heard.text and heard.text == straight(behind, "demo-breaks").text
    # Half an event may come first, with which the gateway's own is mixed up: then nothing can be read of it.
    assert type(heard.error) in (errors.StreamError, errors.StreamInterrupted)
    assert heard.reply.outcome() is Outcome.INTERRUPTED


def test_an_answer_handed_through_without_its_end_is_cut(replay: Replay, asked: Gateway) -> None:
    half = b"".join(begun("anthropic", ["Half ", "an answer"]))
    replay.serve(PATHS["anthropic"], Canned(half, framing="close"))
    heard = says(asked, "anthropic", REPLAYED["anthropic"])
    assert (type(heard.error), heard.text) == (errors.StreamInterrupted, "Half an answer")
