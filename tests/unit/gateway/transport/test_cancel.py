"""A stop ends the worker and the connection whatever they wait for, and nothing stays behind."""

import threading

import pytest

from lib.core import errors
from lib.core.params import Params
from lib.core.reply import TextDelta
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.support.replay import FRAMINGS, JSON, Canned, Framing, Replay, soon
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask

each_framing = pytest.mark.parametrize("framing", FRAMINGS)
STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]
FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}\n\n'


class Asking:
    """A question on a thread of its own, as in the app."""

    def __init__(self, asked: Gateway) -> None:
        self.cancel = CancelToken()
        self.text = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(asked,), daemon=True)
        self._thread.start()

    def _ask(self, asked: Gateway) -> None:
        stream = asked.stream(Target("tiny", "openai"), QUESTION, Params(), self.cancel)
        try:
            for event in stream:
                if isinstance(event, TextDelta):
                    self.text.set()
        except errors.AnswerError:
            pass

    def ended(self, within: float) -> bool:
        self._thread.join(within)
        return not self._thread.is_alive()


def test_a_stop_while_nothing_has_come_ends_the_worker_and_the_connection(
    replay: Replay, asked: Gateway
) -> None:
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    asking = Asking(asked)
    assert replay.wait_for_requests(1)
    assert not asking.ended(0.2)
    asking.cancel.cancel()
    assert asking.ended(5)
    assert replay.requests[0].left.wait(5)
    assert replay.wait_for_no_connection()


@each_framing
def test_a_stop_in_a_silence_ends_the_worker_and_the_connection(
    replay: Replay, asked: Gateway, framing: Framing
) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, silence=len(FRAME), framing=framing))
    asking = Asking(asked)
    assert asking.text.wait(20)
    assert not asking.ended(0.2)
    assert not replay.requests[0].left.is_set()
    asking.cancel.cancel()
    assert asking.ended(5)
    assert replay.requests[0].left.wait(5)
    assert replay.wait_for_no_connection()


def test_a_stop_on_a_connection_used_before_ends_it_too(replay: Replay, asked: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON, framing="length"))
    asked.fetch_models()
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    asking = Asking(asked)
    assert replay.wait_for_requests(2)
    assert replay.connections == 1
    asking.cancel.cancel()
    assert asking.ended(5)
    assert replay.requests[1].left.wait(5)


def test_a_stop_before_the_start_sends_nothing(replay: Replay, asked: Gateway) -> None:
    replay.serve(CHAT, STREAM.canned())
    cancel = CancelToken()
    cancel.cancel()
    cancel.cancel()
    heard = ask(asked, "openai", cancel)
    assert (heard.error, heard.text) == (None, "")
    assert replay.wait_for_no_connection()
    assert replay.requests == []


def test_a_late_stop_does_not_hit_the_next_request(replay: Replay, asked: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON, framing="length"))
    refused = Canned(b'{"error":"no"}', 400, JSON, framing="length")
    replay.serve(CHAT, refused)
    cancel = CancelToken()
    assert type(ask(asked, "openai", cancel).error) is errors.InvalidRequest
    replay.serve(CHAT, STREAM.canned())
    stream = asked.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken())
    next(stream)
    assert replay.connections == 1
    cancel.cancel()
    assert len(list(stream)) > 10


def endings() -> list[Canned]:
    """An answer each that ends well, is cut, refused, broken or refused by our reading of it."""
    return [
        *(STREAM.canned(framing=framing) for framing in FRAMINGS),
        *(STREAM.canned(framing=framing, cut=3_000) for framing in FRAMINGS),
        RECORDINGS["openai-error-context.json"].canned(framing="length"),
        RECORDINGS["openai-error-context.json"].canned(framing="length", cut=10),
        Canned(b"<h1>Hello</h1>", headers={"Content-Type": "text/html"}),
        Canned(FRAME + b'data: {"error":"gone"}\n\n' + FRAME, framing="length"),
        Canned(b"x" * 200_000, status=500),
        Canned(b"", status=204, framing="close"),
    ]


def test_nothing_stays_open_or_running_however_it_ends(replay: Replay, asked: Gateway) -> None:
    before = set(threading.enumerate())
    for canned in endings():
        replay.serve(CHAT, canned)
        ask(asked, "openai")
    assert soon(lambda: replay.open <= 1)  # the one that may be used again
    asked.close()
    assert replay.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


def test_nothing_stays_open_when_a_reader_leaves(replay: Replay, asked: Gateway) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, silence=len(FRAME)))
    stream = asked.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken())
    assert next(stream) == TextDelta("Half an ")
    stream.close()
    assert replay.requests[0].left.wait(20)
    assert replay.wait_for_no_connection()
