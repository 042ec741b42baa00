"""Anthropic's format: what each kind of event means, and the JSON of a request."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.params import Params
from lib.core.types import Message, Outcome, Text, Thinking, Usage
from lib.gateway import wire_anthropic
from lib.gateway.frames import Frame
from tests.gateway.recordings import QUESTION, Heard, hear

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
        wire_anthropic.events(
            Frame("message", event)
            if isinstance(event, str)
            else Frame(str(event.get("type")), json.dumps(event))
            for event in events
        )
    )


def test_the_usual_sequence() -> None:
    found = heard(START, block(0, "text", text=""), text("Fo"), text("ur"), closed(0), end(), STOP)
    assert (found.text, found.reply.outcome(), found.error) == ("Four", Outcome.COMPLETE, None)
    assert (found.reply.served["id"], found.reply.served["model"]) == ("msg_1", "claude-x")


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


def test_a_ping_may_come_before_anything() -> None:
    assert heard({"type": "ping"}, START, text("a"), end(), STOP).text == "a"


def test_overlapping_blocks_go_by_their_index() -> None:
    found = heard(
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
    )
    assert found.reply.message().parts == (Thinking("Hmm.", "c2ln"), Text("Four"))


def test_blocks_join_in_the_order_of_their_indices() -> None:
    assert heard(START, text("b", 2), text("a", 0), text("c", 2), end(), STOP).text == "abc"


def test_a_block_may_hold_words_from_its_start() -> None:
    found = heard(
        START,
        block(0, "thinking", thinking="H", signature="s"),
        block(1, "text", text="F"),
        text("our", 1),
        end(),
    )
    assert found.reply.message().parts == (Thinking("H", "s"), Text("Four"))


def test_a_signature_without_thinking_is_kept() -> None:
    found = heard(
        START, block(0, "thinking"), delta(0, "signature", signature="c2ln"), text("a", 1), end(), STOP
    )
    assert found.reply.message().parts == (Thinking("", "c2ln"), Text("a"))


def test_a_second_start_makes_all_before_it_void() -> None:
    again = {
        "type": "message_start",
        "message": {"id": "msg_2", "model": "claude-y", "usage": {"input_tokens": 7}},
    }
    first = {"type": "message_start", "message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 2}}}
    found = heard(first, text("old"), end("max_tokens"), again, text("new"), end(output_tokens=1), STOP)
    assert (found.text, found.reply.restarts, found.reply.usage) == ("new", 1, Usage(7, 1))
    assert (found.reply.served["id"], found.reply.served["model"]) == ("msg_2", "claude-y")
    assert type(heard(START, text("old"), end(), START, text("new")).error) is errors.Cut


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("end_turn", Outcome.COMPLETE),
        ("stop_sequence", Outcome.COMPLETE),
        ("max_tokens", Outcome.LENGTH),
        ("model_context_window_exceeded", Outcome.LENGTH),
        ("refusal", Outcome.REFUSED),
        ("tool_use", Outcome.COMPLETE),
        ("pause_turn", Outcome.INTERRUPTED),
        ("something_new", Outcome.COMPLETE),
    ],
)
def test_each_stop_reason(reason: str, outcome: Outcome) -> None:
    found = heard(START, text("a"), end(reason), STOP)
    assert found.reply.outcome() is outcome
    assert found.reply.finish and found.reply.finish.reason == reason


@pytest.mark.parametrize("last", [(), (STOP,), ("[DONE]",), (end(None), STOP)], ids=str)
def test_without_a_stop_reason_it_is_cut(last: tuple[Any, ...]) -> None:
    found = heard(START, text("Half an "), *last)
    assert type(found.error) is (errors.NoLastWord if last else errors.Cut)
    assert (found.text, found.reply.outcome()) == ("Half an ", Outcome.INTERRUPTED)


@pytest.mark.parametrize("last", [(), ("[DONE]",)], ids=str)
def test_with_a_stop_reason_the_last_event_may_be_missing(last: tuple[Any, ...]) -> None:
    found = heard(START, text("a"), end(), *last)
    assert (found.error, found.reply.outcome()) == (None, Outcome.COMPLETE)


def test_no_block_at_all_is_an_empty_answer() -> None:
    assert heard(START, end(), STOP).reply.outcome() is Outcome.EMPTY


def test_what_follows_the_last_event_is_not_read() -> None:
    assert heard(START, text("a"), end(), STOP, text("b")).text == "a"


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
            errors.FailedMidway,
            "Busy",
        ),
        (Frame("message", '{"error":{"message":"Busy","type":"server_error"}}'), errors.FailedMidway, "Busy"),
        (
            Frame("message", '{"error":{"message":"Busy (request id: 2026ab)"},"type":"error"}'),
            errors.FailedMidway,
            "Busy",
        ),
        (Frame("error", '{"error":"Busy"}'), errors.FailedMidway, "Busy"),
        (Frame("error", "Busy"), errors.FailedMidway, "Busy"),
    ],
)
def test_an_error_event_ends_it_and_keeps_the_text(frame: Frame, kind: type, detail: str) -> None:
    events = [Frame("message", json.dumps(event)) for event in (START, text("Half an "))]
    found = hear(wire_anthropic.events([*events, frame, Frame("message", json.dumps(end()))]))
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


def test_a_whole_answer_in_one_frame() -> None:
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Fo"},
        None,
    ]
    whole = {
        "type": "message",
        "id": "msg_1",
        "model": "claude-x",
        "content": [*content, {"type": "text", "text": "ur"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 2, "output_tokens": 3},
    }
    found = heard(whole)
    assert (found.text, found.thinking, found.reply.usage) == ("Four", "Hm.", Usage(2, 3))
    assert (found.reply.outcome(), found.reply.served["id"]) == (Outcome.LENGTH, "msg_1")


def test_a_request_with_nothing_set() -> None:
    assert wire_anthropic.body("claude-x", QUESTION, Params()) == {
        "model": "claude-x",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": "What is it?"}],
        "stream": True,
    }


def test_a_request_with_all_set_and_unsigned_thinking_left_out() -> None:
    answer = Message("assistant", (Thinking("hm"), Text("4")))
    request = wire_anthropic.body("m", [*QUESTION, answer, *QUESTION], Params("Be kind.", 1.5, 5))
    assert (request["system"], request["temperature"], request["max_tokens"]) == ("Be kind.", 1.0, 5)
    assert request["messages"][1] == {"role": "assistant", "content": "4"}


def test_the_headers_carry_one_credential() -> None:
    assert wire_anthropic.headers("k") == {"Authorization": "Bearer k", "anthropic-version": "2023-06-01"}
    assert "Authorization" not in wire_anthropic.headers("")
