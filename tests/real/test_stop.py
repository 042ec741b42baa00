"""A stop ends the answer here at once, and the model behind a real gateway hears of it."""

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
from tests.real.routes import QUESTION, REPLAYED, each_route
from tests.real.upstream import PATHS
from tests.support.replay import Canned, Replay, soon
from tests.unit.gateway.recordings import collect

# Where LiteLLM makes Anthropic's events of OpenAI's, it leaves the model ten seconds after we left.
PATIENCE = 120.0


@each_route
def test_a_stop_in_mid_stream_ends_it_here_and_behind(
    model: FakeGateway, asked: Gateway, wire: Wire, behind: Wire
) -> None:
    cancel = CancelToken()
    stream = asked.stream(Target(f"{behind}-demo-endless", wire), QUESTION, Params(), cancel)
    assert any(isinstance(event, TextDelta) for event in stream)
    assert model.open_streams == 1  # its text is here while it is still being said
    cancel.cancel()
    rest = collect(stream)
    assert type(rest.error) in (type(None), errors.StreamInterrupted)
    assert rest.reply.finish is None
    assert soon(lambda: model.open_streams == 0, PATIENCE)


# On the route that is missing, and while even the headers are, LiteLLM tells a silent model nothing.
@pytest.mark.parametrize(
    ("wire", "behind"), [("openai", "openai"), ("openai", "anthropic"), ("anthropic", "anthropic")]
)
def test_a_stop_while_the_model_is_silent_ends_it_here_and_behind(
    replay: Replay, asked: Gateway, wire: Wire, behind: Wire
) -> None:
    replay.serve(PATHS[behind], Canned(silence=0))
    number = len(replay.requests) + 1
    cancel = CancelToken()

    def stop() -> None:
        if replay.wait_for_requests(number):
            cancel.cancel()

    stopping = threading.Thread(target=stop)
    stopping.start()
    heard = collect(asked.stream(Target(REPLAYED[behind], wire), QUESTION, Params(), cancel))
    stopping.join()
    # Not TimedOut, which is what comes of a silence that nobody ends.
    assert type(heard.error) in (errors.StreamInterrupted, errors.GatewayUnreachable)
    assert len(replay.requests) == number
    assert replay.requests[-1].left.wait(PATIENCE)


@each_route
def test_after_a_stop_the_next_question_is_answered(
    model: FakeGateway, asked: Gateway, wire: Wire, behind: Wire
) -> None:
    cancel = CancelToken()
    stream = asked.stream(Target(f"{behind}-demo-endless", wire), QUESTION, Params(), cancel)
    assert any(isinstance(event, TextDelta) for event in stream)
    cancel.cancel()
    collect(stream)
    heard = collect(asked.stream(Target(f"{behind}-demo-tour", wire), QUESTION, Params(), CancelToken()))
    assert (heard.error, heard.text[:9]) == (None, "You asked")
