"""Whatever a gateway sends, in whatever pieces: the same sum, or one error, and nothing is left behind."""

import gc
import json
import threading
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lib.config.settings import Settings
from lib.core.errors import AnswerError
from lib.core.target import Wire
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Response, Transport
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import FRAMINGS, Canned, Framing, Replay, soon
from tests.unit.gateway.recordings import KEY, PATHS, STREAMS, WHOLE, Heard, Recording, ask, gateway

SPLITS = st.lists(st.integers(0, 100_000), max_size=40)
few = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class InPieces(Gateway):
    """A gateway that answers with these bytes, read in these pieces, without a network."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(Settings(api_key=KEY, base_url="http://127.0.0.1:9", retries=0))
        self._transport = cast(Transport, SimpleNamespace(post=lambda *_: _answer(pieces)))


def _answer(pieces: list[bytes]) -> Response:
    rest = filter(None, pieces)
    body = SimpleNamespace(read1=lambda *_, **__: next(rest, b""))
    raw = SimpleNamespace(status_code=200, headers={}, raw=body, close=lambda: None)
    return Response(cast(requests.Response, raw), CancelToken(), idle_timeout=60)


def sum_of(wire: Wire, body: bytes, places: list[int]) -> dict[str, Any]:
    """All that is known of an answer whose bytes are cut at these places."""
    bounds = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    told = ask(InPieces([body[start:end] for start, end in pairwise(bounds)]), wire)
    return {**told.told(), "others": [other.parts() for other in told.others]}


@pytest.mark.parametrize("recording", [*STREAMS, *WHOLE], ids=lambda recording: recording.name)
@settings(few, max_examples=25)
@given(places=SPLITS, data=st.data())
def test_any_split_of_any_recording_gives_the_same_sum(
    recording: Recording, places: list[int], data: st.DataObject
) -> None:
    assert sum_of(recording.wire, recording.body, places) == sum_of(recording.wire, recording.body, [])
    # So does one that is cut off, or begins with a mark, blanks or a comment.
    end = data.draw(st.integers(0, len(recording.body)))
    start = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\r\n", b": PING\n\n"]))
    body = start + recording.body[:end]
    assert sum_of(recording.wire, body, places) == sum_of(recording.wire, body, [])


NAMES = ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"]
NAMES += ["text", "thinking", "text_delta", "thinking_delta", "signature_delta", "ping", "error", "message"]
KEYS = ["choices", "delta", "message", "content", "usage", "error", "type", "index", "finish_reason", "id"]
KEYS += ["stop_reason", "content_block", "text", "thinking", "model", "code", "refusal", "reasoning_content"]
WORDS = st.sampled_from([*NAMES, "", "stop", "<think>", "</think>", "a", "\ud83d", "世"])
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | WORDS
JSONS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
# What real events are made of, with anything in the place of anything.
EVENTS = st.fixed_dictionaries(
    {"type": WORDS},
    optional={
        "index": JSONS,
        "delta": st.fixed_dictionaries({"type": WORDS}, optional={"text": JSONS, "stop_reason": JSONS}),
        "choices": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.integers(-1, 200) | JSONS,
                    "delta": st.fixed_dictionaries({}, optional={"content": WORDS | JSONS, "role": WORDS}),
                    "finish_reason": WORDS | st.none(),
                },
            ),
            max_size=2,
        ),
        "usage": st.dictionaries(st.sampled_from(["prompt_tokens", "input_tokens", "output_tokens"]), JSONS),
        "error": JSONS,
        "id": WORDS,
    },
)
FRAME = (EVENTS | JSONS).map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n")
PIECE = st.one_of(
    FRAME,
    st.binary(max_size=20),
    st.sampled_from([b"data: [DONE]\n\n", b": PING\n\n", b"event: error\n", b"data: {", b"\r", b"\n", b"{}"]),
    st.sampled_from(
        [b"\xef\xbb\xbf", b"<html>", b'[{"a":1}]', b"5\r\nabcde\r\n", b"0\r\n\r\n", b"\x1f\x8b\x08"]
    ),
)
BODY = st.lists(PIECE, max_size=8).map(b"".join)


@settings(few, max_examples=150)
@given(wire=st.sampled_from(list(WIRE_MODULES)), body=BODY, places=SPLITS)
def test_any_split_of_any_bytes_gives_the_same_sum(wire: Wire, body: bytes, places: list[int]) -> None:
    assert sum_of(wire, body, places) == sum_of(wire, body, [])


STATUS = st.sampled_from([200] * 8 + [100, 199, 201, 204, 206, 301, 304, 400, 401, 404, 429, 500, 503, 999])
# A label that lies is told where the framing is the end of the connection: the header then stands alone.
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            ["text/event-stream", "application/json", "text/html", "", "\x80;;=\xff"]
        ),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "br", "identity", "gzip, gzip", "none"]),
        "Transfer-Encoding": st.sampled_from(["chunked", "gzip, chunked", "identity"]),
        "Content-Length": st.sampled_from(["0", "5", "99999", "-1", "five", "5, 5"]),
        "Location": st.sampled_from(["http://127.0.0.1:1/", "//", "http://[::1"]),
        "Retry-After": st.sampled_from(["0", "99999", "Thu, 32 Foo", "\xff"]),
        "Set-Cookie": st.just("a=b"),
    },
)


@pytest.fixture(scope="module")
def hostile() -> Iterator[tuple[Replay, Gateway]]:
    """A server and a gateway for many questions, after which nothing may be left of either."""
    before = set(threading.enumerate())
    with Replay() as server:
        client = gateway(server, idle=0.2, retries=1)
        yield server, client
        client.close()
        gc.collect()  # errors refer to the pool of connections, which is closed with its last reference
        assert server.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


@settings(few, max_examples=120)
@given(
    wire=st.sampled_from(list(WIRE_MODULES)),
    body=BODY,
    status=STATUS,
    headers=HEADERS,
    framing=st.sampled_from(FRAMINGS),
    piece=st.none() | st.integers(1, 9),
    cut=st.none() | st.integers(0, 60),
    packed=st.booleans(),
)
@example(
    wire="openai", body=b"", status=204, headers={}, framing="chunked", piece=None, cut=None, packed=False
)
def test_any_answer_is_events_or_one_error_and_leaves_nothing(
    hostile: tuple[Replay, Gateway],
    monkeypatch: pytest.MonkeyPatch,
    wire: Wire,
    body: bytes,
    status: int,
    headers: dict[str, str],
    framing: Framing,
    piece: int | None,
    cut: int | None,
    packed: bool,
) -> None:
    monkeypatch.setattr("lib.gateway.transport.retry._MAX_BACKOFF", 0.0)
    monkeypatch.setattr("lib.gateway.transport.retry.MAX_HONORED_RETRY_AFTER", 0.0)
    server, client = hostile
    answer = Canned(body, status, headers, framing, gzip=packed, piece=piece, cut=cut)
    server.serve(PATHS[wire], answer)
    heard: Heard = ask(client, wire)
    assert heard.error is None or isinstance(heard.error, AnswerError)
    assert (heard.error is None) <= (status in (200, 100, 199))
    assert KEY not in repr(heard.told())
    assert soon(lambda: server.open <= 1)  # the one that may be used again
