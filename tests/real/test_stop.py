"""Cancellation through a real gateway: the client and the upstream connection end."""

from __future__ import annotations

import threading

import pytest

from lib.core import errors
from lib.core.events import TextDelta
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.fake_gateway import FakeGateway
from tests.real.routes import QUESTION, REPLAY_MODELS, each_route
from tests.real.upstream import PATHS
from tests.support.replay import Canned, Replay, soon
from tests.unit.gateway.recordings import collect

# Seconds. LiteLLM closes a translated upstream connection ten seconds after the client's.
CLOSE_TIMEOUT = 120.0


@each_route
def test_cancel_in_the_stream_closes_both_connections(
    fake_gateway: FakeGateway, gateway: Gateway, wire: Wire, upstream_wire: Wire
) -> None:
    cancel = CancelToken()
    stream = gateway.stream(Target(f"{upstream_wire}-demo-endless", wire), QUESTION, Params(), cancel)
    assert any(isinstance(event, TextDelta) for event in stream)
    assert fake_gateway.open_streams == 1  # text arrives while the upstream is still sending
    cancel.cancel()
    remaining = collect(stream)
    assert type(remaining.error) in (type(None), errors.StreamInterrupted)
    assert remaining.reply.finish is None
    assert soon(lambda: fake_gateway.open_streams == 0, CLOSE_TIMEOUT)


# On the missing route, LiteLLM does not close the connection of a silent upstream.
@pytest.mark.parametrize(
    ("wire", "upstream_wire"), [("openai", "openai"), ("openai", "anthropic"), ("anthropic", "anthropic")]
)
def test_cancel_during_silence_closes_both_connections(
    replay: Replay, gateway: Gateway, wire: Wire, upstream_wire: Wire
) -> None:
    replay.serve(PATHS[upstream_wire], Canned(silence=0))
    request_number = len(replay.requests) + 1
    cancel = CancelToken()

    def cancel_after_request() -> None:
        if replay.wait_for_requests(request_number):
            cancel.cancel()

    canceller = threading.Thread(target=cancel_after_request)
    canceller.start()
    answer = collect(gateway.stream(Target(REPLAY_MODELS[upstream_wire], wire), QUESTION, Params(), cancel))
    canceller.join()
    # Not RequestTimeout, which a silence without a cancel ends with.
    assert type(answer.error) in (errors.StreamInterrupted, errors.GatewayUnreachable)
    assert len(replay.requests) == request_number
    assert replay.requests[-1].left.wait(CLOSE_TIMEOUT)


@each_route
def test_next_question_after_a_cancel_is_answered(
    fake_gateway: FakeGateway, gateway: Gateway, wire: Wire, upstream_wire: Wire
) -> None:
    cancel = CancelToken()
    stream = gateway.stream(Target(f"{upstream_wire}-demo-endless", wire), QUESTION, Params(), cancel)
    assert any(isinstance(event, TextDelta) for event in stream)
    cancel.cancel()
    collect(stream)
    answer = collect(gateway.stream(Target(f"{upstream_wire}-demo-tour", wire), QUESTION, Params(), CancelToken()))
    assert (answer.error, answer.text[:9]) == (None, "You asked")
