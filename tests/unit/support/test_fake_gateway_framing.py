"""Framing of bodies: line ends, byte order marks, splits, compression, transfer encodings."""

from __future__ import annotations

import gzip
import json

import pytest
import requests

from lib.demo.wire import OPENAI
from tests.fake_gateway import FakeGateway
from tests.support.gateway_client import (
    TIMEOUT,
    each_path,
    parse_frames,
    post,
    request_body,
    stream_answer,
    text_and_reason,
    text_of_frames,
)

END = "再见 👋\n"


def text_of(body: str, is_streamed: bool) -> str:
    return text_of_frames(parse_frames(body)) if is_streamed else text_and_reason(json.loads(body))[0]


@each_path
def test_lines_end_with_crlf(gateway: FakeGateway, path: str) -> None:
    raw = stream_answer(gateway, path, request_body("demo-crlf")).raw
    assert raw.count(b"\n") == raw.count(b"\r\n") > 80
    assert raw.endswith(b"\r\n\r\n")


@each_path
def test_a_byte_order_mark_comes_first_and_once(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-bom"))
    assert answer.raw.startswith(b"\xef\xbb\xbf")
    assert answer.raw.count(b"\xef\xbb\xbf") == 1
    assert answer.text.endswith(END)
    assert post(gateway, path, request_body("demo-bom")).content.startswith(b"\xef\xbb\xbf{")


@each_path
@pytest.mark.parametrize("is_streamed", [True, False])
def test_characters_are_split_between_chunks(gateway: FakeGateway, path: str, is_streamed: bool) -> None:
    body = request_body("demo-cut-letters", "你好", stream=is_streamed)
    with post(gateway, path, body, stream=True) as response:
        parts = list(response.raw.read_chunked())
    split_count = 0
    for part in parts:
        try:
            part.decode()
        except UnicodeDecodeError:
            split_count += 1
    assert split_count >= (20 if is_streamed else 2)
    assert text_of(b"".join(parts).decode(), is_streamed).endswith(END)


@each_path
def test_one_event_holds_a_long_answer(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-one-big-event"))
    assert len(answer.text.encode()) > 15_000
    assert max(map(len, answer.raw.split(b"\n\n"))) > 15_000
    assert len(answer.frames) <= 6


@each_path
def test_the_form_differs_from_the_requested_one(gateway: FakeGateway, path: str) -> None:
    response = post(gateway, path, request_body("demo-json-for-stream", stream=True))
    assert response.headers["content-type"] == "application/json"
    assert text_and_reason(response.json())[0].endswith(END)
    response = post(gateway, path, request_body("demo-stream-for-json"))
    assert response.headers["content-type"] == "text/event-stream"
    assert response.text.count("data: ") > 40


@each_path
@pytest.mark.parametrize("is_streamed", [True, False])
def test_an_answer_is_compressed_without_being_asked(gateway: FakeGateway, path: str, is_streamed: bool) -> None:
    body, headers = request_body("demo-gzip", stream=is_streamed), {"Accept-Encoding": "identity"}
    with post(gateway, path, body, headers=headers, stream=True) as response:
        raw = response.raw.read(decode_content=False)
    assert response.headers["content-encoding"] == "gzip"
    assert raw.startswith(b"\x1f\x8b")
    assert text_of(gzip.decompress(raw).decode(), is_streamed).endswith(END)


def test_each_event_is_flushed_through_the_compression(slow_gateway: FakeGateway) -> None:
    with post(slow_gateway, OPENAI, request_body("demo-gzip", stream=True), stream=True) as response:
        first_chunk = next(response.iter_content(None))
    assert b'"role"' in first_chunk
    assert b"[DONE]" not in first_chunk


@each_path
@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("name", ["demo-close-framed", "demo-known-length"])
def test_a_body_is_not_chunked(gateway: FakeGateway, path: str, is_streamed: bool, name: str) -> None:
    with requests.Session() as session:
        body = request_body(name, stream=is_streamed)
        response = session.post(gateway.url + path, json=body, timeout=TIMEOUT)
        assert "transfer-encoding" not in response.headers
        assert response.text.rstrip().endswith(("[DONE]", "}"))
        if name == "demo-close-framed":
            assert response.headers["connection"] == "close"
            assert "content-length" not in response.headers
        else:
            assert int(response.headers["content-length"]) == len(response.content)
        assert session.get(gateway.url + "/v1/models", timeout=TIMEOUT).ok
