"""Framing of answers on both wires: complete and in pieces, with bare JSON, restarts and missing ends."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Usage
from lib.core.target import Wire
from lib.gateway.client import Gateway
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, ask


def chunk(content: str = "", response_id: str = "a", finish_reason: str | None = None, **fields: Any) -> bytes:
    """An event of OpenAI's stream."""
    delta = {**fields, **({"content": content} if content else {})}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return b"data: " + json.dumps({"id": response_id, "choices": choices}).encode() + b"\n\n"


def event(event_type: str, **fields: Any) -> bytes:
    """An event of Anthropic's stream, with its event name."""
    return f"event: {event_type}\ndata: {json.dumps({'type': event_type, **fields})}\n\n".encode()


def text(content: str, index: int = 0) -> bytes:
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": content})


OPENAI_STREAM = chunk("Fo", role="assistant") + chunk("ur") + chunk(finish_reason="stop") + b"data: [DONE]\n\n"
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
START = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 5}})
ANTHROPIC_STREAM = START + text("Fo") + text("ur") + END + event("message_stop")
COMPLETE_RESPONSE = b'{"choices":[{"index":0,"message":{"content":"Four"},"finish_reason":"stop"}]}'
COMPLETE_MESSAGE = b'{"type":"message","content":[{"type":"text","text":"Four"}],"stop_reason":"end_turn"}'
BARE_ERROR = b'{"error":{"message":"gone (request id: ab12)","type":"new_api_error"}}'
OVERLOADED_ERROR = b'{"error":{"type":"overloaded_error","message":"Overloaded"},"type":"error"}'
ERROR_RESPONSE = Canned(b'{"error":{"message":"no","code":"invalid_request"}}', 500, EVENT_STREAM)
FIELDS_WITHOUT_DATA = b": PING\n\nid: 1\nretry: 9\nfoo: bar\nevent: x\n\n\n\n"
CHUNKS_OF_ONE_ID = [chunk("old ", role="assistant"), chunk("old "), chunk("old ")]

EXPECTED_FOUR = {"text": "Four", "error": None, "restarts": 0}
# By number and name of the framing: wire, response, and the expected summary of the answer.
CASES: dict[str, tuple[Wire, Canned, dict[str, Any]]] = {
    "1 error status with the content type of a stream": (
        "openai",
        ERROR_RESPONSE,
        {"error": errors.InvalidRequest, "detail": "no"},
    ),
    "1 the same on /v1/messages": (
        "anthropic",
        ERROR_RESPONSE,
        {"error": errors.InvalidRequest, "detail": "no"},
    ),
    "2 JSON object in place of a stream": ("openai", Canned(COMPLETE_RESPONSE, headers=JSON), EXPECTED_FOUR),
    "2 JSON object with the content type of a stream": ("anthropic", Canned(COMPLETE_MESSAGE), EXPECTED_FOUR),
    "2 stream with the content type of JSON": ("openai", Canned(OPENAI_STREAM, headers=JSON), EXPECTED_FOUR),
    "3 multi-byte characters": ("openai", Canned(chunk("世界😀") + OPENAI_STREAM), {"text": "世界😀Four"}),
    "3 CRLF": ("anthropic", Canned(ANTHROPIC_STREAM.replace(b"\n", b"\r\n")), EXPECTED_FOUR),
    "3 CR": ("openai", Canned(OPENAI_STREAM.replace(b"\n", b"\r")), EXPECTED_FOUR),
    "3 several data lines": (
        "openai",
        Canned(b'data: {"choices":[{"index":0,\ndata:"delta":{"content":"x"}}]}\n\n' + OPENAI_STREAM),
        {"text": "xFour"},
    ),
    "3 no space after the colon": (
        "openai",
        Canned(OPENAI_STREAM.replace(b"data: ", b"data:")),
        EXPECTED_FOUR,
    ),
    "3 unknown fields, events without data, blank lines": (
        "anthropic",
        Canned(FIELDS_WITHOUT_DATA + ANTHROPIC_STREAM.replace(b"\n\n", b"\n\n\n\n")),
        EXPECTED_FOUR,
    ),
    "4 comments": (
        "openai",
        Canned(b": PING\n\n:\n\n" + OPENAI_STREAM.replace(b"\n\n", b"\n\n: PING\n\n")),
        EXPECTED_FOUR,
    ),
    "5 bare JSON after a comment": (
        "openai",
        Canned(b": PING\n\n" + BARE_ERROR),
        {"text": "", "error": errors.StreamError, "detail": "gone"},
    ),
    "5 bare JSON, then [DONE]": (
        "openai",
        Canned(chunk("Four") + BARE_ERROR + b"\n\ndata: [DONE]\n\n"),
        {"text": "Four", "error": errors.StreamError},
    ),
    "5 bare JSON in the middle, on /v1/messages": (
        "anthropic",
        Canned(START + text("Four") + OVERLOADED_ERROR),
        {"text": "Four", "error": errors.Overloaded, "detail": "Overloaded", "usage": Usage(5)},
    ),
    "6 finish reason in the last text chunk": (
        "openai",
        Canned(chunk("Fo") + chunk("ur", finish_reason="stop")),
        EXPECTED_FOUR,
    ),
    "7 no finish reason: usage and [DONE]": (
        "openai",
        Canned(chunk("Fo") + b'data: {"choices":[],"usage":{"prompt_tokens":5}}\n\ndata: [DONE]\n\n'),
        {"text": "Fo", "error": errors.MissingFinishReason, "usage": Usage(5)},
    ),
    "7 no finish reason: connection closed": (
        "anthropic",
        Canned(START + text("Fo")),
        {"text": "Fo", "error": errors.StreamInterrupted},
    ),
    "8 second message_start": (
        "anthropic",
        Canned(START + text("old") + ANTHROPIC_STREAM),
        {**EXPECTED_FOUR, "restarts": 1, "usage": Usage(5, 2)},
    ),
    "8 new id and role after several chunks of one id": (
        "openai",
        Canned(
            b"".join(CHUNKS_OF_ONE_ID) + chunk("Fo", "b", role="assistant") + chunk("ur", "b", finish_reason="stop")
        ),
        {**EXPECTED_FOUR, "restarts": 1},
    ),
    "8 new id without a role": (
        "openai",
        Canned(b"".join(CHUNKS_OF_ONE_ID) + chunk("new", "b", finish_reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 role without a new id": (
        "openai",
        Canned(b"".join(CHUNKS_OF_ONE_ID) + chunk("new", role="assistant", finish_reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 new id and role in every chunk": (
        "openai",
        Canned(
            b"".join(chunk(content, content, role="assistant") for content in "abcdef")
            + chunk("g", "g", finish_reason="stop")
        ),
        {"text": "abcdefg", "restarts": 0},
    ),
    "8 empty id with a role": (
        "openai",
        Canned(b"".join(CHUNKS_OF_ONE_ID) + chunk("new", "", role="assistant", finish_reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 after the finish reason": (
        "openai",
        Canned(b"".join(CHUNKS_OF_ONE_ID) + chunk(finish_reason="stop") + chunk("", "b", role="assistant")),
        {"text": "old old old ", "restarts": 0},
    ),
}


@pytest.mark.parametrize("piece", [None, 1, 7])
@pytest.mark.parametrize("case", CASES)
def test_framing(case: str, piece: int | None, replay: Replay, gateway: Gateway) -> None:
    wire, canned, expected = CASES[case]
    replay.serve(PATHS[wire], Canned(canned.body, canned.status, canned.headers, piece=piece))
    summary = ask(gateway, wire).summary()
    assert {name: summary[name] for name in expected} == expected
    assert summary["error"] is expected.get("error")


PAGE = b"<html>\r\n<head><title>502</title></head>\r\n\r\n<body><h1>502 Bad Gateway</h1>\r\nnginx</body>\r\n</html>\r\n"
STREAMS = {
    "openai": [chunk("Fo", role="assistant"), chunk("ur"), chunk(finish_reason="stop") + b"data: [DONE]\n\n"],
    "anthropic": [START + text("Fo"), text("ur"), END + event("message_stop")],
}
each_wire = pytest.mark.parametrize("wire", STREAMS)


@each_wire
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "junk", [b"\xef\xbb\xbf", b"\0", b"\0\0\xef\xbb\xbf", b" ", b"\t", b"\xc2\xa0", b"\xe2\x80\x8b"]
)
def test_bytes_before_a_field_lose_no_event(wire: Wire, junk: bytes, end: bytes, replay: Replay, gateway: Gateway):
    first, second, last = STREAMS[wire]
    for odd in (
        junk + second,
        second.replace(b"data:", junk + b"data:"),
        second.replace(b"data:", b"data" + junk + b":"),
    ):
        for piece in (None, 1):
            replay.serve(PATHS[wire], Canned((first + odd + last).replace(b"\n", end), piece=piece))
            answer = ask(gateway, wire)
            assert (answer.text, answer.error) == ("Four", None), odd


@each_wire
def test_bytes_before_a_bare_error_do_not_hide_it(wire: Wire, replay: Replay, gateway: Gateway):
    replay.serve(PATHS[wire], Canned(STREAMS[wire][0] + b"\xef\xbb\xbf" + BARE_ERROR + b"\n\n"))
    error = ask(gateway, wire).error
    assert error is not None and error.detail.startswith("gone")


@each_wire
@pytest.mark.parametrize(
    ("words", "detail"),
    [
        (PAGE, "502 Bad Gateway nginx"),
        (PAGE.replace(b"\r\n", b"\n"), "502 Bad Gateway nginx"),
        (PAGE.rstrip(), "502 Bad Gateway nginx"),
        (b"upstream connect error or disconnect/reset before headers", None),
        (b"error: upstream went away\n", None),
        ("上游服务器错误\n\n".encode(), None),
    ],
)
def test_words_that_follow_a_part_of_an_answer_are_quoted(
    wire: Wire, words: bytes, detail: str | None, replay: Replay, gateway: Gateway
):
    first, second, last = STREAMS[wire]
    for piece in (None, 1):
        replay.serve(PATHS[wire], Canned(first + words, piece=piece))
        answer = ask(gateway, wire)
        assert type(answer.error) is errors.StreamInterrupted
        assert (answer.text, answer.error.detail) == ("Fo", detail or words.decode().strip())
    # Behind the whole answer, and between its events, they are no loss.
    for body in (first + second + last + words, first + words + b"\n\n" + second + last):
        replay.serve(PATHS[wire], Canned(body))
        answer = ask(gateway, wire)
        assert (answer.text, answer.error) == ("Four", None)
        assert len(answer.reply.parts()) == 1


@each_wire
@pytest.mark.parametrize("line", [b"foo: bar baz\n\n", b": a comment of a proxy\n\n", b"trace-id: 7 of 9\n\n"])
def test_unknown_fields_and_comments_are_not_quoted(wire: Wire, line: bytes, replay: Replay, gateway: Gateway):
    replay.serve(PATHS[wire], Canned(STREAMS[wire][0] + line))
    error = ask(gateway, wire).error
    assert (type(error), error and error.detail) == (errors.StreamInterrupted, "")


@each_wire
def test_a_very_long_page_in_the_middle_is_quoted_in_part(wire: Wire, replay: Replay, gateway: Gateway):
    replay.serve(PATHS[wire], Canned(STREAMS[wire][0] + b"<p>Bad gateway</p>\n" + b"word " * 100_000 + b"\n" * 9))
    error = ask(gateway, wire).error
    assert error is not None and error.detail.startswith("Bad gateway word") and len(error.detail) < 3_000
