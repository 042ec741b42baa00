"""Batches of a body: all that has arrived with one read, and a pause that a stop does not wait for."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import requests
import urllib3

from lib.config.settings import Settings
from lib.core import errors
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.request import Response
from tests.support.replay import FRAMINGS, Framing, Replay
from tests.unit.gateway.recordings import PATHS, RECORDINGS, ask

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def encode_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Body:
    """A response whose body arrives when the test sends it."""

    def __init__(self, *, is_tracked: bool = True) -> None:
        self._near, self.far = socket.socketpair()
        self.cancel = CancelToken()
        if is_tracked:
            self.cancel.set_socket(self._near)
        self._near.settimeout(20)
        self.far.sendall(HEAD)
        head = http.client.HTTPResponse(self._near)
        head.begin()
        raw = urllib3.HTTPResponse(head, headers=dict(head.headers), preload_content=False, original_response=head)
        fake = SimpleNamespace(raw=raw, status_code=200, headers={})
        self.response = Response(cast(requests.Response, fake), self.cancel, 20)

    def send(self, *chunks: bytes) -> None:
        self.far.sendall(b"".join(map(encode_chunk, chunks)))

    def read(self, get_interval: Callable[[], float]) -> Iterator[bytes]:
        return self.response.iter_batches(get_interval)

    def close(self) -> None:
        self._near.close()
        self.far.close()


@pytest.fixture
def body() -> Iterator[Body]:
    body = Body()
    yield body
    body.close()


def test_what_has_arrived_is_one_batch(body: Body) -> None:
    body.send(b"a", b"b", b"c")
    batches = body.read(lambda: 0.0)
    assert next(batches) == b"abc"
    body.send(b"d")
    assert next(batches) == b"d"
    body.send(*[b"x" * 10] * 2000)  # more than the reader's buffer
    body.far.sendall(b"0\r\n\r\n")
    assert b"".join(batches) == b"x" * 20_000


def test_what_arrives_in_the_pause_is_the_next_batch(body: Body) -> None:
    def pause() -> float:
        body.send(b"c", b"d")
        return 0.0

    body.send(b"a", b"b")
    batches = body.read(pause)
    assert [next(batches), next(batches)] == [b"ab", b"cd"]


def test_a_body_of_large_and_small_chunks_is_read_to_its_end(body: Body) -> None:
    chunks = [b"a" * 3000, b"b", b"c" * 30, *[b"d"] * 50, b"e" * 5000]
    body.send(*chunks)
    batches = body.read(lambda: 3600.0)
    assert next(batches) == b"".join(chunks)


def test_a_stop_ends_the_pause(body: Body) -> None:
    body.send(b"a")
    batches = body.read(lambda: 3600.0)
    assert next(batches) == b"a"
    stop = threading.Timer(0.05, body.cancel.cancel)
    stop.start()
    with pytest.raises(errors.StreamInterrupted):
        list(batches)
    stop.join()


def test_what_came_before_the_connection_broke_is_not_lost(body: Body) -> None:
    body.send(b"a")
    body.far.sendall(b"no length\r\n")
    body.far.close()
    batches = body.read(lambda: 0.0)
    assert next(batches) == b"a"
    with pytest.raises(errors.StreamInterrupted):
        next(batches)


def test_a_body_is_not_held_back_where_nobody_knows_what_has_arrived() -> None:
    body = Body(is_tracked=False)
    body.send(b"a", b"b")
    batches = body.read(lambda: 3600.0)
    assert [next(batches), next(batches)] == [b"a", b"b"]
    body.close()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("piece", [None, 7])
def test_an_answer_is_the_same_in_batches(replay: Replay, framing: Framing, piece: int | None) -> None:
    recording = RECORDINGS["openai-markdown.sse"]
    replay.serve(PATHS["openai"], recording.canned(framing=framing, piece=piece))
    gateway = Gateway(Settings(api_key="k", base_url=replay.url), get_read_interval=lambda: 0.001)
    answer = ask(gateway, "openai")
    assert (answer.text, answer.error) == (recording.text, None)
    gateway.close()
