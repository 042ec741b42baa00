"""Token counters: one test for each rule in `usage`, with gateways' own forms, and forms that must not match."""

import json
from typing import Any

import pytest

from lib.core.conversation import Usage
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from lib.gateway.wires.usage import merge_raw_usage, merge_usage, parse_anthropic_usage, parse_openai_usage
from tests.unit.gateway.recordings import collect

# The usage object of OpenAI's wire, and what it says.
OPENAI_CASES: dict[str, tuple[dict[str, Any], Usage]] = {
    "OpenAI": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 12},
        },
        Usage(100, 20, 40, 30, 12),
    ),
    "details of null": (
        {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None, "completion_tokens_details": None},
        Usage(1, 2),
    ),
    "whole floats and texts": ({"prompt_tokens": 12.0, "completion_tokens": " 7 "}, Usage(12, 7)),
    "no counters": ({"prompt_tokens": True, "completion_tokens": -1, "total_tokens": "many"}, Usage()),
    "fractions": ({"prompt_tokens": 1.5, "completion_tokens": "2.0"}, Usage()),
    # Names.
    "Responses API": (
        {
            "input_tokens": 50,
            "output_tokens": 9,
            "input_tokens_details": {"cached_tokens": 20},
            "output_tokens_details": {"reasoning_tokens": 4},
        },
        Usage(50, 9, 20, reasoning=4),
    ),
    "new-api: the other names are 0": (
        {"prompt_tokens": 8, "completion_tokens": 3, "input_tokens": 0, "output_tokens": 0},
        Usage(8, 3),
    ),
    "own names are 0": (
        {"prompt_tokens": 0, "completion_tokens": 0, "input_tokens": 8, "output_tokens": 3},
        Usage(8, 3),
    ),
    "both names, different": (
        {"prompt_tokens": 8, "completion_tokens": 3, "input_tokens": 99, "output_tokens": 98},
        Usage(8, 3),
    ),
    "DeepSeek, without the sum": (
        {"completion_tokens": 3, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
        Usage(10, 3, 6),
    ),
    "Moonshot": ({"prompt_tokens": 10, "completion_tokens": 3, "cached_tokens": 6}, Usage(10, 3, 6)),
    "Gemini": (
        {
            "promptTokenCount": 10,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 4,
            "toolUsePromptTokenCount": 5,
            "totalTokenCount": 48,
        },
        Usage(15, 33, 4, reasoning=30),
    ),
    # Thinking outside the completion.
    "Grok and Gemini: the total is larger": (
        {
            "prompt_tokens": 21,
            "completion_tokens": 9,
            "total_tokens": 330,
            "completion_tokens_details": {"reasoning_tokens": 300},
        },
        Usage(21, 309, reasoning=300),
    ),
    "the total is larger, nothing says why": (
        {"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 330},
        Usage(21, 309),
    ),
    "more thinking than completion, without a total": (
        {"prompt_tokens": 21, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 300}},
        Usage(21, 309, reasoning=300),
    ),
    "thinking inside the completion": (
        {
            "prompt_tokens": 21,
            "completion_tokens": 309,
            "total_tokens": 330,
            "completion_tokens_details": {"reasoning_tokens": 300},
        },
        Usage(21, 309, reasoning=300),
    ),
    "the total is too small": ({"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 9}, Usage(21, 9)),
    "the total is 0": ({"prompt_tokens": 21, "completion_tokens": 9, "total_tokens": 0}, Usage(21, 9)),
    "no completion": ({"prompt_tokens": 21, "total_tokens": 30}, Usage(21, 9)),
    "no prompt": ({"completion_tokens": 9, "total_tokens": 30}, Usage(21, 9)),
    "a prompt of 0": ({"prompt_tokens": 0, "completion_tokens": 9, "total_tokens": 30}, Usage(21, 9)),
    # The cache.
    "LiteLLM: Claude's counters beside the prompt that includes them": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 105,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
        },
        Usage(100, 5, 60, 30),
    ),
    "new-api: Claude's counters outside the prompt, named": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "usage_semantic": "anthropic",
            "prompt_tokens_details": {"cached_tokens": 60, "cached_creation_tokens": 30},
        },
        Usage(190, 5, 60, 30),
    ),
    "more cache than prompt": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 60},
        },
        Usage(70, 5, 60),
    ),
    "the total includes the cache, the prompt does not": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 165,
            "prompt_tokens_details": {"cached_tokens": 60},
        },
        Usage(160, 5, 60),
    ),
    "the total is larger by thinking as large as the cache": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 165,
            "prompt_tokens_details": {"cached_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 60},
        },
        Usage(100, 65, 60, reasoning=60),
    ),
    "new-api: writes by their lifetime": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "claude_cache_creation_5_m_tokens": 20,
            "claude_cache_creation_1_h_tokens": 10,
        },
        Usage(100, 5, None, 30, cache_write_1h=10),
    ),
    "LiteLLM: writes by their lifetime, in two places": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 105,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "prompt_tokens_details": {
                "cache_creation_tokens": 30,
                "cache_creation_token_details": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            },
        },
        Usage(100, 5, None, 30, cache_write_1h=10),
    ),
    "details of the writes that are no object": (
        {"prompt_tokens": 9, "completion_tokens": 1, "cache_creation": 7, "prompt_tokens_details": [1]},
        Usage(9, 1),
    ),
}

# The usage object of Anthropic's wire, and what it says.
ANTHROPIC_CASES: dict[str, tuple[dict[str, Any], Usage]] = {
    "Anthropic": (
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
            "output_tokens": 9,
            "output_tokens_details": {"thinking_tokens": 4},
        },
        Usage(100, 9, 60, 30, 4, 10),
    ),
    "writes by their lifetime alone": (
        {"input_tokens": 10, "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}},
        Usage(40, None, None, 30, None, 10),
    ),
    "the sum of the writes is 0": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
        },
        Usage(30, None, None, 20, None, 0),
    ),
    "one lifetime is missing": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": None},
        },
        Usage(40, None, None, 30, None, 10),
    ),
    "the lifetime of one hour alone, smaller than the sum": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_1h_input_tokens": 10},
        },
        Usage(40, None, None, 30, None, 10),
    ),
    "lifetimes larger than the sum": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 25,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        },
        Usage(40, None, None, 30, None, 10),
    ),
    "lifetimes smaller than the sum": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 37,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        },
        Usage(47, None, None, 37, None, 10),
    ),
    "lifetimes of 0 beside a sum": (
        {
            "input_tokens": 10,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        },
        Usage(40, None, None, 30, None, 0),
    ),
    "a longer lifetime, and texts": (
        {
            "input_tokens": "10",
            "cache_creation_input_tokens": "30",
            "cache_creation": {"ephemeral_5m_input_tokens": "5", "ephemeral_24h_input_tokens": "25"},
        },
        Usage(40, None, None, 30, None, 25),
    ),
    "the other wire's names, in part": ({"completion_tokens": 9, "total_tokens": 30}, Usage(21, 9)),
    "a total that has the cache inside the input": (
        {"input_tokens": 100, "cache_read_input_tokens": 60, "output_tokens": 5, "total_tokens": 105},
        Usage(100, 5, 60),
    ),
    "thinking outside the output": (
        {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 40}},
        Usage(10, 45, reasoning=40),
    ),
    "the other wire's names": (
        {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 60}},
        Usage(100, 5, 60),
    ),
    "Bedrock": (
        {"inputTokenCount": 10, "outputTokenCount": 5, "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 2},
        Usage(15, 5, 3, 2),
    ),
    "cache alone": ({"cache_read_input_tokens": 60}, Usage(60, None, 60)),
    "nothing": ({"service_tier": "standard"}, Usage()),
}


@pytest.mark.parametrize("case", OPENAI_CASES)
def test_usage_of_openai(case: str) -> None:
    raw, usage = OPENAI_CASES[case]
    assert parse_openai_usage(raw) == usage


@pytest.mark.parametrize("case", ANTHROPIC_CASES)
def test_usage_of_anthropic(case: str) -> None:
    raw, usage = ANTHROPIC_CASES[case]
    assert parse_anthropic_usage(raw) == usage


def test_later_reports_replace_earlier_ones_but_not_with_nothing() -> None:
    assert merge_usage(Usage(5, 1), Usage(8, 3)) == Usage(8, 3)
    assert merge_usage(Usage(8, 3), Usage(5, 2)) == Usage(5, 2)  # an estimate was corrected
    assert merge_usage(Usage(8, 3, 2), Usage(None, 0, 0)) == Usage(8, 3, 2)
    assert merge_usage(Usage(0, None), Usage(0, 0)) == Usage(0, 0)


def test_a_later_report_without_lifetimes_or_with_zeros_keeps_them() -> None:
    written = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}
    start = {"input_tokens": 10, "cache_creation_input_tokens": 30, "cache_creation": written}
    zeros = dict.fromkeys(written, 0)
    for end in (
        {"output_tokens": 3},
        {"output_tokens": 3, "cache_creation_input_tokens": 30},
        {"output_tokens": 3, "cache_creation_input_tokens": 30, "cache_creation": zeros},
        {"output_tokens": 3, "cache_creation_input_tokens": 0, "cache_creation": None},
        {"output_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 10}},
    ):
        merged = merge_raw_usage(start, end)
        assert parse_anthropic_usage(merged) == Usage(40, 3, None, 30, None, 10), end


def chunk(text: str = "", reason: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": {"content": text} if text else {}, "finish_reason": reason, **fields}


def usage_of_chunks(*chunks: dict[str, Any]) -> Usage:
    frames = [Frame("message", json.dumps(item)) for item in chunks]
    replies = collect(openai.events([*frames, Frame("message", "[DONE]")]))
    assert replies.error is None
    return replies.reply.usage


RAW = {"prompt_tokens": 8, "completion_tokens": 3, "total_tokens": 11}
OPENAI_PLACES: dict[str, list[dict[str, Any]]] = {
    "Moonshot: in the choice": [{"choices": [chunk("a")]}, {"choices": [chunk(reason="stop", usage=RAW)]}],
    "in the delta": [{"choices": [{"delta": {"content": "a", "usage": RAW}}]}, {"choices": [chunk(reason="stop")]}],
    "in the message": [{"choices": [{"message": {"content": "a", "usage": RAW}, "finish_reason": "stop"}]}],
    "Groq": [{"choices": [chunk("a")]}, {"choices": [chunk(reason="stop")], "x_groq": {"usage": RAW}}],
    "Gemini": [{"choices": [chunk("a", "stop")], "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 3}}],
    "null, then real": [
        {"choices": [chunk("a")], "usage": None},
        {"choices": [chunk(reason="stop")], "usage": None},
        {"choices": [], "usage": RAW},
    ],
    "cumulative in every chunk": [
        {"choices": [chunk("a")], "usage": {**RAW, "completion_tokens": 1, "total_tokens": 9}},
        {"choices": [chunk("b")], "usage": {**RAW, "completion_tokens": 2, "total_tokens": 10}},
        {"choices": [chunk(reason="stop")], "usage": RAW},
    ],
    "zeros at the end": [
        {"choices": [chunk("a")], "usage": RAW},
        {"choices": [chunk(reason="stop")]},
        {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}},
    ],
    "twice": [{"choices": [chunk("a", "stop")], "usage": RAW}, {"choices": [], "usage": RAW}],
    "in the choice and beside it": [
        {"choices": [chunk("a", "stop", usage={"prompt_tokens": 1, "completion_tokens": 1})], "usage": RAW}
    ],
    "an estimate first, in parts": [
        {"choices": [chunk("a")], "usage": {"prompt_tokens": 50}},
        {"choices": [chunk(reason="stop")], "usage": {"prompt_tokens": 8}},
        {"choices": [], "usage": {"completion_tokens": 3}},
    ],
}


@pytest.mark.parametrize("case", OPENAI_PLACES)
def test_places_of_usage_on_openais_wire(case: str) -> None:
    assert usage_of_chunks(*OPENAI_PLACES[case]) == Usage(8, 3)


def test_usage_of_several_choices_is_one_input_and_the_sum_of_outputs() -> None:
    chunks = [
        {"choices": [chunk("a"), chunk("b", index=1)]},
        {"choices": [chunk(reason="stop", usage=RAW)]},
        {"choices": [chunk(reason="stop", index=1, usage={**RAW, "completion_tokens": 4, "total_tokens": 12})]},
    ]
    assert usage_of_chunks(*chunks) == Usage(8, 7)


START = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 8, "output_tokens": 1}}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
STOP = {"type": "message_stop"}
ANTHROPIC_PLACES: dict[str, list[dict[str, Any]]] = {
    "Anthropic": [START, TEXT, {**END, "usage": {"output_tokens": 3}}, STOP],
    "zeros at the end": [
        {"type": "message_start", "message": {"usage": {"input_tokens": 8}}},
        TEXT,
        {**END, "usage": {"input_tokens": 0, "output_tokens": 3}},
        STOP,
    ],
    "in the delta": [START, TEXT, {**END, "delta": {"stop_reason": "end_turn", "usage": {"output_tokens": 3}}}, STOP],
    "in message_stop": [
        START,
        TEXT,
        END,
        {**STOP, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 8, "outputTokenCount": 3}},
    ],
    "beside the message": [
        {"type": "message_start", "message": {"id": "m"}, "usage": {"input_tokens": 8}},
        TEXT,
        {**END, "usage": {"output_tokens": 3}},
        STOP,
    ],
}


@pytest.mark.parametrize("case", ANTHROPIC_PLACES)
def test_places_of_usage_on_anthropics_wire(case: str) -> None:
    frames = [Frame(str(event["type"]), json.dumps(event)) for event in ANTHROPIC_PLACES[case]]
    answer = collect(anthropic.events(frames))
    assert (answer.error, answer.reply.usage) == (None, Usage(8, 3))
