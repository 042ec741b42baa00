"""OpenAI's wire: chunks of a stream, finish reasons, errors and usage."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.core.events import Finish
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import openai
from lib.gateway.wires.content.think_tags import split_thinking
from tests.unit.gateway.recordings import CollectedAnswer, collect

STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def delta_chunk(delta: Any, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **fields}]}


def parse(*chunks: Any, name: str = "message") -> CollectedAnswer:
    """Collect the answer of these chunks; a string is the data of a frame as it is."""
    data = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return collect(split_thinking(openai.events(Frame(name, text) for text in data)))


def text_chunk(index: int, content: str = "", finish_reason: str | None = None) -> dict[str, Any]:
    delta = {"content": content} if content else {}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]}


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 6,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
EXPECTED_USAGE = Usage(11, 6, cache_read=4, reasoning=3)
UPSTREAM_ERROR = {"error": {"message": "upstream went away", "type": "server_error", "code": "internal_error"}}
COMPLETE_MESSAGE = {
    "role": "assistant",
    "content": "Four",
    "reasoning_content": "Hm.",
    "refusal": None,
    "annotations": [],
}
THINKING_AND_TEXT = {"thinking": "Hm.", "text": "Four"}

# Chunks, and the expected summary of the answer.
CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "choices empty: the usage chunk": (
        [text_chunk(0, "a"), STOP, {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "a", "usage": EXPECTED_USAGE},
    ),
    "choices empty: Azure's first chunk": (
        [{"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]}, text_chunk(0, "a"), STOP],
        {"text": "a", "metadata": {}},
    ),
    "choice without delta": (
        [
            text_chunk(0, "a"),
            {"choices": [{"index": 0, "content_filter_offsets": {}}]},
            text_chunk(0, "b"),
            STOP,
        ],
        {"text": "ab"},
    ),
    "content missing, null or empty": (
        [delta_chunk({}), delta_chunk({"content": None}), delta_chunk({"content": ""}), STOP],
        {"parts": (), "outcome": Outcome.EMPTY},
    ),
    "role in the first chunk": (
        [delta_chunk({"role": "assistant", "content": "a"}), text_chunk(0, "b"), STOP],
        {"text": "ab"},
    ),
    "role in every chunk": (
        [delta_chunk({"role": "assistant", "content": part}) for part in "abc"] + [STOP],
        {"text": "abc"},
    ),
    "role never": ([text_chunk(0, "a"), text_chunk(0, "b"), STOP], {"text": "ab"}),
    "n of 2, interleaved": (
        [
            text_chunk(0, "a"),
            text_chunk(1, "b"),
            text_chunk(0, "c"),
            text_chunk(1, "d"),
            text_chunk(1, finish_reason="length"),
            STOP,
        ],
        {"text": "ac", "other_choices": ["bd"], "reason": "stop"},
    ),
    "n of 2, second choice first": (
        [
            text_chunk(1, "b"),
            text_chunk(0, "a"),
            text_chunk(1, "d"),
            text_chunk(0, "c"),
            STOP,
            text_chunk(1, finish_reason="length"),
        ],
        {"text": "ac", "other_choices": ["bd"], "reason": "stop"},
    ),
    "refusal": (
        [delta_chunk({"refusal": "I will "}), delta_chunk({"refusal": "not."}), STOP],
        {"text": "I will not.", "outcome": Outcome.REFUSED, "reason": "stop"},
    ),
    "reasoning_content": (
        [delta_chunk({"reasoning_content": part}) for part in ("H", "m.")] + [text_chunk(0, "Four"), STOP],
        THINKING_AND_TEXT,
    ),
    "reasoning": (
        [delta_chunk({"reasoning": part}) for part in ("H", "m.")] + [text_chunk(0, "Four"), STOP],
        THINKING_AND_TEXT,
    ),
    "reasoning under both names": (
        [delta_chunk({"reasoning_content": "Hm.", "reasoning": "Hm."}), text_chunk(0, "Four"), STOP],
        THINKING_AND_TEXT,
    ),
    "<think> in the content": (
        [
            text_chunk(0, "<thi"),
            text_chunk(0, "nk>\n"),
            text_chunk(0, "Hm.\n<"),
            text_chunk(0, "/think>\n\n"),
            text_chunk(0, "Four"),
            STOP,
        ],
        THINKING_AND_TEXT,
    ),
    "<think> after other text": (
        [text_chunk(0, "a <think>b</think>"), STOP],
        {"text": "a <think>b</think>"},
    ),
    "<think> unclosed": (
        [text_chunk(0, "<think>Hm."), STOP],
        {"text": "", "thinking": "Hm.", "outcome": Outcome.EMPTY},
    ),
    "newline in place of a signature": (
        [
            delta_chunk({"reasoning_content": "Hm."}),
            delta_chunk({"reasoning_content": "\n"}),
            text_chunk(0, "Four"),
            STOP,
        ],
        THINKING_AND_TEXT,
    ),
    "finish_reason unknown": (
        [text_chunk(0, "a"), text_chunk(0, finish_reason="new_one")],
        {"outcome": Outcome.INTERRUPTED, "reason": "new_one"},
    ),
    "usage in every chunk": (
        [{**text_chunk(0, "a"), "usage": {"prompt_tokens": 1}}, {**STOP, "usage": USAGE}],
        {"usage": EXPECTED_USAGE},
    ),
    "id and model empty in some chunks": (
        [{"id": "", "model": ""}, {"id": "a1", "model": "m"}, {"id": "b2", "model": "n"}, STOP],
        {"metadata": {"id": "a1", "model": "m"}},
    ),
    "error, then usage and [DONE]": (
        [text_chunk(0, "The first"), UPSTREAM_ERROR, {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "The first", "error": errors.StreamError, "detail": "upstream went away"},
    ),
    "[DONE] ends the stream": (
        [text_chunk(0, "a"), STOP, " [DONE] ", text_chunk(0, "b")],
        {"text": "a", "error": None},
    ),
    "finish reason for every choice": (
        [text_chunk(0, "a"), text_chunk(1, "b"), STOP, text_chunk(1, finish_reason="stop")],
        {"error": None, "outcome": Outcome.COMPLETE},
    ),
    "finish reason for one choice of two": (
        [text_chunk(0, "a"), text_chunk(1, "b"), STOP],
        {"error": errors.StreamInterrupted},
    ),
    "[DONE] without a finish reason": (
        [text_chunk(0, "The first"), {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "The first", "error": errors.MissingFinishReason, "outcome": Outcome.INTERRUPTED},
    ),
    "[DONE] without text": (["[DONE]"], {"error": None, "outcome": Outcome.EMPTY}),
    "closed without [DONE] and finish reason": (
        [text_chunk(0, "The first")],
        {"text": "The first", "error": errors.StreamInterrupted, "outcome": Outcome.INTERRUPTED},
    ),
    "closed without any chunk": ([], {"parts": (), "error": errors.StreamInterrupted}),
    "usage with the gateway's own fields": (
        [
            text_chunk(0, "a"),
            {**STOP, "usage": {**USAGE, "input_tokens": 5, "cost": 0.1, "usage_semantic": "openai"}},
        ],
        {"usage": EXPECTED_USAGE},
    ),
    "complete response": (
        [
            {
                "choices": [{"index": 0, "message": COMPLETE_MESSAGE, "finish_reason": "stop"}],
                "usage": USAGE,
                "error": {},
                "data": None,
            }
        ],
        {**THINKING_AND_TEXT, "usage": EXPECTED_USAGE, "error": None},
    ),
    "complete response with a refusal": (
        [{"choices": [{"index": 0, "message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}],
        {"text": "No.", "outcome": Outcome.REFUSED},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_chunks(case: str) -> None:
    chunks, expected = CASES[case]
    summary = parse(*chunks).summary()
    assert {name: summary[name] for name in expected} == expected
    assert summary["error"] is expected.get("error")


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": []},
        {"choices": None},
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "a"},
        {},
        {"choices": [{"index": 0, "content_filter_results": {}, "content_filter_offsets": {}}]},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        delta_chunk({"role": "assistant"}),
        delta_chunk({"role": "assistant", "content": None}),
        delta_chunk({"content": ""}),
        delta_chunk({"content": None, "reasoning_content": None, "refusal": None, "tool_calls": None}),
        delta_chunk({"tool_calls": [{"index": 3, "function": {"arguments": "{"}}]}),
        delta_chunk({"function_call": {"name": "f", "arguments": "{"}}),
        {"usage": None, "choices": []},
        {"error": {}, "choices": []},
        {"error": None, "choices": []},
        {"choices": [None]},
        "[START]",
        "ping",
        "null",
        "[]",
    ],
    ids=str,
)
def test_chunk_without_content_is_ignored(chunk: Any) -> None:
    answer = parse(delta_chunk({"content": "before "}), chunk, delta_chunk({"content": "after"}), STOP, "[DONE]")
    assert (answer.text, answer.thinking, answer.error) == ("before after", "", None)
    assert answer.reply.outcome() is Outcome.COMPLETE


BROKEN_CHUNKS = [
    {"choices": [None, 7, "words"]},
    {"choices": {"0": "words"}},
    {"choices": "words"},
    delta_chunk({"content": 7}),
    delta_chunk({"content": True}),
    delta_chunk({"content": [7]}),
    delta_chunk({"content": [{"type": "text", "text": 1.5}]}),
    delta_chunk({"reasoning_content": 7}),
    delta_chunk({"refusal": ["words"]}),
    delta_chunk("words"),
    delta_chunk(["words"]),
    delta_chunk(7),
    {"choices": [{"index": 0, "message": ["words"]}]},
    "words",
    "[1,2]",
    '"choices"',
    "7",
    '{"choices":[{"delta":{"content":"cut',
    '{"choices":[]} {"choices":[]}',
]


@pytest.mark.parametrize("chunk", BROKEN_CHUNKS, ids=str)
def test_broken_chunk_in_the_middle_interrupts_the_answer(chunk: Any) -> None:
    answer = parse(delta_chunk({"content": "before "}), chunk, delta_chunk({"content": "after"}), STOP, "[DONE]")
    assert answer.text == "before after"
    assert type(answer.error) is errors.StreamInterrupted
    assert answer.reply.outcome() is Outcome.INTERRUPTED
    # Behind a settled end no text is missing.
    answer = parse(delta_chunk({"content": "all"}), STOP, chunk, "[DONE]")
    assert (answer.error, answer.reply.outcome()) == (None, Outcome.COMPLETE)


def test_finish_reason_of_another_choice_does_not_finish_the_answer() -> None:
    answer = parse(delta_chunk({"content": "a"}), {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
    assert type(answer.error) is errors.StreamInterrupted


@pytest.mark.parametrize(
    ("name", "payload", "error_type", "detail"),
    [
        (
            "message",
            {"error": {"message": "went away", "type": "server_error"}},
            errors.StreamError,
            "went away",
        ),
        ("message", {"error": {"message": "no", "type": None, "code": "500"}}, errors.StreamError, "no"),
        ("message", {"error": "went away"}, errors.StreamError, "went away"),
        ("message", {"type": "error", "error": {"message": "went away"}}, errors.StreamError, "went away"),
        (
            "message",
            {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
            errors.RateLimited,
            "slow",
        ),
        ("error", {"message": "went away"}, errors.StreamError, "went away"),
        ("error", {"error": {"type": "overloaded_error", "message": "busy"}}, errors.Overloaded, "busy"),
        ("error", "upstream went away", errors.StreamError, "upstream went away"),
        ("error", {}, errors.StreamError, "{}"),
    ],
)
def test_error_frame_ends_the_answer_and_keeps_its_text(name: str, payload: Any, error_type: type, detail: str) -> None:
    data = payload if isinstance(payload, str) else json.dumps(payload)
    frames = [Frame("message", json.dumps(delta_chunk({"content": "The first"}))), Frame(name, data)]
    frames += [Frame("message", json.dumps(STOP)), Frame("message", "[DONE]")]
    answer = collect(openai.events(frames))
    assert type(answer.error) is error_type
    assert (answer.error.detail, answer.text) == (detail, "The first")


@pytest.mark.parametrize(
    "chunks",
    [
        [delta_chunk({"content": "a"}), STOP, {"choices": [], "usage": USAGE}],
        [delta_chunk({"content": "a"}), STOP, {"choices": [{"index": 0, "delta": {}}], "usage": USAGE}],
        [delta_chunk({"content": "a"}), {**STOP, "usage": USAGE}],
        [{**delta_chunk({"content": "a"}), "usage": {"prompt_tokens": 1}}, {**STOP, "usage": USAGE}],
        [{**delta_chunk({"content": "a"}), "usage": USAGE}, {**STOP, "usage": None}],
    ],
    ids=["empty chunk", "chunk after the end", "finish chunk", "every chunk", "first chunk"],
)
def test_last_usage_wins_in_any_position(chunks: list[Any]) -> None:
    assert parse(*chunks, "[DONE]").reply.usage == EXPECTED_USAGE


@pytest.mark.parametrize("details", [{}, None, [], "none", {"cached_tokens": None}, {"cached_tokens": -1}])
def test_usage_without_details(details: Any) -> None:
    raw = {"prompt_tokens": 1, "completion_tokens": True, "prompt_tokens_details": details}
    assert parse({"usage": raw}, STOP).reply.usage == Usage(1)


def test_error_in_a_choice_is_the_error_of_the_answer() -> None:
    error = {"code": 502, "message": "Provider went away"}
    answer = parse(
        delta_chunk({"content": "Half"}), {"choices": [{"index": 0, "error": error, "finish_reason": "error"}]}
    )
    assert answer.error is not None
    assert (answer.text, answer.error.detail) == ("Half", "Provider went away")
    assert answer.reply.outcome() is Outcome.INTERRUPTED


def test_older_function_call_is_a_tool_call() -> None:
    calls = [
        delta_chunk({"function_call": {"name": "f", "arguments": "{"}}),
        delta_chunk({"function_call": {"arguments": "}"}}),
    ]
    answer = parse(*calls, {"choices": [{"index": 0, "delta": {}, "finish_reason": "function_call"}]})
    assert answer.reply.provider_metadata["tool_calls"] == [{"arguments": "{}", "name": "f"}]


def test_end_behind_a_tool_call_is_settled() -> None:
    call = delta_chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]})
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    events = list(openai.events(Frame("message", json.dumps(chunk)) for chunk in (call, end)))
    assert [event.is_tentative for event in events if isinstance(event, Finish)] == [False]
