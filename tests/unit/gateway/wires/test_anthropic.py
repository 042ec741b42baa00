"""Anthropic's events: what each kind of them means, and how an answer is known to be whole."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome, TextPart, ThinkingPart, Usage
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic
from tests.unit.gateway.recordings import Heard, hear

START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage": {}}}
STOP = {"type": "message_stop"}


def block(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": kind, **more}}


def delta(index: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{kind}_delta", **more}}


def text(words: str, index: int = 0) -> dict[str, Any]:
    return delta(index, "text", text=words)


def closed(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def heard(*events: Any) -> Heard:
    """What comes of these events, named as their type; a text stands for a frame's data as it is."""
    return hear(
        anthropic.events(
            Frame("message", event)
            if isinstance(event, str)
            else Frame(str(event.get("type")), json.dumps(event))
            for event in events
        )
    )


WHOLE = {
    "type": "message",
    "id": "msg_1",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Fo"},
        None,
        {"type": "text", "text": "ur"},
    ],
    "stop_reason": "max_tokens",
    "usage": {"input_tokens": 2, "output_tokens": 3},
}
DONE = {"error": None, "outcome": Outcome.COMPLETE}
DOUBTFUL = {"text": "Half an ", "error": errors.MissingFinishReason, "outcome": Outcome.INTERRUPTED}

# The rows of the reference's table of events, by their names: what comes, and what is to be made of it.
EVENTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "the usual sequence": (
        [START, block(0, "text", text=""), text("Fo"), text("ur"), closed(0), end(), STOP],
        {"text": "Four", **DONE},
    ),
    "message_start": (
        [START, text("a"), end(), STOP],
        {"served": {"id": "msg_1", "model": "claude-x", "type": "message"}},
    ),
    "message_start a second time": (
        [START, text("old"), closed(0), START, text("new"), end(), STOP],
        {"text": "new", "restarts": 1, **DONE},
    ),
    "content_block_start: a slot for each index": (
        [START, text("b", 2), text("a", 0), text("c", 2), end(), STOP],
        {"text": "abc"},
    ),
    "content_block_start: with words": (
        [
            START,
            block(0, "thinking", thinking="H", signature="s"),
            block(1, "text", text="F"),
            text("our", 1),
            end(),
        ],
        {"parts": (ThinkingPart("H", "s"), TextPart("Four"))},
    ),
    "content_block_start: redacted_thinking": (
        [START, block(0, "redacted_thinking", data="abc"), closed(0), text("a", 1), end(), STOP],
        {"parts": (ThinkingPart("", sealed="abc"), TextPart("a"))},
    ),
    "content_block_start: an unknown type": (
        [START, block(0, "something_new", text="x"), text("a", 1), end(), STOP],
        {"parts": (TextPart("a"),)},
    ),
    "blocks that overlap": (
        [
            START,
            block(0, "thinking", thinking=""),
            delta(0, "thinking", thinking="Hm"),
            block(1, "text", text=""),
            text("Fo", 1),
            delta(0, "thinking", thinking="m."),
            text("ur", 1),
            delta(0, "signature", signature="c2ln"),
            closed(0),
            closed(1),
            end(),
            STOP,
        ],
        {"parts": (ThinkingPart("Hmm.", "c2ln"), TextPart("Four"))},
    ),
    "signature_delta without thinking": (
        [START, block(0, "thinking"), delta(0, "signature", signature="c2ln"), text("a", 1), end(), STOP],
        {"parts": (ThinkingPart("", "c2ln"), TextPart("a"))},
    ),
    "signature_delta in two pieces": (
        [START, *(delta(0, "signature", signature=half) for half in ("c2", "ln")), text("a", 1), end(), STOP],
        {"parts": (ThinkingPart("", "c2ln"), TextPart("a"))},
    ),
    "message_delta: usage is cumulative": (
        [START, end(None, output_tokens=5), text("a"), end(output_tokens=32), STOP],
        {"usage": Usage(output=32)},
    ),
    "message_delta: the sequence that ended it": (
        [
            START,
            text("a"),
            {**end(), "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}},
            STOP,
        ],
        {"reason": "stop_sequence", **DONE},
    ),
    "message_stop: nothing after it is read": (
        [START, text("a"), end(), STOP, text("b")],
        {"text": "a", **DONE},
    ),
    "message_stop missing, with a reason": ([START, text("a"), end()], {"text": "a", **DONE}),
    "[DONE] in its place": ([START, text("a"), end(), "[DONE]", text("b")], {"text": "a", **DONE}),
    "message_stop without a reason": ([START, text("Half an "), STOP], DOUBTFUL),
    "message_stop with a reason of null": ([START, text("Half an "), end(None), STOP], DOUBTFUL),
    "[DONE] without a reason": ([START, text("Half an "), "[DONE]"], DOUBTFUL),
    "neither reason nor message_stop": (
        [START, text("Half an ")],
        {"text": "Half an ", "error": errors.StreamInterrupted, "outcome": Outcome.INTERRUPTED},
    ),
    "no block at all": ([START, end(), STOP], {"parts": (), "outcome": Outcome.EMPTY}),
    "ping before message_start": ([{"type": "ping"}, START, text("a"), end(), STOP], {"text": "a", **DONE}),
    "error": (
        [
            START,
            text("Half an "),
            {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}},
        ],
        {"text": "Half an ", "error": errors.Overloaded, "detail": "Busy"},
    ),
    "a converted route: id and unsigned thinking": (
        [
            {"type": "message_start", "message": {"id": "chatcmpl-1", "model": "m"}},
            delta(0, "thinking", thinking="Hm."),
            text("a", 1),
            end(),
            STOP,
        ],
        {
            "parts": (ThinkingPart("Hm."), TextPart("a")),
            "served": {"id": "chatcmpl-1", "model": "m", "type": "message"},
        },
    ),
    "a whole answer: every text block": (
        [WHOLE],
        {"text": "Four", "thinking": "Hm.", "usage": Usage(2, 3), "outcome": Outcome.LENGTH},
    ),
}


@pytest.mark.parametrize("row", EVENTS)
def test_events_row_by_row(row: str) -> None:
    events, meant = EVENTS[row]
    told = heard(*events).told()
    told["served"] = {name: value for name, value in told["served"].items() if name != "usage"}
    assert {name: told[name] for name in meant} == meant
    assert told["error"] is meant.get("error")


def test_an_event_goes_by_its_type_and_not_by_its_name() -> None:
    events = [START, text("a"), end(), STOP]
    for name in ("message", "message_start", "something_new"):
        found = hear(anthropic.events(Frame(name, json.dumps(event)) for event in events))
        assert (found.text, found.error) == ("a", None)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {"type": "something_new", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
        block(1, "something_new", text="x"),
        block(1, "redacted_thinking", data="abc"),
        block(1, "tool_use", id="t", name="n", input={}),
        delta(0, "something_new", text="x"),
        delta(1, "input_json", partial_json='{"a":'),
        delta(0, "citations", citation={"cited_text": "x"}),
        delta(0, "text", text=None),
        delta(0, "text", text={"a": "x"}),
        {"type": "content_block_delta", "index": 0, "delta": None},
        {"type": "content_block_delta"},
        {"type": "content_block_start", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": None},
        {"type": ["text"]},
        {"type": "message", "content": "words"},
        closed(9),
        {},
        "words",
        "[1]",
    ],
    ids=str,
)
def test_an_event_without_words_says_nothing_and_breaks_nothing(event: Any) -> None:
    found = heard(START, text("before "), event, text("after"), end(), STOP)
    assert (found.text, found.thinking, found.error) == ("before after", "", None)
    assert found.reply.outcome() is Outcome.COMPLETE


def test_a_second_start_makes_all_before_it_void() -> None:
    again = {
        "type": "message_start",
        "message": {"id": "msg_2", "model": "claude-y", "usage": {"input_tokens": 7}},
    }
    first = {"type": "message_start", "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 2}}}
    found = heard(first, text("old"), end("max_tokens"), again, text("new"), end(output_tokens=1), STOP)
    assert (found.text, found.reply.restart_count, found.reply.usage) == ("new", 1, Usage(7, 1))
    assert (found.reply.provider_metadata["id"], found.reply.provider_metadata["model"]) == (
        "msg_2",
        "claude-y",
    )
    assert type(heard(START, text("old"), end(), START, text("new")).error) is errors.StreamInterrupted


@pytest.mark.parametrize(
    ("frame", "kind", "detail"),
    [
        (
            Frame("error", '{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}'),
            errors.Overloaded,
            "Busy",
        ),
        (
            Frame("message", '{"type":"error","error":{"type":"api_error","message":"Busy"}}'),
            errors.StreamError,
            "Busy",
        ),
        (Frame("message", '{"error":{"message":"Busy","type":"server_error"}}'), errors.StreamError, "Busy"),
        (
            Frame("message", '{"error":{"message":"Busy (request id: 2026ab)"},"type":"error"}'),
            errors.StreamError,
            "Busy",
        ),
        (Frame("error", '{"error":"Busy"}'), errors.StreamError, "Busy"),
        (Frame("error", "Busy"), errors.StreamError, "Busy"),
    ],
)
def test_an_error_event_ends_it_and_keeps_the_text(frame: Frame, kind: type, detail: str) -> None:
    events = [Frame("message", json.dumps(event)) for event in (START, text("Half an "))]
    found = hear(anthropic.events([*events, frame, Frame("message", json.dumps(end()))]))
    assert type(found.error) is kind
    assert (found.error.detail, found.text) == (detail, "Half an ")


def started(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": usage}}


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        ([started(input_tokens=14, output_tokens=1), end(output_tokens=32)], Usage(14, 32)),
        ([started(input_tokens=14), end(None, output_tokens=5), end(output_tokens=32)], Usage(14, 32)),
        (
            [
                started(input_tokens=1, cache_read_input_tokens=21, cache_creation_input_tokens=3),
                end(output_tokens=2),
            ],
            Usage(25, 2, cached=21, written=3),
        ),
        ([started(input_tokens=0, output_tokens=0), end(input_tokens=9, output_tokens=2)], Usage(9, 2)),
        (
            [started(input_tokens=14, output_tokens=3), end(input_tokens=None, output_tokens=None)],
            Usage(14, 3),
        ),
        ([started(), end(output_tokens_details={"thinking_tokens": 4})], Usage(reasoning=4)),
        ([started(input_tokens="many"), end()], Usage()),
    ],
)
def test_usage_is_cumulative_and_its_input_counts_all_that_was_sent(events: list[Any], usage: Usage) -> None:
    assert heard(*events, STOP).reply.usage == usage
