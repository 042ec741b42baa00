"""The way to the gateway and back: silence, broken connections, compressed bodies, many at once."""

import itertools
import threading
import time
from types import SimpleNamespace
from typing import cast

import pytest
import requests

from lib.config.settings import Settings, Timeouts
from lib.core import errors
from lib.core.conversation import Message, TextPart
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.gateway import client as client_module
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Response, Transport
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import FRAMINGS, JSON, Canned, Framing, Replay
from tests.unit.gateway.recordings import KEY, PATHS, RECORDINGS, Heard, ask, error_of

each_framing = pytest.mark.parametrize("framing", FRAMINGS)
STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]
FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}\n\n'


def waiting(replay: Replay, first: float, idle: float) -> Gateway:
    """A gateway with these limits of patience: up to the first byte, and after it."""
    timeouts = Timeouts(connect=20, first_byte=first, idle=idle)
    return Gateway(Settings(api_key=KEY, base_url=replay.url, timeouts=timeouts, retries=0))


@pytest.mark.parametrize(
    ("how", "first", "idle"),
    [
        ({"mute": True}, 0.2, 60),
        ({"silence": 0}, 0.2, 60),
        ({"silence": 1}, 60, 0.2),
        ({"silence": len(FRAME)}, 60, 0.2),
    ],
    ids=["no headers", "no first byte", "one byte", "one event"],
)
@each_framing
def test_each_silence_has_a_limit_of_its_own(
    replay: Replay, framing: Framing, how: dict[str, int], first: float, idle: float
) -> None:
    replay.serve(CHAT, Canned(FRAME * 2, framing=framing, **how))
    client = waiting(replay, first, idle)
    heard = ask(client, "openai")
    assert type(heard.error) is errors.RequestTimeout
    assert heard.text == ("Half an " if how.get("silence") == len(FRAME) else "")
    assert replay.requests[0].left.wait(20)
    client.close()


@pytest.mark.parametrize(
    ("how", "first", "idle"),
    [({"mute": True}, 60, 0.1), ({"silence": 0}, 60, 0.1), ({"silence": 1}, 0.1, 60)],
    ids=["headers", "first byte", "next byte"],
)
def test_the_limit_of_one_silence_is_not_that_of_another(
    replay: Replay, how: dict[str, int], first: float, idle: float
) -> None:
    replay.serve(CHAT, STREAM.canned(**how))
    client = waiting(replay, first, idle)
    timer = threading.Timer(0.4, replay.resume)
    timer.start()
    heard = ask(client, "openai")
    timer.join()
    assert (heard.text, heard.error) == (STREAM.text, None)
    client.close()


def test_a_used_connection_has_its_first_patience_again(replay: Replay) -> None:
    client = waiting(replay, first=60, idle=0.1)
    whole = RECORDINGS["openai-nostream.json"].canned(framing="length")
    replay.serve(CHAT, whole, STREAM.canned(mute=True))
    assert ask(client, "openai").error is None
    timer = threading.Timer(0.4, replay.resume)
    timer.start()
    assert (ask(client, "openai").text, replay.connections) == (STREAM.text, 1)
    timer.join()
    client.close()


def dripping(*start: bytes) -> Response:
    """An answer of this, and of comments that never end."""
    pieces = itertools.chain(start, itertools.repeat(b": PING\n\n", 3_000))

    def read1(*_: object, **__: object) -> bytes:
        time.sleep(0.005)
        return next(pieces)  # a StopIteration here is a reader that does not stop

    raw = SimpleNamespace(status_code=200, headers={}, raw=SimpleNamespace(read1=read1), close=list)
    return Response(cast(requests.Response, raw), CancelToken(), idle_timeout=60)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_the_last_count_is_not_waited_for_for_ever(
    replay: Replay, asked: Gateway, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "USAGE_AFTER_ERROR_TIMEOUT", 0.05)
    monkeypatch.setattr(Transport, "post", lambda *_: dripping(b'data: {"error":"gone"}\n\n'))
    assert type(error_of(asked, wire)) is errors.StreamError


def test_a_body_that_never_ends_is_taken_as_far_as_it_came() -> None:
    assert dripping(b"no ").read_text(timeout=0.05).startswith("no : PING")
    assert dripping(b"words").read_text(max_bytes=3) == "wor"


def test_a_refusal_whose_words_never_come_is_not_waited_for(
    replay: Replay, asked: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "lib.gateway.transport.request.Response.read_text.__defaults__"
    monkeypatch.setattr(text, (65_536, 0.3))
    replay.serve(CHAT, Canned(b'{"error":"no"}', 503, JSON, silence=5))
    found: list[errors.AnswerError] = []
    worker = threading.Thread(target=lambda: found.append(error_of(asked)), daemon=True)
    worker.start()
    worker.join(20)
    assert [type(error) for error in found] == [errors.Overloaded]
    assert replay.requests[0].left.wait(20)


def test_a_refused_port_is_unreachable() -> None:
    with Replay() as gone:
        url = gone.url
    client = Gateway(Settings(api_key=KEY, base_url=url, retries=0))
    assert type(error_of(client)) is errors.GatewayUnreachable


def test_an_unknown_host_is_unreachable() -> None:
    client = Gateway(
        Settings(
            api_key=KEY,
            base_url="http://nowhere.invalid",
            timeouts=Timeouts(connect=5, first_byte=5),
            retries=0,
        )
    )
    assert type(error_of(client)) is errors.GatewayUnreachable


def test_no_answer_is_asked_to_be_compressed_and_a_compressed_one_is_read(
    replay: Replay, asked: Gateway
) -> None:
    for piece in (1, 7, None):
        replay.serve(CHAT, STREAM.canned(gzip=True, piece=piece))
        assert ask(asked, "openai").text == STREAM.text
    assert replay.requests[0].headers["accept-encoding"] == "identity"


def test_a_compressed_body_that_is_cut_or_broken_is_cut(replay: Replay, asked: Gateway) -> None:
    for framing in FRAMINGS:
        replay.serve(CHAT, STREAM.canned(gzip=True, cut=200, framing=framing))
        assert type(error_of(asked)) is errors.StreamInterrupted
    lie = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    replay.serve(CHAT, Canned(b"data: not gzip\n\n", headers=lie))
    assert type(error_of(asked)) is errors.StreamInterrupted


def test_many_at_once_keep_to_themselves(replay: Replay, asked: Gateway) -> None:
    for wire in WIRE_MODULES:
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned(piece=100))
    heard: list[tuple[str, Heard]] = []
    threads = [
        threading.Thread(target=lambda wire=wire: heard.append((wire, ask(asked, wire))))
        for wire in [*WIRE_MODULES] * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(heard) == 20
    assert all(one.text == RECORDINGS[f"{wire}-text.sse"].text and one.error is None for wire, one in heard)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_half_a_letter_in_a_question_is_sent_as_a_question_mark(
    replay: Replay, asked: Gateway, wire: str
) -> None:
    replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
    question = [Message("user", (TextPart("broken \ud83d and whole 😀"),))]
    events = list(asked.stream(Target("m\udc00", wire), question, Params(system="\udfff!"), CancelToken()))
    assert events
    sent = replay.requests[0].json
    assert sent["messages"][-1]["content"] == "broken ? and whole 😀"
    assert sent["model"] == "m?"
