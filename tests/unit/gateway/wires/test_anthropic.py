"""Anthropic's wire: events of a stream, stop reasons, errors and usage."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import OtherPart, Outcome, TextPart, ThinkingPart, Usage
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic
from tests.unit.gateway.recordings import CollectedAnswer, collect

START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "content": [], "usage": {}}}
STOP = {"type": "message_stop"}


def block(index: int, block_type: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": block_type, **fields}}


def delta(index: int, block_type: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": f"{block_type}_delta", **fields}}


def text(content: str, index: int = 0) -> dict[str, Any]:
    return delta(index, "text", text=content)


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def message_delta(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def parse(*events: Any) -> CollectedAnswer:
    """Collect the answer of these events; a string is the data of a frame as it is."""
    return collect(
        anthropic.events(
            Frame("message", event) if isinstance(event, str) else Frame(str(event.get("type")), json.dumps(event))
            for event in events
        )
    )


COMPLETE_MESSAGE = {
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
DETAILS = json.dumps({"type": "something_new", "text": "x"}, indent=1)
COMPLETE = {"error": None, "outcome": Outcome.COMPLETE}
WITHOUT_STOP_REASON = {
    "text": "Half an ",
    "error": errors.MissingFinishReason,
    "outcome": Outcome.INTERRUPTED,
}

# Events, and the expected summary of the answer.
CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "typical stream": (
        [START, block(0, "text", text=""), text("Fo"), text("ur"), block_stop(0), message_delta(), STOP],
        {"text": "Four", **COMPLETE},
    ),
    "message_start": (
        [START, text("a"), message_delta(), STOP],
        {"metadata": {"id": "msg_1", "model": "claude-x", "type": "message"}},
    ),
    "second message_start": (
        [START, text("old"), block_stop(0), START, text("new"), message_delta(), STOP],
        {"text": "new", "restarts": 1, **COMPLETE},
    ),
    "blocks are ordered by index": (
        [START, text("b", 2), text("a", 0), text("c", 2), message_delta(), STOP],
        {"text": "abc"},
    ),
    "content_block_start with content": (
        [
            START,
            block(0, "thinking", thinking="H", signature="s"),
            block(1, "text", text="F"),
            text("our", 1),
            message_delta(),
        ],
        {"parts": (ThinkingPart("H", "s"), TextPart("Four"))},
    ),
    "redacted_thinking": (
        [
            START,
            block(0, "redacted_thinking", data="abc"),
            block_stop(0),
            text("a", 1),
            message_delta(),
            STOP,
        ],
        {"parts": (ThinkingPart("", redacted_data="abc"), TextPart("a"))},
    ),
    "content_block_start of an unknown type": (
        [START, block(0, "something_new", text="x"), text("a", 1), message_delta(), STOP],
        {"parts": (OtherPart("something_new", "x", DETAILS), TextPart("a"))},
    ),
    "overlapping blocks": (
        [
            START,
            block(0, "thinking", thinking=""),
            delta(0, "thinking", thinking="Hm"),
            block(1, "text", text=""),
            text("Fo", 1),
            delta(0, "thinking", thinking="m."),
            text("ur", 1),
            delta(0, "signature", signature="c2ln"),
            block_stop(0),
            block_stop(1),
            message_delta(),
            STOP,
        ],
        {"parts": (ThinkingPart("Hmm.", "c2ln"), TextPart("Four"))},
    ),
    "signature_delta without thinking": (
        [
            START,
            block(0, "thinking"),
            delta(0, "signature", signature="c2ln"),
            text("a", 1),
            message_delta(),
            STOP,
        ],
        {"parts": (ThinkingPart("", "c2ln"), TextPart("a"))},
    ),
    "signature_delta in two pieces": (
        [
            START,
            *(delta(0, "signature", signature=part) for part in ("c2", "ln")),
            text("a", 1),
            message_delta(),
            STOP,
        ],
        {"parts": (ThinkingPart("", "c2ln"), TextPart("a"))},
    ),
    "cumulative usage": (
        [START, message_delta(None, output_tokens=5), text("a"), message_delta(output_tokens=32), STOP],
        {"usage": Usage(output=32)},
    ),
    "stop sequence": (
        [
            START,
            text("a"),
            {**message_delta(), "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END"}},
            STOP,
        ],
        {"reason": "stop_sequence", **COMPLETE},
    ),
    "message_stop ends the stream": (
        [START, text("a"), message_delta(), STOP, text("b")],
        {"text": "a", **COMPLETE},
    ),
    "stop reason without message_stop": ([START, text("a"), message_delta()], {"text": "a", **COMPLETE}),
    "[DONE] in place of message_stop": (
        [START, text("a"), message_delta(), "[DONE]", text("b")],
        {"text": "a", **COMPLETE},
    ),
    "message_stop without a stop reason": ([START, text("Half an "), STOP], WITHOUT_STOP_REASON),
    "message_stop with a stop reason of null": (
        [START, text("Half an "), message_delta(None), STOP],
        WITHOUT_STOP_REASON,
    ),
    "[DONE] without a stop reason": ([START, text("Half an "), "[DONE]"], WITHOUT_STOP_REASON),
    "neither stop reason nor message_stop": (
        [START, text("Half an ")],
        {"text": "Half an ", "error": errors.StreamInterrupted, "outcome": Outcome.INTERRUPTED},
    ),
    "no block": ([START, message_delta(), STOP], {"parts": (), "outcome": Outcome.EMPTY}),
    "ping before message_start": (
        [{"type": "ping"}, START, text("a"), message_delta(), STOP],
        {"text": "a", **COMPLETE},
    ),
    "error": (
        [
            START,
            text("Half an "),
            {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}},
        ],
        {"text": "Half an ", "error": errors.Overloaded, "detail": "Busy"},
    ),
    "converted from OpenAI: id and unsigned thinking": (
        [
            {"type": "message_start", "message": {"id": "chatcmpl-1", "model": "m"}},
            delta(0, "thinking", thinking="Hm."),
            text("a", 1),
            message_delta(),
            STOP,
        ],
        {
            "parts": (ThinkingPart("Hm."), TextPart("a")),
            "metadata": {"id": "chatcmpl-1", "model": "m", "type": "message"},
        },
    ),
    "complete message": (
        [COMPLETE_MESSAGE],
        {"text": "Four", "thinking": "Hm.", "usage": Usage(2, 3), "outcome": Outcome.LENGTH},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_events(case: str) -> None:
    events, expected = CASES[case]
    summary = parse(*events).summary()
    summary["metadata"] = {name: value for name, value in summary["metadata"].items() if name != "usage"}
    assert {name: summary[name] for name in expected} == expected
    assert summary["error"] is expected.get("error")


def test_event_type_wins_over_the_frame_name() -> None:
    events = [START, text("a"), message_delta(), STOP]
    for name in ("message", "message_start", "something_new"):
        answer = collect(anthropic.events(Frame(name, json.dumps(event)) for event in events))
        assert (answer.text, answer.error) == ("a", None)


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
        {"type": "content_block_delta", "index": 0, "delta": None},
        {"type": "content_block_delta"},
        {"type": "content_block_start", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": None}, "usage": None},
        block_stop(9),
        {},
        "[PING]",
        "null",
    ],
    ids=str,
)
def test_event_without_content_is_ignored(event: Any) -> None:
    answer = parse(START, text("before "), event, text("after"), message_delta(), STOP)
    assert (answer.text, answer.thinking, answer.error) == ("before after", "", None)
    assert answer.reply.outcome() is Outcome.COMPLETE


BROKEN_EVENTS = [
    delta(0, "text", text={"a": "x"}),
    delta(0, "text", text=7),
    delta(0, "text", text=["x"]),
    delta(0, "thinking", thinking=7),
    {"type": "content_block_delta", "index": 0, "delta": ["x"]},
    {"type": "content_block_delta", "index": 0, "delta": "x"},
    {"type": "content_block_start", "index": 1, "content_block": ["text"]},
    block(1, "text", text=7),
    block(1, "redacted_thinking", data=["x"]),
    {"type": ["text"]},
    {"type": "message", "content": 7},
    "words",
    "[1]",
    "7",
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_de',
]


@pytest.mark.parametrize("event", BROKEN_EVENTS, ids=str)
def test_broken_event_in_the_middle_interrupts_the_answer(event: Any) -> None:
    answer = parse(START, text("before "), event, text("after"), message_delta(), STOP)
    assert answer.text == "before after"
    assert type(answer.error) is errors.StreamInterrupted
    assert answer.reply.outcome() is Outcome.INTERRUPTED
    # Behind a settled end no text is missing.
    answer = parse(START, text("all"), message_delta(), event, STOP)
    assert (answer.error, answer.reply.outcome()) == (None, Outcome.COMPLETE)


def test_second_message_start_discards_the_first() -> None:
    second_start = {
        "type": "message_start",
        "message": {"id": "msg_2", "model": "claude-y", "usage": {"input_tokens": 7}},
    }
    first_start = {
        "type": "message_start",
        "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 2}},
    }
    answer = parse(
        first_start,
        text("old"),
        message_delta("max_tokens"),
        second_start,
        text("new"),
        message_delta(output_tokens=1),
        STOP,
    )
    assert (answer.text, answer.reply.restart_count, answer.reply.usage) == ("new", 1, Usage(7, 1))
    assert (answer.reply.provider_metadata["id"], answer.reply.provider_metadata["model"]) == (
        "msg_2",
        "claude-y",
    )
    assert type(parse(START, text("old"), message_delta(), START, text("new")).error) is errors.StreamInterrupted


@pytest.mark.parametrize(
    ("frame", "error_type", "detail"),
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
def test_error_event_ends_the_answer_and_keeps_its_text(frame: Frame, error_type: type, detail: str) -> None:
    events = [Frame("message", json.dumps(event)) for event in (START, text("Half an "))]
    answer = collect(anthropic.events([*events, frame, Frame("message", json.dumps(message_delta()))]))
    assert type(answer.error) is error_type
    assert (answer.error.detail, answer.text) == (detail, "Half an ")


def start_with_usage(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": usage}}


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        (
            [start_with_usage(input_tokens=14, output_tokens=1), message_delta(output_tokens=32)],
            Usage(14, 32),
        ),
        (
            [
                start_with_usage(input_tokens=14),
                message_delta(None, output_tokens=5),
                message_delta(output_tokens=32),
            ],
            Usage(14, 32),
        ),
        (
            [
                start_with_usage(input_tokens=1, cache_read_input_tokens=21, cache_creation_input_tokens=3),
                message_delta(output_tokens=2),
            ],
            Usage(25, 2, cache_read=21, cache_write=3),
        ),
        (
            [
                start_with_usage(input_tokens=0, output_tokens=0),
                message_delta(input_tokens=9, output_tokens=2),
            ],
            Usage(9, 2),
        ),
        (
            [
                start_with_usage(input_tokens=14, output_tokens=3),
                message_delta(input_tokens=None, output_tokens=None),
            ],
            Usage(14, 3),
        ),
        (
            [start_with_usage(), message_delta(output_tokens_details={"thinking_tokens": 4})],
            Usage(reasoning=4),
        ),
        ([start_with_usage(input_tokens="many"), message_delta()], Usage()),
    ],
)
def test_usage_is_cumulative_and_includes_cached_input(events: list[Any], usage: Usage) -> None:
    assert parse(*events, STOP).reply.usage == usage
