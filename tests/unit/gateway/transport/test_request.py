"""Transport: timeouts, broken connections, compressed bodies, and concurrent requests."""

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
from lib.gateway import response_events
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Response, Transport
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import FRAMINGS, JSON, Canned, Framing, Replay
from tests.unit.gateway.recordings import KEY, PATHS, RECORDINGS, CollectedAnswer, ask, expect_error

each_framing = pytest.mark.parametrize("framing", FRAMINGS)
STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]
HALF_FRAME = b'data: {"choices":[{"index":0,"delta":{"content":"Half an "}}]}\n\n'


def gateway_with_timeouts(replay: Replay, first_byte: float, idle: float) -> Gateway:
    """A client with these timeouts in seconds, before the first byte and after it."""
    timeouts = Timeouts(connect=20, first_byte=first_byte, idle=idle)
    return Gateway(Settings(api_key=KEY, base_url=replay.url, timeouts=timeouts, retries=0))


@pytest.mark.parametrize(
    ("options", "first_byte", "idle"),
    [
        ({"mute": True}, 0.2, 60),
        ({"silence": 0}, 0.2, 60),
        ({"silence": 1}, 60, 0.2),
        ({"silence": len(HALF_FRAME)}, 60, 0.2),
    ],
    ids=["no headers", "no first byte", "one byte", "one event"],
)
@each_framing
def test_silence_before_and_after_the_first_byte_has_a_timeout(
    replay: Replay, framing: Framing, options: dict[str, int], first_byte: float, idle: float
) -> None:
    replay.serve(CHAT, Canned(HALF_FRAME * 2, framing=framing, **options))
    client = gateway_with_timeouts(replay, first_byte, idle)
    answer = ask(client, "openai")
    assert type(answer.error) is errors.RequestTimeout
    assert answer.text == ("Half an " if options.get("silence") == len(HALF_FRAME) else "")
    assert replay.requests[0].left.wait(20)
    client.close()


@pytest.mark.parametrize(
    ("options", "first_byte", "idle"),
    [({"mute": True}, 60, 0.1), ({"silence": 0}, 60, 0.1), ({"silence": 1}, 0.1, 60)],
    ids=["headers", "first byte", "next byte"],
)
def test_timeouts_before_and_after_the_first_byte_are_independent(
    replay: Replay, options: dict[str, int], first_byte: float, idle: float
) -> None:
    replay.serve(CHAT, STREAM.canned(**options))
    client = gateway_with_timeouts(replay, first_byte, idle)
    timer = threading.Timer(0.4, replay.resume)
    timer.start()
    answer = ask(client, "openai")
    timer.join(30)
    assert (answer.text, answer.error) == (STREAM.text, None)
    client.close()


def test_reused_connection_has_the_first_byte_timeout_again(replay: Replay) -> None:
    client = gateway_with_timeouts(replay, first_byte=60, idle=0.1)
    response = RECORDINGS["openai-nostream.json"].canned(framing="length")
    replay.serve(CHAT, response, STREAM.canned(mute=True))
    assert ask(client, "openai").error is None
    timer = threading.Timer(0.4, replay.resume)
    timer.start()
    assert (ask(client, "openai").text, replay.connections) == (STREAM.text, 1)
    timer.join(30)
    client.close()


def endless_response(*first_chunks: bytes) -> Response:
    """A response of these chunks, followed by comments without end."""
    chunks = itertools.chain(first_chunks, itertools.repeat(b": PING\n\n", 3_000))

    def read1(*_: object, **__: object) -> bytes:
        time.sleep(0.005)
        return next(chunks)  # raises StopIteration if the reader does not stop

    raw = SimpleNamespace(status_code=200, headers={}, raw=SimpleNamespace(read1=read1), close=list)
    return Response(cast(requests.Response, raw), CancelToken(), idle_timeout=60)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_wait_for_usage_after_an_error_is_limited(
    replay: Replay, gateway: Gateway, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_events, "USAGE_AFTER_ERROR_TIMEOUT", 0.05)
    monkeypatch.setattr(Transport, "post", lambda *_: endless_response(b'data: {"error":"gone"}\n\n'))
    assert type(expect_error(gateway, wire)) is errors.StreamError


def test_read_text_of_an_endless_body_stops_at_its_limits() -> None:
    assert endless_response(b"no ").read_text(timeout=0.05).startswith("no : PING")
    assert endless_response(b"words").read_text(max_bytes=3) == "wor"


def test_incomplete_error_body_is_not_waited_for(
    replay: Replay, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = "lib.gateway.transport.request.Response.read_text.__defaults__"
    monkeypatch.setattr(defaults, (65_536, 0.3))
    replay.serve(CHAT, Canned(b'{"error":"no"}', 503, JSON, silence=5))
    caught: list[errors.AnswerError] = []
    worker = threading.Thread(target=lambda: caught.append(expect_error(gateway)), daemon=True)
    worker.start()
    worker.join(20)
    assert [type(error) for error in caught] == [errors.Overloaded]
    assert replay.requests[0].left.wait(20)


def test_closed_port_is_unreachable() -> None:
    with Replay() as server:
        url = server.url
    client = Gateway(Settings(api_key=KEY, base_url=url, retries=0))
    assert type(expect_error(client)) is errors.GatewayUnreachable


def test_unknown_host_is_unreachable() -> None:
    client = Gateway(
        Settings(
            api_key=KEY,
            base_url="http://nowhere.invalid",
            timeouts=Timeouts(connect=5, first_byte=5),
            retries=0,
        )
    )
    assert type(expect_error(client)) is errors.GatewayUnreachable


def test_compression_is_not_requested_but_decoded(replay: Replay, gateway: Gateway) -> None:
    for piece in (1, 7, None):
        replay.serve(CHAT, STREAM.canned(gzip=True, piece=piece))
        assert ask(gateway, "openai").text == STREAM.text
    assert replay.requests[0].headers["accept-encoding"] == "identity"


def test_truncated_or_invalid_gzip_is_interrupted(replay: Replay, gateway: Gateway) -> None:
    for framing in FRAMINGS:
        replay.serve(CHAT, STREAM.canned(gzip=True, cut=200, framing=framing))
        assert type(expect_error(gateway)) is errors.StreamInterrupted
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    replay.serve(CHAT, Canned(b"data: not gzip\n\n", headers=headers))
    assert type(expect_error(gateway)) is errors.StreamInterrupted


def test_concurrent_requests_do_not_mix(replay: Replay, gateway: Gateway) -> None:
    for wire in WIRE_MODULES:
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned(piece=100))
    answers: list[tuple[str, CollectedAnswer]] = []
    threads = [
        threading.Thread(target=lambda wire=wire: answers.append((wire, ask(gateway, wire))))
        for wire in [*WIRE_MODULES] * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 20
    assert all(answer.text == RECORDINGS[f"{wire}-text.sse"].text and answer.error is None for wire, answer in answers)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_lone_surrogates_are_sent_as_question_marks(replay: Replay, gateway: Gateway, wire: str) -> None:
    replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
    question = [Message("user", (TextPart("lone \ud83d and valid 😀"),))]
    events = list(gateway.stream(Target("m\udc00", wire), question, Params(system="\udfff!"), CancelToken()))
    assert events
    request_json = replay.requests[0].json
    assert request_json["messages"][-1]["content"] == "lone ? and valid 😀"
    assert request_json["model"] == "m?"


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nX-Request-Id: early\r\n\r\n"


@pytest.mark.parametrize(
    "interim",
    [HINTS, b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS * 3, HINTS * 50],
    ids=["103", "102", "100 and 103", "many"],
)
@each_framing
def test_informational_responses_are_skipped(replay: Replay, framing: Framing, interim: bytes) -> None:
    replay.serve(CHAT, STREAM.canned(framing=framing, interim=interim))
    client = gateway_with_timeouts(replay, 20, 20)
    for _ in range(2):  # also on a pooled connection
        answer = ask(client, "openai")
        assert (answer.text, answer.error) == (STREAM.text, None)
        assert "request_id" not in answer.reply.provider_metadata
    replay.serve(CHAT, Canned(b'{"error":{"message":"busy"}}', 429, JSON, framing=framing, interim=interim))
    assert type(expect_error(client)) is errors.RateLimited
    client.close()


def test_endless_informational_responses_are_an_error(replay: Replay) -> None:
    replay.serve(CHAT, STREAM.canned(interim=HINTS * 1_000))
    client = gateway_with_timeouts(replay, 20, 20)
    assert type(expect_error(client)) is errors.GatewayUnreachable
    client.close()
