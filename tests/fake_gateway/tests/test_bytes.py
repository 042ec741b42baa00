"""How the bytes travel: line ends, marks, cuts, compression, framing."""

import gzip
import json

import pytest
import requests

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, arriving, asking, frames, post, said, words

END = "再见 👋\n"


@BOTH
def test_lines_end_in_two_characters(fast: FakeGateway, path: str) -> None:
    raw = arriving(fast, path, asking("demo-crlf")).raw
    assert raw.count(b"\n") == raw.count(b"\r\n") > 80 and raw.endswith(b"\r\n\r\n")


@BOTH
def test_a_mark_comes_first_and_once(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-bom"))
    assert heard.raw.startswith(b"\xef\xbb\xbf") and heard.raw.count(b"\xef\xbb\xbf") == 1
    assert heard.text.endswith(END)
    assert post(fast, path, asking("demo-bom")).content.startswith(b"\xef\xbb\xbf{")


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_letters_are_cut(fast: FakeGateway, path: str, stream: bool) -> None:
    body = asking("demo-cut-letters", "你好", stream=stream)
    cut = 0
    with post(fast, path, body, stream=True) as answer:
        parts = list(answer.raw.read_chunked())
    for part in parts:
        try:
            part.decode()
        except UnicodeDecodeError:
            cut += 1
    assert cut >= (20 if stream else 2)
    got = b"".join(parts).decode()
    assert (words(frames(got)) if stream else said(json.loads(got))[0]).endswith(END)


@BOTH
def test_one_event_holds_it_all(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-one-big-event"))
    assert len(heard.text.encode()) > 15_000
    assert max(map(len, heard.raw.split(b"\n\n"))) > 15_000
    assert len(heard.frames) <= 6


@BOTH
def test_what_was_asked_for_comes_the_other_way(fast: FakeGateway, path: str) -> None:
    answer = post(fast, path, asking("demo-json-for-stream", stream=True))
    assert answer.headers["content-type"] == "application/json"
    assert END.strip() in json.dumps(answer.json(), ensure_ascii=False)
    answer = post(fast, path, asking("demo-stream-for-json"))
    assert answer.headers["content-type"] == "text/event-stream" and answer.text.count("data: ") > 40


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_it_is_compressed_whatever_was_asked_for(fast: FakeGateway, path: str, stream: bool) -> None:
    identity = {"Accept-Encoding": "identity"}
    with post(fast, path, asking("demo-gzip", stream=stream), headers=identity, stream=True) as answer:
        raw = answer.raw.read(decode_content=False)
    assert answer.headers["content-encoding"] == "gzip"
    assert raw[:2] == b"\x1f\x8b" and "nothing is missing" not in raw.decode("latin-1")
    got = gzip.decompress(raw).decode()
    assert (words(frames(got)) if stream else said(json.loads(got))[0]).endswith(END)


def test_each_event_is_flushed_through_the_compression(patient: FakeGateway) -> None:
    with post(patient, CHAT, asking("demo-gzip", stream=True), stream=True) as answer:
        parts = answer.iter_content(None)
        assert b'"role"' in next(parts)
        assert patient.open_streams == 1


@BOTH
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["demo-close-framed", "demo-known-length"])
def test_what_is_not_chunked(fast: FakeGateway, path: str, stream: bool, name: str) -> None:
    with requests.Session() as session:
        answer = session.post(fast.url + path, json=asking(name, stream=stream), timeout=20)
        assert "transfer-encoding" not in answer.headers
        assert answer.text.rstrip().endswith(("[DONE]", "}"))
        if name == "demo-close-framed":
            assert answer.headers["connection"] == "close" and "content-length" not in answer.headers
        else:
            assert int(answer.headers["content-length"]) == len(answer.content)
        assert session.get(fast.url + "/v1/models", timeout=20).ok
