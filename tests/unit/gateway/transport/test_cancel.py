"""Cancellation: it ends the reader and the connection whatever they wait for, and leaks nothing."""

import threading

import pytest

from lib.core import errors
from lib.core.events import TextDelta
from lib.core.params import Params
from lib.core.target import Target
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.support.replay import FRAMINGS, JSON, Canned, Framing, Replay, soon
from tests.unit.gateway.recordings import PATHS, QUESTION, RECORDINGS, ask, collect

each_framing = pytest.mark.parametrize("framing", FRAMINGS)
STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]
FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}\n\n'


class BackgroundStream:
    """A stream that is read on a worker thread, as in the app."""

    def __init__(self, gateway: Gateway) -> None:
        self.cancel = CancelToken()
        self.has_text = threading.Event()
        self._thread = threading.Thread(target=self._read_stream, args=(gateway,), daemon=True)
        self._thread.start()

    def _read_stream(self, gateway: Gateway) -> None:
        stream = gateway.stream(Target("tiny", "openai"), QUESTION, Params(), self.cancel)
        try:
            for event in stream:
                if isinstance(event, TextDelta):
                    self.has_text.set()
        except errors.AnswerError:
            pass

    def has_ended(self, timeout: float) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()


def test_cancel_before_the_headers_ends_reader_and_connection(replay: Replay, gateway: Gateway) -> None:
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    background = BackgroundStream(gateway)
    assert replay.wait_for_requests(1)
    assert not background.has_ended(0.2)
    background.cancel.cancel()
    assert background.has_ended(5)
    assert replay.requests[0].left.wait(5)
    assert replay.wait_for_no_connection()


@each_framing
def test_cancel_during_silence_ends_reader_and_connection(replay: Replay, gateway: Gateway, framing: Framing) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, silence=len(FRAME), framing=framing))
    background = BackgroundStream(gateway)
    assert background.has_text.wait(20)
    assert not background.has_ended(0.2)
    assert not replay.requests[0].left.is_set()
    background.cancel.cancel()
    assert background.has_ended(5)
    assert replay.requests[0].left.wait(5)
    assert replay.wait_for_no_connection()


def test_cancel_on_a_reused_connection_ends_it(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON, framing="length"))
    gateway.fetch_models()
    replay.serve(CHAT, Canned(STREAM.body, mute=True))
    background = BackgroundStream(gateway)
    assert replay.wait_for_requests(2)
    assert replay.connections == 1
    background.cancel.cancel()
    assert background.has_ended(5)
    assert replay.requests[1].left.wait(5)


def test_cancel_before_the_start_sends_nothing(replay: Replay, gateway: Gateway) -> None:
    replay.serve(CHAT, STREAM.canned())
    cancel = CancelToken()
    cancel.cancel()
    cancel.cancel()
    answer = ask(gateway, "openai", cancel)
    assert (answer.error, answer.text) == (None, "")
    assert replay.wait_for_no_connection()
    assert replay.requests == []


def test_cancel_after_the_end_does_not_hit_the_next_request(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", Canned(b'{"data":[]}', headers=JSON, framing="length"))
    error_response = Canned(b'{"error":"no"}', 400, JSON, framing="length")
    replay.serve(CHAT, error_response)
    cancel = CancelToken()
    assert type(ask(gateway, "openai", cancel).error) is errors.InvalidRequest
    replay.serve(CHAT, STREAM.canned())
    stream = gateway.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken())
    next(stream)
    assert replay.connections == 1
    cancel.cancel()
    assert (answer := collect(stream)).error is None and answer.text == STREAM.text


def all_endings() -> list[Canned]:
    """Responses that are complete, truncated, errors, broken, or rejected by the client."""
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


def test_no_connection_or_thread_is_left_after_any_ending(replay: Replay, gateway: Gateway) -> None:
    before = set(threading.enumerate())
    for canned in all_endings():
        replay.serve(CHAT, canned)
        ask(gateway, "openai")
    assert soon(lambda: replay.open <= 1)  # a pooled connection
    gateway.close()
    assert replay.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


def test_closing_the_generator_closes_the_connection(replay: Replay, gateway: Gateway) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, silence=len(FRAME)))
    stream = gateway.stream(Target("tiny", "openai"), QUESTION, Params(), CancelToken())
    assert next(stream) == TextDelta("Half an ")
    stream.close()
    assert replay.requests[0].left.wait(20)
    assert replay.wait_for_no_connection()
