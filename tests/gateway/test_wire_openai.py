"""OpenAI's format: what each kind of chunk means, and the JSON of a request."""

import json
from typing import Any

import pytest

from lib.core import errors
from lib.core.params import Params
from lib.core.types import Message, Outcome, Text, Thinking, Usage
from lib.gateway import wire_openai
from lib.gateway.frames import Frame
from tests.gateway.recordings import QUESTION, Heard, hear

STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def said(delta: Any, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}


def heard(*chunks: Any, name: str = "message") -> Heard:
    """What comes of these chunks; a text stands for a frame's data as it is."""
    data = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
    return hear(wire_openai.events(Frame(name, text) for text in data))


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


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_thinking_under_either_name(key: str) -> None:
    found = heard(said({key: "Two "}), said({key: "plus two."}), said({"content": "Four"}), STOP)
    assert (found.thinking, found.text) == ("Two plus two.", "Four")


def test_thinking_under_both_names_is_taken_once() -> None:
    found = heard(said({"reasoning_content": "Hm.", "reasoning": "Hm."}), STOP)
    assert found.thinking == "Hm."


def test_the_newline_that_stands_for_a_signature_is_no_thought() -> None:
    assert heard(said({"reasoning_content": "\n"}), said({"content": "Four"}), STOP).thinking == ""


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_interleaved_answers_only_the_first_is_taken(first: int) -> None:
    order = [(first, "a"), (1 - first, "b"), (first, "c"), (1 - first, "d")]
    chunks = [{"choices": [{"index": index, "delta": {"content": word}}]} for index, word in order]
    ends = [
        {"choices": [{"index": i, "delta": {}, "finish_reason": r}]} for i, r in ((1, "length"), (0, "stop"))
    ]
    found = heard(*chunks, *ends)
    assert found.error is None
    assert found.text == ("ac" if first == 0 else "bd")
    assert found.reply.finish and found.reply.finish.reason == "stop"
    (other,) = found.others
    assert other.message().text == ("bd" if first == 0 else "ac")
    assert (other.outcome(), other.usage) == (Outcome.LENGTH, Usage())


def test_the_end_of_another_answer_is_not_the_end_of_ours() -> None:
    found = heard(said({"content": "a"}), {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
    assert type(found.error) is errors.Cut


def test_a_refusal_is_shown_and_named() -> None:
    found = heard(said({"refusal": "I will "}), said({"refusal": "not."}), STOP)
    assert (found.text, found.reply.outcome()) == ("I will not.", Outcome.REFUSED)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("stop", Outcome.COMPLETE),
        ("length", Outcome.LENGTH),
        ("max_tokens", Outcome.LENGTH),
        ("model_context_window_exceeded", Outcome.LENGTH),
        ("content_filter", Outcome.FILTERED),
        ("refusal", Outcome.REFUSED),
        ("tool_calls", Outcome.COMPLETE),
        ("function_call", Outcome.COMPLETE),
        ("pause_turn", Outcome.INTERRUPTED),
        ("something_new", Outcome.COMPLETE),
    ],
)
def test_each_finish_reason(reason: str, outcome: Outcome) -> None:
    found = heard(said({"content": "a"}), said({}, finish_reason=reason))
    assert found.reply.outcome() is outcome
    assert found.reply.finish and found.reply.finish.reason == reason


@pytest.mark.parametrize(
    "ending", [(), ("[DONE]",), ({"choices": [], "usage": {"prompt_tokens": 1}}, "[DONE]")]
)
def test_without_a_finish_reason_it_is_cut(ending: tuple[Any, ...]) -> None:
    found = heard(said({"content": "The first"}), *ending)
    assert type(found.error) is (errors.NoLastWord if ending else errors.Cut)
    assert (found.text, found.reply.outcome()) == ("The first", Outcome.INTERRUPTED)


def test_nothing_at_all_is_cut() -> None:
    assert type(heard().error) is errors.Cut
    marked = heard("[DONE]")
    assert (marked.error, marked.reply.outcome()) == (None, Outcome.EMPTY)


def test_what_follows_done_is_not_read() -> None:
    assert heard(said({"content": "a"}), STOP, " [DONE] ", said({"content": "b"})).text == "a"


@pytest.mark.parametrize(
    ("name", "payload", "kind", "detail"),
    [
        (
            "message",
            {"error": {"message": "went away", "type": "server_error"}},
            errors.FailedMidway,
            "went away",
        ),
        ("message", {"error": {"message": "no", "type": None, "code": "500"}}, errors.FailedMidway, "no"),
        ("message", {"error": "went away"}, errors.FailedMidway, "went away"),
        ("message", {"type": "error", "error": {"message": "went away"}}, errors.FailedMidway, "went away"),
        (
            "message",
            {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
            errors.RateLimited,
            "slow",
        ),
        ("error", {"message": "went away"}, errors.FailedMidway, "went away"),
        ("error", {"error": {"type": "overloaded_error", "message": "busy"}}, errors.Overloaded, "busy"),
        ("error", "upstream went away", errors.FailedMidway, "upstream went away"),
        ("error", {}, errors.FailedMidway, "{}"),
    ],
)
def test_an_error_frame_ends_it_and_keeps_the_text(name: str, payload: Any, kind: type, detail: str) -> None:
    data = payload if isinstance(payload, str) else json.dumps(payload)
    frames = [Frame("message", json.dumps(said({"content": "The first"}))), Frame(name, data)]
    frames += [Frame("message", json.dumps(STOP)), Frame("message", "[DONE]")]
    found = hear(wire_openai.events(frames))
    assert type(found.error) is kind
    assert (found.error.detail, found.text) == (detail, "The first")


USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 6,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


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
    assert heard(*chunks, "[DONE]").reply.usage == Usage(11, 6, cached=4, reasoning=3)


@pytest.mark.parametrize("details", [{}, None, [], "none", {"cached_tokens": None}, {"cached_tokens": -1}])
def test_usage_without_details(details: Any) -> None:
    raw = {"prompt_tokens": 1, "completion_tokens": True, "prompt_tokens_details": details}
    assert heard({"usage": raw}, STOP).reply.usage == Usage(1)


def test_the_first_id_and_model_that_are_not_empty_count() -> None:
    chunks = [{"id": "", "model": ""}, {"id": "a1", "model": "m"}, {"id": "b2", "model": "n"}]
    assert heard(*chunks, STOP).reply.served == {"id": "a1", "model": "m"}


def test_a_whole_answer_in_one_frame() -> None:
    message = {"role": "assistant", "content": "Four", "reasoning_content": "Hm.", "refusal": None}
    whole = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "error": {},
        "usage": USAGE,
    }
    found = heard(whole)
    assert (found.text, found.thinking, found.reply.usage.input) == ("Four", "Hm.", 11)


def test_the_example_of_a_failure_that_still_says_done() -> None:
    fault = {"error": {"message": "upstream went away", "type": "server_error", "code": "internal_error"}}
    found = heard(said({"content": "The first"}), fault, {"choices": [], "usage": USAGE}, "[DONE]")
    assert (type(found.error), found.text) == (errors.FailedMidway, "The first")


def test_a_request_with_nothing_set() -> None:
    assert wire_openai.body("m", QUESTION, Params()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "What is it?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "max_tokens"),
        ("openai/o3-mini", "max_completion_tokens"),
        ("o1", "max_completion_tokens"),
        ("gpt-5-mini", "max_completion_tokens"),
        ("olmo-2", "max_tokens"),
        ("claude-x", "max_tokens"),
    ],
)
def test_the_limit_goes_by_the_name_that_the_model_takes(model: str, name: str) -> None:
    request = wire_openai.body(model, QUESTION, Params(max_tokens=9))
    assert {key: value for key, value in request.items() if key.startswith("max_")} == {name: 9}


def test_a_request_with_all_set_and_thinking_left_out() -> None:
    answer = Message("assistant", (Thinking("hm", "sig"), Text("4")))
    request = wire_openai.body("m", [*QUESTION, answer, *QUESTION], Params("Be kind.", 9.5, 5))
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "user"]
    assert [message["content"] for message in request["messages"]][::2] == ["Be kind.", "4"]
    assert (request["temperature"], request["max_tokens"]) == (2.0, 5)
    assert wire_openai.body("m", QUESTION, Params(temperature=0.0))["temperature"] == 0.0
