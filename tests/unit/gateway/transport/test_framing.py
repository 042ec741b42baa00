"""How answers are framed, row by row: what decides, what is kept, what begins anew, whole and in pieces."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Usage
from lib.core.target import Wire
from lib.gateway.client import Gateway
from tests.support.replay import EVENT_STREAM, JSON, Canned, Replay
from tests.unit.gateway.recordings import PATHS, ask


def chunk(word: str = "", id_: str = "a", reason: str | None = None, **more: Any) -> bytes:
    """One event of OpenAI's format."""
    delta = {**more, **({"content": word} if word else {})}
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return b"data: " + json.dumps({"id": id_, "choices": choices}).encode() + b"\n\n"


def event(kind: str, **more: Any) -> bytes:
    """One event of Anthropic's format, with the name that the gateway gives it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def text(word: str, index: int = 0) -> bytes:
    return event("content_block_delta", index=index, delta={"type": "text_delta", "text": word})


FOUR = chunk("Fo", role="assistant") + chunk("ur") + chunk(reason="stop") + b"data: [DONE]\n\n"
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
START = event("message_start", message={"id": "msg_1", "usage": {"input_tokens": 5}})
SAID = START + text("Fo") + text("ur") + END + event("message_stop")
WHOLE = b'{"choices":[{"index":0,"message":{"content":"Four"},"finish_reason":"stop"}]}'
WHOLE_MESSAGE = b'{"type":"message","content":[{"type":"text","text":"Four"}],"stop_reason":"end_turn"}'
BARE = b'{"error":{"message":"gone (request id: ab12)","type":"new_api_error"}}'
BUSY = b'{"error":{"type":"overloaded_error","message":"Overloaded"},"type":"error"}'
REFUSED = Canned(b'{"error":{"message":"no","code":"invalid_request"}}', 500, EVENT_STREAM)
LINES = b": PING\n\nid: 1\nretry: 9\nfoo: bar\nevent: x\n\n\n\n"
STEADY = [chunk("old ", role="assistant"), chunk("old "), chunk("old ")]

IS_FOUR = {"text": "Four", "error": None, "restarts": 0}
# The rows of the reference's list of how events are framed, by their numbers: what comes over which wire,
# and what is to be made of it.
ROWS: dict[str, tuple[Wire, Canned, dict[str, Any]]] = {
    "1 an error's status, labelled as a stream": (
        "openai",
        REFUSED,
        {"error": errors.InvalidRequest, "detail": "no"},
    ),
    "1 the same on messages": ("anthropic", REFUSED, {"error": errors.InvalidRequest, "detail": "no"}),
    "2 one JSON object for a stream": ("openai", Canned(WHOLE, headers=JSON), IS_FOUR),
    "2 one JSON object, labelled as a stream": ("anthropic", Canned(WHOLE_MESSAGE), IS_FOUR),
    "2 a stream, labelled as JSON": ("openai", Canned(FOUR, headers=JSON), IS_FOUR),
    "3 a letter in pieces": ("openai", Canned(chunk("世界😀") + FOUR), {"text": "世界😀Four"}),
    "3 CRLF": ("anthropic", Canned(SAID.replace(b"\n", b"\r\n")), IS_FOUR),
    "3 CR": ("openai", Canned(FOUR.replace(b"\n", b"\r")), IS_FOUR),
    "3 several data lines": (
        "openai",
        Canned(b'data: {"choices":[{"index":0,\ndata:"delta":{"content":"x"}}]}\n\n' + FOUR),
        {"text": "xFour"},
    ),
    "3 no blank after the colon": ("openai", Canned(FOUR.replace(b"data: ", b"data:")), IS_FOUR),
    "3 unknown fields, events without data, blank lines": (
        "anthropic",
        Canned(LINES + SAID.replace(b"\n\n", b"\n\n\n\n")),
        IS_FOUR,
    ),
    "4 comments": ("openai", Canned(b": PING\n\n:\n\n" + FOUR.replace(b"\n\n", b"\n\n: PING\n\n")), IS_FOUR),
    "5 bare JSON after a comment": (
        "openai",
        Canned(b": PING\n\n" + BARE),
        {"text": "", "error": errors.StreamError, "detail": "gone"},
    ),
    "5 bare JSON, then [DONE]": (
        "openai",
        Canned(chunk("Four") + BARE + b"\n\ndata: [DONE]\n\n"),
        {"text": "Four", "error": errors.StreamError},
    ),
    "5 bare JSON half-way on messages": (
        "anthropic",
        Canned(START + text("Four") + BUSY),
        {"text": "Four", "error": errors.Overloaded, "detail": "Overloaded", "usage": Usage(5)},
    ),
    "6 the last piece with the end": ("openai", Canned(chunk("Fo") + chunk("ur", reason="stop")), IS_FOUR),
    "7 ended by silence: usage and [DONE]": (
        "openai",
        Canned(chunk("Fo") + b'data: {"choices":[],"usage":{"prompt_tokens":5}}\n\ndata: [DONE]\n\n'),
        {"text": "Fo", "error": errors.MissingFinishReason, "usage": Usage(5)},
    ),
    "7 ended by silence: a bare close": (
        "anthropic",
        Canned(START + text("Fo")),
        {"text": "Fo", "error": errors.StreamInterrupted},
    ),
    "8 a second message_start": (
        "anthropic",
        Canned(START + text("old") + SAID),
        {**IS_FOUR, "restarts": 1, "usage": Usage(5, 2)},
    ),
    "8 a new id and role after a run of one id": (
        "openai",
        Canned(b"".join(STEADY) + chunk("Fo", "b", role="assistant") + chunk("ur", "b", reason="stop")),
        {**IS_FOUR, "restarts": 1},
    ),
    "8 a new id alone": (
        "openai",
        Canned(b"".join(STEADY) + chunk("new", "b", reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 a role alone": (
        "openai",
        Canned(b"".join(STEADY) + chunk("new", role="assistant", reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 an id and a role of its own in every chunk": (
        "openai",
        Canned(
            b"".join(chunk(word, word, role="assistant") for word in "abcdef")
            + chunk("g", "g", reason="stop")
        ),
        {"text": "abcdefg", "restarts": 0},
    ),
    "8 an empty id, with a role": (
        "openai",
        Canned(b"".join(STEADY) + chunk("new", "", role="assistant", reason="stop")),
        {"text": "old old old new", "restarts": 0},
    ),
    "8 after the last word": (
        "openai",
        Canned(b"".join(STEADY) + chunk(reason="stop") + chunk("", "b", role="assistant")),
        {"text": "old old old ", "restarts": 0},
    ),
}


@pytest.mark.parametrize("piece", [None, 1, 7])
@pytest.mark.parametrize("row", ROWS)
def test_framing_row_by_row(row: str, piece: int | None, replay: Replay, asked: Gateway) -> None:
    wire, canned, meant = ROWS[row]
    replay.serve(PATHS[wire], Canned(canned.body, canned.status, canned.headers, piece=piece))
    told = ask(asked, wire).told()
    assert {name: told[name] for name in meant} == meant
    assert told["error"] is meant.get("error")
