"""Streams as gateways bend them: content in other fields, repeated at the end, or of a kind that nobody knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.core.conversation import Outcome, SourcePart, TextPart, ThinkingPart, Usage
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.usage import parse_anthropic_usage, parse_openai_usage
from tests.unit.gateway.recordings import CollectedAnswer, collect

SOURCE = {"url": "https://e.com/a", "title": "A"}


def choice(delta: Any = None, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "a", "choices": [{"index": 0, "delta": delta, "finish_reason": reason, **fields}]}


def read_openai(*chunks: dict[str, Any]) -> CollectedAnswer:
    return collect(
        openai.events([*(Frame("message", json.dumps(chunk)) for chunk in chunks), Frame("message", "[DONE]")])
    )


def read_anthropic(*events: dict[str, Any]) -> CollectedAnswer:
    start = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 8, "output_tokens": 1}}}
    return collect(anthropic.events(Frame("message", json.dumps(event)) for event in [start, *events]))


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": [{"type": "text", "text": "Hm."}]},
        {"reasoning_content": ["H", "m."]},
        {"reasoning": {"content": "Hm."}},
        {"reasoning": {"summary": [{"type": "summary_text", "text": "Hm."}]}},
        {"reasoning": "", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"thinking_content": "Hm."},
        {"thought": "Hm.", "reasoning": None},
    ],
)
def test_thinking_in_any_field_and_form(delta: dict[str, Any]) -> None:
    answer = read_openai(choice(delta), choice({"content": "Yes."}), choice({}, "stop"))
    assert (answer.error, answer.reply.parts()) == (None, (ThinkingPart("Hm."), TextPart("Yes.")))


@pytest.mark.parametrize(
    "delta", [{"thought": True, "content": "Yes."}, {"reasoning": {"effort": "low"}, "content": "Yes."}]
)
def test_a_field_about_thinking_without_any_is_none(delta: dict[str, Any]) -> None:
    assert read_openai(choice(delta), choice({}, "stop")).reply.parts() == (TextPart("Yes."),)


@pytest.mark.parametrize(
    "last",
    [
        choice({}, "stop", message={"role": "assistant", "content": "Yes, it is."}),
        choice(None, "stop", message={"role": "assistant", "content": "Yes, it is."}),
        {"object": "chat.completion", "choices": [{"message": {"content": "Yes, it is."}, "finish_reason": "stop"}]},
        choice({"content": ""}, "stop", message={"content": "Yes, it is."}),
    ],
)
def test_a_whole_message_behind_its_deltas_is_no_second_text(last: dict[str, Any]) -> None:
    answer = read_openai(
        choice({"role": "assistant"}), choice({"content": "Yes, "}), choice({"content": "it is."}), last
    )
    assert (answer.reply.outcome(), answer.reply.parts()) == (Outcome.COMPLETE, (TextPart("Yes, it is."),))


def test_a_whole_message_behind_its_deltas_adds_what_was_not_in_them() -> None:
    message = {"content": "Yes.", "reasoning_content": "Hm.", "annotations": [{"url_citation": SOURCE}]}
    answer = read_openai(choice({"content": "Yes."}), choice({}, "stop", message=message))
    assert set(answer.reply.parts()) == {TextPart("Yes."), ThinkingPart("Hm."), SourcePart("https://e.com/a", "A")}


def test_a_message_behind_the_role_alone_is_the_text() -> None:
    answer = read_openai(
        choice({"role": "assistant", "content": ""}), choice(None, "stop", message={"content": "Yes."})
    )
    assert answer.reply.parts() == (TextPart("Yes."),)


@pytest.mark.parametrize(
    "fields",
    [
        {"provider_specific_fields": {"citations": [[SOURCE]]}},
        {"provider_specific_fields": {"citation": SOURCE}},
        {"metadata": {"citations": [SOURCE]}},
        {"context": {"citations": [SOURCE]}},
        {"vertex_ai_grounding_metadata": [{"groundingChunks": [{"web": {"uri": SOURCE["url"], "title": "A"}}]}]},
    ],
)
@pytest.mark.parametrize("place", ["delta", "choice", "chunk"])
def test_sources_inside_other_objects(fields: dict[str, Any], place: str) -> None:
    first = choice({"content": "Yes.", **(fields if place == "delta" else {})}, **(fields if place == "choice" else {}))
    answer = read_openai({**first, **(fields if place == "chunk" else {})}, choice({}, "stop"))
    assert answer.error is None
    assert [part for part in answer.reply.parts() if isinstance(part, SourcePart)] == [
        SourcePart("https://e.com/a", "A")
    ]


def test_a_field_that_nobody_knows_is_named_once_with_its_last_content() -> None:
    deltas = [
        {"content": "See "},
        {"canvas": {"title": "Plan", "text": "One"}},
        {"canvas": {"title": "Plan", "text": "Two"}},
    ]
    answer = read_openai(*map(choice, deltas), choice({"content": "it."}), choice({}, "stop"))
    named = [part for part in answer.reply.parts() if not isinstance(part, TextPart)]
    assert [(part.kind, part.label) for part in named] == [("canvas", "Plan · Two")]
    assert answer.reply.message().text == "See it."
    # Settings and marks are no content.
    quiet = {"content": "Yes.", "padding": "x", "flags": {"is_final": True}, "matched": [1], "metadata": {"name": "x"}}
    assert read_openai(choice(quiet), choice({}, "stop")).reply.parts() == (TextPart("Yes."),)


def test_a_text_with_a_value_and_a_finish_reason_in_the_delta() -> None:
    text = [{"type": "text", "text": {"value": "Yes.", "annotations": [SOURCE]}}]
    answer = read_openai(choice({"content": text}), choice({"finish_reason": "stop"}))
    assert (answer.reply.outcome(), answer.reply.message().text) == (Outcome.COMPLETE, "Yes.")


def test_a_damaged_delta_ends_the_answer_as_interrupted() -> None:
    answer = read_openai(choice({"content": "Yes"}), choice("no object"), choice({}, "stop"))
    assert (answer.reply.outcome(), answer.reply.message().text) == (Outcome.INTERRUPTED, "Yes")


def test_anthropics_deltas_without_type_and_with_another_field() -> None:
    events = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "text": "Hm."}},
        {"type": "content_block_delta", "index": 1, "delta": {"text": "Yes."}},
        {"type": "document_note", "text": "A note"},
        {"type": "session_info", "session": 7},
        {"type": "message_stop", "message": {"stop_reason": "end_turn", "usage": {"output_tokens": 3}}},
    ]
    answer = read_anthropic(*events)
    *parts, note = answer.reply.parts()
    assert (answer.reply.outcome(), parts) == (Outcome.COMPLETE, [ThinkingPart("Hm."), TextPart("Yes.")])
    assert (note.kind, note.label, answer.reply.usage) == ("document_note", "A note", Usage(8, 3))


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        ({"promptTokens": 100, "completionTokens": 5, "totalTokens": 105}, Usage(100, 5)),
        (
            {"inputTokens": 100, "outputTokens": 5, "cachedInputTokens": 10, "reasoningTokens": 2},
            Usage(100, 5, 10, None, 2),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "cache_read_tokens": 4, "cache_write_tokens": 2},
            Usage(9, 5, 4, 2),
        ),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cache_creation_input_tokens": 3}}, Usage(9, None, None, 3)),
    ],
)
def test_counters_under_other_names(raw: dict[str, Any], usage: Usage) -> None:
    assert parse_openai_usage(raw) == usage


def test_a_compaction_is_charged_beside_the_message() -> None:
    message = {"type": "message", "input_tokens": 10, "output_tokens": 5}
    compaction = {"type": "compaction", "input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 7}
    raw = {"input_tokens": 10, "output_tokens": 5, "iterations": [compaction, message, "x"]}
    assert parse_anthropic_usage(raw) == Usage(117, 55, 7)
    assert parse_anthropic_usage({**raw, "iterations": [message]}) == Usage(10, 5)


def test_events_without_blank_lines_and_with_the_name_of_their_field_are_separated() -> None:
    chunks = [json.dumps(choice({"content": "Yes."})), json.dumps(choice({}, "stop")), "[DONE]"]
    whole = [Frame("message", "\n".join(chunks))]
    named = [Frame("message", f"data: {chunk}") for chunk in chunks]
    for frames in (whole, named):
        answer = collect(openai.events(frames))
        assert (answer.error, answer.text, answer.reply.outcome()) == (None, "Yes.", Outcome.COMPLETE)
    cut = [Frame("message", "\n".join([chunks[0], chunks[1][:20]]))]
    answer = collect(openai.events(cut))
    assert (answer.text, answer.reply.outcome()) == ("", Outcome.INTERRUPTED)
