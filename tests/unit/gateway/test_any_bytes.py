"""Property tests: chunking never changes an answer, and arbitrary responses cause no crash or leak."""

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
from tests.support.examples import count_examples
from tests.support.replay import FRAMINGS, Canned, Framing, Replay, soon
from tests.unit.gateway.recordings import (
    COMPLETE_RESPONSES,
    KEY,
    PATHS,
    STREAMS,
    Recording,
    ask,
    build_gateway,
)

SPLITS = st.lists(st.integers(0, 100_000), max_size=40)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class ChunkedGateway(Gateway):
    """A client that receives these chunks without a network."""

    def __init__(self, chunks: list[bytes]) -> None:
        super().__init__(Settings(api_key=KEY, base_url="http://127.0.0.1:9", retries=0))
        self._transport = cast(Transport, SimpleNamespace(post=lambda *_: _response(chunks)))


def _response(chunks: list[bytes]) -> Response:
    remaining = filter(None, chunks)
    body = SimpleNamespace(read1=lambda *_, **__: next(remaining, b""))
    raw = SimpleNamespace(status_code=200, headers={}, raw=body, close=lambda: None)
    return Response(cast(requests.Response, raw), CancelToken(), idle_timeout=60)


def summarize(wire: Wire, body: bytes, cuts: list[int]) -> dict[str, Any]:
    """Summary of the answer whose body is cut into chunks at these offsets."""
    offsets = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    answer = ask(ChunkedGateway([body[start:end] for start, end in pairwise(offsets)]), wire)
    return {**answer.summary(), "other_choices": [reply.parts() for reply in answer.other_choices]}


@pytest.mark.slow
@pytest.mark.parametrize("recording", [*STREAMS, *COMPLETE_RESPONSES], ids=lambda recording: recording.name)
@settings(quick, max_examples=count_examples(12))
@given(cuts=SPLITS, data=st.data())
def test_chunking_does_not_change_the_answer_of_a_recording(
    recording: Recording, cuts: list[int], data: st.DataObject
) -> None:
    assert summarize(recording.wire, recording.body, cuts) == summarize(recording.wire, recording.body, [])
    # The same for a truncated body, and one that starts with a byte order mark, a line end or a comment.
    end = data.draw(st.integers(0, len(recording.body)))
    start = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\r\n", b": PING\n\n"]))
    body = start + recording.body[:end]
    assert summarize(recording.wire, body, cuts) == summarize(recording.wire, body, [])


NAMES = ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"]
NAMES += ["text", "thinking", "text_delta", "thinking_delta", "signature_delta", "ping", "error", "message"]
KEYS = ["choices", "delta", "message", "content", "usage", "error", "type", "index", "finish_reason", "id"]
KEYS += ["stop_reason", "content_block", "text", "thinking", "model", "code", "refusal", "reasoning_content"]
STRINGS = st.sampled_from([*NAMES, "", "stop", "<think>", "</think>", "a", "\ud83d", "世"])
LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | STRINGS
JSONS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
# The fields of real events, with values of any type.
EVENTS = st.fixed_dictionaries(
    {"type": STRINGS},
    optional={
        "index": JSONS,
        "delta": st.fixed_dictionaries({"type": STRINGS}, optional={"text": JSONS, "stop_reason": JSONS}),
        "choices": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.integers(-1, 200) | JSONS,
                    "delta": st.fixed_dictionaries({}, optional={"content": STRINGS | JSONS, "role": STRINGS}),
                    "finish_reason": STRINGS | st.none(),
                },
            ),
            max_size=2,
        ),
        "usage": st.dictionaries(st.sampled_from(["prompt_tokens", "input_tokens", "output_tokens"]), JSONS),
        "error": JSONS,
        "id": STRINGS,
    },
)
FRAME = (EVENTS | JSONS).map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n")
PIECE = st.one_of(
    FRAME,
    st.binary(max_size=20),
    st.sampled_from([b"data: [DONE]\n\n", b": PING\n\n", b"event: error\n", b"data: {", b"\r", b"\n", b"{}"]),
    st.sampled_from([b"\xef\xbb\xbf", b"<html>", b'[{"a":1}]', b"5\r\nabcde\r\n", b"0\r\n\r\n", b"\x1f\x8b\x08"]),
)
BODY = st.lists(PIECE, max_size=8).map(b"".join)


@settings(quick, max_examples=count_examples(100))
@given(wire=st.sampled_from(list(WIRE_MODULES)), body=BODY, cuts=SPLITS)
def test_chunking_does_not_change_the_answer_of_arbitrary_bytes(wire: Wire, body: bytes, cuts: list[int]) -> None:
    assert summarize(wire, body, cuts) == summarize(wire, body, [])


STATUS = st.sampled_from([200] * 8 + [100, 199, 201, 204, 206, 301, 304, 400, 401, 404, 429, 500, 503, 999])
# Contradictory framing headers are only sent with a body delimited by connection close.
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(["text/event-stream", "application/json", "text/html", "", "\x80;;=\xff"]),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "br", "identity", "gzip, gzip", "none"]),
        "Transfer-Encoding": st.sampled_from(["chunked", "gzip, chunked", "identity"]),
        "Content-Length": st.sampled_from(["0", "5", "99999", "-1", "five", "5, 5"]),
        "Location": st.sampled_from(["http://127.0.0.1:1/", "//", "http://[::1"]),
        "Retry-After": st.sampled_from(["0", "99999", "Thu, 32 Foo", "\xff"]),
        "Set-Cookie": st.just("a=b"),
    },
)


@pytest.fixture(scope="module")
def hostile_server() -> Iterator[tuple[Replay, Gateway]]:
    """A server and a client for many requests; neither may leak a thread or a connection."""
    before = set(threading.enumerate())
    with Replay() as server:
        client = build_gateway(server, idle=0.2, retries=1)
        yield server, client
        client.close()
        gc.collect()  # errors reference the connection pool, which is closed with its last reference
        assert server.wait_for_no_connection()
    assert soon(lambda: set(threading.enumerate()) <= before)


@pytest.mark.slow
@settings(quick, max_examples=count_examples(100))
@given(
    wire=st.sampled_from(list(WIRE_MODULES)),
    body=BODY,
    status=STATUS,
    headers=HEADERS,
    framing=st.sampled_from(FRAMINGS),
    piece=st.none() | st.integers(1, 9),
    truncate_at=st.none() | st.integers(0, 60),
    gzip=st.booleans(),
)
@example(
    wire="openai",
    body=b"",
    status=204,
    headers={},
    framing="chunked",
    piece=None,
    truncate_at=None,
    gzip=False,
)
def test_arbitrary_responses_end_as_an_answer_or_one_error_without_leaks(
    hostile_server: tuple[Replay, Gateway],
    monkeypatch: pytest.MonkeyPatch,
    wire: Wire,
    body: bytes,
    status: int,
    headers: dict[str, str],
    framing: Framing,
    piece: int | None,
    truncate_at: int | None,
    gzip: bool,
) -> None:
    monkeypatch.setattr("lib.gateway.transport.retry._MAX_BACKOFF", 0.0)
    monkeypatch.setattr("lib.gateway.transport.retry.MAX_HONORED_RETRY_AFTER", 0.0)
    server, client = hostile_server
    response = Canned(body, status, headers, framing, gzip=gzip, piece=piece, cut=truncate_at)
    server.serve(PATHS[wire], response)
    answer = ask(client, wire)
    assert answer.error is None or isinstance(answer.error, AnswerError)
    assert (answer.error is None) <= (status in (200, 100, 199))
    assert KEY not in repr(answer.summary())
    assert soon(lambda: server.open <= 1)  # a pooled connection
