"""OpenAI's chunks: what each kind of them means, and how an answer is known to be whole."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.conversation import Outcome, Usage
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import openai
from lib.gateway.wires.think_tags import split_thinking
from tests.unit.gateway.recordings import Heard, hear

STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def said(delta: Any, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}


def heard(*chunks: Any, name: str = "message") -> Heard:
    """What comes of these chunks; a text stands for a frame's data as it is."""
    data = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return hear(split_thinking(openai.events(Frame(name, text) for text in data)))


def of(index: int, word: str = "", reason: str | None = None) -> dict[str, Any]:
    delta = {"content": word} if word else {}
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 6,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
COUNTED = Usage(11, 6, cached=4, reasoning=3)
LOST = {"error": {"message": "upstream went away", "type": "server_error", "code": "internal_error"}}
FULL = {
    "role": "assistant",
    "content": "Four",
    "reasoning_content": "Hm.",
    "refusal": None,
    "annotations": [],
}
THOUGHT = {"thinking": "Hm.", "text": "Four"}

# The rows of the reference's table of chunks, by their names: what comes, and what is to be made of it.
CHUNKS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "choices empty: the usage chunk": (
        [of(0, "a"), STOP, {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "a", "usage": COUNTED},
    ),
    "choices empty: Azure's first chunk": (
        [{"id": "", "model": "", "choices": [], "prompt_filter_results": [{}]}, of(0, "a"), STOP],
        {"text": "a", "served": {}},
    ),
    "a choice without delta": (
        [of(0, "a"), {"choices": [{"index": 0, "content_filter_offsets": {}}]}, of(0, "b"), STOP],
        {"text": "ab"},
    ),
    "content missing, null or empty": (
        [said({}), said({"content": None}), said({"content": ""}), STOP],
        {"parts": (), "outcome": Outcome.EMPTY},
    ),
    "role in the first chunk": (
        [said({"role": "assistant", "content": "a"}), of(0, "b"), STOP],
        {"text": "ab"},
    ),
    "role in every chunk": (
        [said({"role": "assistant", "content": w}) for w in "abc"] + [STOP],
        {"text": "abc"},
    ),
    "role never": ([of(0, "a"), of(0, "b"), STOP], {"text": "ab"}),
    "n of 2, interleaved": (
        [of(0, "a"), of(1, "b"), of(0, "c"), of(1, "d"), of(1, reason="length"), STOP],
        {"text": "ac", "others": ["bd"], "reason": "stop"},
    ),
    "n of 2, the second one first": (
        [of(1, "b"), of(0, "a"), of(1, "d"), of(0, "c"), STOP, of(1, reason="length")],
        {"text": "ac", "others": ["bd"], "reason": "stop"},
    ),
    "refusal": (
        [said({"refusal": "I will "}), said({"refusal": "not."}), STOP],
        {"text": "I will not.", "outcome": Outcome.REFUSED, "reason": "stop"},
    ),
    "reasoning_content": (
        [said({"reasoning_content": w}) for w in ("H", "m.")] + [of(0, "Four"), STOP],
        THOUGHT,
    ),
    "reasoning": ([said({"reasoning": w}) for w in ("H", "m.")] + [of(0, "Four"), STOP], THOUGHT),
    "reasoning under both names": (
        [said({"reasoning_content": "Hm.", "reasoning": "Hm."}), of(0, "Four"), STOP],
        THOUGHT,
    ),
    "<think> in the content": (
        [of(0, "<thi"), of(0, "nk>\n"), of(0, "Hm.\n<"), of(0, "/think>\n\n"), of(0, "Four"), STOP],
        THOUGHT,
    ),
    "<think> that is not the first word": (
        [of(0, "a <think>b</think>"), STOP],
        {"text": "a <think>b</think>"},
    ),
    "<think> unclosed": (
        [of(0, "<think>Hm."), STOP],
        {"text": "", "thinking": "Hm.", "outcome": Outcome.EMPTY},
    ),
    "a newline that stands for a signature": (
        [said({"reasoning_content": "Hm."}), said({"reasoning_content": "\n"}), of(0, "Four"), STOP],
        THOUGHT,
    ),
    "finish_reason unknown": (
        [of(0, "a"), of(0, reason="new_one")],
        {"outcome": Outcome.COMPLETE, "reason": "new_one"},
    ),
    "usage in every chunk": (
        [{**of(0, "a"), "usage": {"prompt_tokens": 1}}, {**STOP, "usage": USAGE}],
        {"usage": COUNTED},
    ),
    "id and model empty in some chunks": (
        [{"id": "", "model": ""}, {"id": "a1", "model": "m"}, {"id": "b2", "model": "n"}, STOP],
        {"served": {"id": "a1", "model": "m"}},
    ),
    "an error, then usage and [DONE]": (
        [of(0, "The first"), LOST, {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "The first", "error": errors.StreamError, "detail": "upstream went away"},
    ),
    "[DONE]: nothing after it is read": (
        [of(0, "a"), STOP, " [DONE] ", of(0, "b")],
        {"text": "a", "error": None},
    ),
    "complete: a reason for every index": (
        [of(0, "a"), of(1, "b"), STOP, of(1, reason="stop")],
        {"error": None, "outcome": Outcome.COMPLETE},
    ),
    "complete: a reason for one index of two": (
        [of(0, "a"), of(1, "b"), STOP],
        {"error": errors.StreamInterrupted},
    ),
    "[DONE], text, no reason": (
        [of(0, "The first"), {"choices": [], "usage": USAGE}, "[DONE]"],
        {"text": "The first", "error": errors.MissingFinishReason, "outcome": Outcome.INTERRUPTED},
    ),
    "[DONE], no text": (["[DONE]"], {"error": None, "outcome": Outcome.EMPTY}),
    "closed without [DONE] and reason": (
        [of(0, "The first")],
        {"text": "The first", "error": errors.StreamInterrupted, "outcome": Outcome.INTERRUPTED},
    ),
    "closed without anything": ([], {"parts": (), "error": errors.StreamInterrupted}),
    "usage: fields of the gateway's own": (
        [
            of(0, "a"),
            {**STOP, "usage": {**USAGE, "input_tokens": 5, "cost": 0.1, "usage_semantic": "openai"}},
        ],
        {"usage": COUNTED},
    ),
    "a whole answer": (
        [
            {
                "choices": [{"index": 0, "message": FULL, "finish_reason": "stop"}],
                "usage": USAGE,
                "error": {},
                "data": None,
            }
        ],
        {**THOUGHT, "usage": COUNTED, "error": None},
    ),
    "a whole answer with a refusal": (
        [
            {
                "choices": [
                    {"index": 0, "message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}
                ]
            }
        ],
        {"text": "No.", "outcome": Outcome.REFUSED},
    ),
}


@pytest.mark.parametrize("row", CHUNKS)
def test_chunks_row_by_row(row: str) -> None:
    chunks, meant = CHUNKS[row]
    told = heard(*chunks).told()
    assert {name: told[name] for name in meant} == meant
    assert told["error"] is meant.get("error")


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
        {"choices": [None, 7, "words"]},
        {"choices": {"0": "words"}},
        said({"role": "assistant"}),
        said({"role": "assistant", "content": None}),
        said({"content": ""}),
        said({"content": 7}),
        said({"content": None, "reasoning_content": None, "refusal": None, "tool_calls": None}),
        said({"tool_calls": [{"index": 3, "function": {"arguments": "{"}}]}),
        said({"function_call": {"name": "f", "arguments": "{"}}),
        said("words"),
        said(["words"]),
        {"usage": None, "choices": []},
        {"error": {}, "choices": []},
        {"error": None, "choices": []},
        "words",
        "[1,2]",
    ],
    ids=str,
)
def test_a_chunk_without_words_says_nothing_and_breaks_nothing(chunk: Any) -> None:
    found = heard(said({"content": "before "}), chunk, said({"content": "after"}), STOP, "[DONE]")
    assert (found.text, found.thinking, found.error) == ("before after", "", None)
    assert found.reply.outcome() is Outcome.COMPLETE


def test_the_end_of_another_answer_is_not_the_end_of_ours() -> None:
    found = heard(said({"content": "a"}), {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
    assert type(found.error) is errors.StreamInterrupted


@pytest.mark.parametrize(
    ("name", "payload", "kind", "detail"),
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
def test_an_error_frame_ends_it_and_keeps_the_text(name: str, payload: Any, kind: type, detail: str) -> None:
    data = payload if isinstance(payload, str) else json.dumps(payload)
    frames = [Frame("message", json.dumps(said({"content": "The first"}))), Frame(name, data)]
    frames += [Frame("message", json.dumps(STOP)), Frame("message", "[DONE]")]
    found = hear(openai.events(frames))
    assert type(found.error) is kind
    assert (found.error.detail, found.text) == (detail, "The first")


@pytest.mark.parametrize(
    "chunks",
    [
        [said({"content": "a"}), STOP, {"choices": [], "usage": USAGE}],
        [said({"content": "a"}), STOP, {"choices": [{"index": 0, "delta": {}}], "usage": USAGE}],
        [said({"content": "a"}), {**STOP, "usage": USAGE}],
        [{**said({"content": "a"}), "usage": {"prompt_tokens": 1}}, {**STOP, "usage": USAGE}],
        [{**said({"content": "a"}), "usage": USAGE}, {**STOP, "usage": None}],
    ],
    ids=["empty chunk", "chunk after the end", "finish chunk", "every chunk", "first chunk"],
)
def test_the_last_usage_counts_wherever_it_comes(chunks: list[Any]) -> None:
    assert heard(*chunks, "[DONE]").reply.usage == COUNTED


@pytest.mark.parametrize("details", [{}, None, [], "none", {"cached_tokens": None}, {"cached_tokens": -1}])
def test_usage_without_details(details: Any) -> None:
    raw = {"prompt_tokens": 1, "completion_tokens": True, "prompt_tokens_details": details}
    assert heard({"usage": raw}, STOP).reply.usage == Usage(1)
