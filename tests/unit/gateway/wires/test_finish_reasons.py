"""Finish reasons of every vendor, and the point from which on an answer is finished."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome
from lib.core.target import Wire
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.finish_reasons import parse_reason, to_outcome
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.unit.gateway.recordings import CollectedAnswer, collect

OUTCOMES = {
    Outcome.COMPLETE: [
        "stop",
        "STOP",
        "Stop",
        "END_TURN",
        "eos_token",
        "COMPLETE",
        "FinishReason.STOP",
        "tool-calls",
        "FUNCTION_CALLS",
        "stop_sequences",
        "<|im_end|>",
    ],
    Outcome.LENGTH: [
        "MAX_TOKENS",
        "maxTokens",
        "max-tokens",
        "Length",
        "MODEL_LENGTH",
        "max_output_tokens",
        "token_limit",
        "MAX_TOKEN",
        "length_exceeded",
    ],
    Outcome.FILTERED: ["SAFETY", "RECITATION", "Content_Filter", "PROHIBITED_CONTENT", "sensitive", "IMAGE_SAFETY"],
    Outcome.REFUSED: ["REFUSAL"],
    Outcome.INTERRUPTED: [
        *("pause_turn", "error", "abort", "OTHER", "MALFORMED_FUNCTION_CALL", "network_error", "stopped", "stop_2nd"),
        *("unstop", "insufficient_system_resource", "compaction", "停止", "7", "lengthy"),
    ],
}


@pytest.mark.parametrize(("outcome", "reason"), [(o, reason) for o, reasons in OUTCOMES.items() for reason in reasons])
def test_outcome_of_a_reason_in_any_spelling(outcome: Outcome, reason: str) -> None:
    assert to_outcome(reason) is outcome


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, ""),
        ("", ""),
        (" ", ""),
        ("null", ""),
        ("None", ""),
        ("FINISH_REASON_UNSPECIFIED", ""),
        (False, ""),
        ([], ""),
        ({"type": "stop", "matched": 7}, "stop"),
        ({"matched": 7}, ""),
        (" MAX_TOKENS ", "MAX_TOKENS"),
        (7, "7"),
        ("IN_PROGRESS", ""),
    ],
)
def test_reason_of_a_value(value: Any, reason: str) -> None:
    assert parse_reason(value) == reason


def text(wire: Wire, content: str, reason: str | None = None) -> list[Any]:
    """Events of a text, and in the same chunk or right behind it a finish reason."""
    if wire == "openai":
        return [{"id": "a", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}]
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": content}}
    return [delta, *(finish(wire, reason) if reason else [])]


def finish(wire: Wire, reason: str) -> list[Any]:
    if wire == "openai":
        return [{"id": "a", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}]
    return [{"type": "message_delta", "delta": {"stop_reason": reason}}]


def usage(wire: Wire) -> list[Any]:
    if wire == "openai":
        return [{"id": "a", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}]
    return [{"type": "message_delta", "delta": {}, "usage": {"input_tokens": 1, "output_tokens": 2}}]


def parse(wire: Wire, *events: list[Any], error: errors.AnswerError | None = None) -> CollectedAnswer:
    """Collect the answer of these events, after which the transport raises `error`."""

    def frames() -> Any:
        for event in (event for group in events for event in group):
            yield Frame("message", json.dumps(event))
        if error:
            raise error

    return collect(WIRE_MODULES[wire].events(frames()))


each_wire = pytest.mark.parametrize("wire", WIRE_MODULES)
BREAKS = [errors.StreamInterrupted(), errors.RequestTimeout()]


@each_wire
@pytest.mark.parametrize("broken", BREAKS, ids=lambda error: error.code)
def test_break_behind_a_settled_end_is_ignored(wire: Wire, broken: errors.AnswerError) -> None:
    for events in (
        [text(wire, "One "), text(wire, "two"), finish(wire, "stop")],
        [text(wire, "One "), text(wire, "two", "stop")],
        [finish(wire, "stop"), usage(wire)],
        [text(wire, "One two"), finish(wire, "stop"), usage(wire)],
    ):
        answer = parse(wire, *events, error=broken)
        assert (answer.error, answer.reply.finish and answer.reply.finish.reason) == (None, "stop"), events


@pytest.mark.parametrize("broken", BREAKS, ids=lambda error: error.code)
def test_text_cut_where_every_chunk_has_a_finish_reason_is_not_complete(broken: errors.AnswerError) -> None:
    for events in (
        [text("openai", "One ", "stop"), text("openai", "two", "stop")],
        [text("openai", "One ", "stop")],
        [finish("openai", "stop")],
        [finish("openai", "stop"), text("openai", "One ")],
        [text("openai", "One "), finish("openai", "stop"), text("openai", "two")],
        [text("openai", "One "), finish("openai", "stop"), text("openai", "two"), usage("openai")],
    ):
        answer = parse("openai", *events, error=broken)
        assert answer.error is broken
        assert answer.reply.finish is None
        assert answer.reply.outcome() is Outcome.INTERRUPTED, events


@each_wire
def test_text_behind_a_finish_reason_is_kept(wire: Wire) -> None:
    answer = parse(wire, text(wire, "One ", "stop"), text(wire, "two", "stop"), usage(wire))
    assert (answer.text, answer.error, answer.reply.outcome()) == ("One two", None, Outcome.COMPLETE)
    answer = parse(wire, text(wire, "One "), finish(wire, "stop"), text(wire, "two"), error=errors.RequestTimeout())
    assert (answer.text, answer.reply.outcome()) == ("One two", Outcome.INTERRUPTED)


@each_wire
@pytest.mark.parametrize("reason", ["something_new", "ERROR"])
def test_unknown_reason_is_interrupted_and_quoted(wire: Wire, reason: str) -> None:
    answer = parse(wire, text(wire, "a"), finish(wire, reason))
    assert answer.reply.finish
    assert (answer.reply.outcome(), answer.reply.finish.reason, answer.error) == (Outcome.INTERRUPTED, reason, None)


def test_reason_of_null_in_words_is_none_yet() -> None:
    answer = parse("openai", text("openai", "One ", "null"), text("openai", "two", "null"))
    assert (answer.text, type(answer.error)) == ("One two", errors.StreamInterrupted)


def test_finished_choice_stays_complete_where_another_one_breaks() -> None:
    other = [{"id": "a", "choices": [{"index": 1, "delta": {"content": "b"}}]}]
    answer = parse(
        "openai", text("openai", "a"), other, finish("openai", "stop"), error=errors.StreamInterrupted("broken")
    )
    assert isinstance(answer.error, errors.StreamInterrupted)
    assert [answer.reply.outcome(), answer.other_choices[0].outcome()] == [Outcome.COMPLETE, Outcome.INTERRUPTED]
