"""Web search over both wires: requests, refusals, searches and their number in streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.core.conversation import Message, OtherPart, SourcePart, TextPart, Usage
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.core.web_search import WebSearch, search_from_part, search_to_part
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai, request_body
from lib.gateway.wires.paused_turn import TurnContent
from lib.gateway.wires.usage import parse_anthropic_usage, parse_openai_usage
from tests.unit.gateway.recordings import CollectedAnswer, collect

COUNTS: dict[str, dict[str, Any]] = {
    "Anthropic, OpenRouter": {"server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}},
    "LiteLLM": {"prompt_tokens_details": {"web_search_requests": 2}},
    "Perplexity": {"num_search_queries": 2},
    "counted in two places": {
        "server_tool_use": {"web_search_requests": 2},
        "prompt_tokens_details": {"web_search_requests": 2},
    },
}


@pytest.mark.parametrize("case", COUNTS)
def test_searches_are_counted_under_the_names_of_each_vendor(case: str) -> None:
    raw = COUNTS[case]
    assert parse_openai_usage({"prompt_tokens": 9, "completion_tokens": 1, **raw}) == Usage(9, 1, searches=2)
    assert parse_anthropic_usage({"input_tokens": 9, "output_tokens": 1, **raw}) == Usage(9, 1, searches=2)


@pytest.mark.parametrize("value", [None, "many", -1, 1.5, {"web_search_requests": True}, [2]])
def test_a_number_of_searches_that_is_none_counts_as_unknown(value: object) -> None:
    assert parse_anthropic_usage({"input_tokens": 9, "output_tokens": 1, "server_tool_use": value}).searches is None


QUERY = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
RESULT = {
    "type": "web_search_result",
    "title": "Tides",
    "url": "https://tides.example/now",
    "encrypted_content": "x" * 9_000,
    "page_age": "April 30, 2025",
}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [RESULT]}


def start(index: int, block: dict[str, Any]) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


SEARCH = [
    start(0, {"type": "text", "text": ""}),
    delta(0, type="text_delta", text="Let me look."),
    stop(0),
    start(1, QUERY),
    delta(1, type="input_json_delta", partial_json='{"que'),
    delta(1, type="input_json_delta", partial_json='ry": "tides today"}'),
    stop(1),
    start(2, FOUND),
    stop(2),
    start(3, {"type": "text", "text": "", "citations": []}),
    delta(
        3,
        type="citations_delta",
        citation={
            "type": "web_search_result_location",
            "url": "https://tides.example/now",
            "title": "Tides",
            "encrypted_index": "e",
            "cited_text": "High at noon.",
        },
    ),
    delta(3, type="text_delta", text="At noon."),
    stop(3),
]
STEP = search_to_part("tides today", [SourcePart("https://tides.example/now", "Tides")])


def parse(*events: dict[str, Any], stop_reason: str = "end_turn") -> CollectedAnswer:
    end = {"type": "message_delta", "delta": {"stop_reason": stop_reason}}
    frames = [Frame(str(event["type"]), json.dumps(event)) for event in (*events, end)]
    return collect(anthropic.events(frames))


def searches_of(answer: CollectedAnswer) -> list[WebSearch]:
    return [search_from_part(part) for part in answer.reply.parts() if isinstance(part, OtherPart)]


def test_a_search_and_its_result_are_one_step_between_the_texts() -> None:
    expected = (TextPart("Let me look."), STEP, TextPart("At noon."))
    source = SourcePart("https://tides.example/now", "Tides", "High at noon.")
    assert parse(*SEARCH).reply.parts() == (*expected[:2], TextPart("At noon.", (1,)), source)
    content: list[dict[str, Any]] = [
        {"type": "text", "text": "Let me look."},
        {**QUERY, "input": {"query": "tides today"}},
        FOUND,
        {"type": "text", "text": "At noon."},
    ]
    whole = {"type": "message", "content": content, "stop_reason": "end_turn"}
    assert collect(anthropic.events([Frame("message", json.dumps(whole))])).reply.parts() == expected


def test_a_search_runs_until_its_result() -> None:
    for length, search in ((4, WebSearch("")), (7, WebSearch("tides today"))):
        (found,) = searches_of(parse(*SEARCH[:length]))
        assert found == search and found.is_running
    (found,) = searches_of(parse(*SEARCH[:8]))
    assert (found.result_count, found.is_running) == (1, False)


@pytest.mark.parametrize("content", [{"type": "web_search_tool_result_error", "error_code": "busy"}, None, "x", 7])
def test_a_failed_search_keeps_its_error(content: object) -> None:
    failed = {**FOUND, "content": content}
    (found,) = searches_of(parse(*SEARCH[:7], start(2, failed), *SEARCH[9:]))
    assert found == WebSearch("tides today", error="busy" if isinstance(content, dict) else "unavailable")


def test_a_result_without_its_search_is_a_step_of_its_own() -> None:
    (found,) = searches_of(parse(start(0, {**FOUND, "tool_use_id": "unknown"})))
    assert (found.query, found.result_count) == ("", 1)


def test_a_hostile_result_is_bounded() -> None:
    results = [{"url": f"https://a.example/{n}", "title": "t" * 10_000} for n in range(5_000)]
    (found,) = searches_of(parse(*SEARCH[:7], start(2, {**FOUND, "content": [*results, 7, None, {}]})))
    assert (found.result_count, len(found.results)) == (5_000, 20)
    assert all(len(result.title) <= 120 for result in found.results)


@pytest.mark.parametrize("details", ["", "{", "[1]", '{"results": 7}', '{"results": [{"url": 7}, null]}', "[" * 9_999])
def test_details_of_another_program_are_read_as_far_as_they_go(details: str) -> None:
    assert search_from_part(OtherPart("web_search", "q", details)) == WebSearch("q")


def test_content_of_a_paused_turn_is_sent_back_unchanged() -> None:
    turn = TurnContent()
    thinking: list[dict[str, Any]] = [
        start(4, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(4, type="thinking_delta", thinking="Hm."),
        delta(4, type="signature_delta", signature="s=="),
        start(5, {"type": "redacted_thinking", "data": "d"}),
        start(6, {"type": "text", "text": " "}),
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "pause_turn"}}
    frames = [Frame(str(event["type"]), json.dumps(event)) for event in (*SEARCH, *thinking, end)]
    frames.insert(0, Frame("comment", "{"))
    assert list(turn.watch(frames)) == frames
    citation = SEARCH[10]["delta"]["citation"]
    assert turn.continuation() == [
        {"type": "text", "text": "Let me look."},
        {**QUERY, "input": {"query": "tides today"}},
        FOUND,
        {"type": "text", "text": "At noon.", "citations": [citation]},
        {"type": "thinking", "thinking": "Hm.", "signature": "s=="},
        {"type": "redacted_thinking", "data": "d"},
    ]


@pytest.mark.parametrize("data", ["{", "[]", "7", '{"index": 0}', '{"type": "content_block_delta", "index": 9}'])
def test_frames_that_say_nothing_are_no_paused_turn(data: str) -> None:
    turn = TurnContent()
    assert list(turn.watch([Frame("message", data)])) == [Frame("message", data)]
    assert turn.continuation() == []


MODES = [
    ("openai", "gpt-4o-search-preview", None, "always"),
    ("openai", "openai/gpt-4o-mini-search-preview-2025-03-11", False, "always"),
    ("openai", "gpt-5-search-api", None, "always"),
    ("openai", "perplexity/sonar-pro", None, "always"),
    ("openai", "deepseek/deepseek-chat:online", None, "always"),
    ("openai", "gpt-4o", None, ""),
    ("openai", "gpt-5.2", None, ""),
    ("openai", "gemini-3-pro", True, "optional"),
    ("openai", "claude-sonnet-4-6", None, "optional"),
    ("anthropic", "claude-3-5-haiku-20241022", None, "optional"),
    ("anthropic", "anthropic/claude-opus-5.5", None, "optional"),
    ("anthropic", "claude-3-haiku-20240307", None, ""),
    ("anthropic", "claude-opus-5", False, ""),
    ("anthropic", "gpt-4o-search-preview", None, ""),
    ("anthropic", "glm-5", True, "optional"),
]


@pytest.mark.parametrize(("wire", "model", "listed", "mode"), MODES)
def test_models_with_a_search(wire: Wire, model: str, listed: bool | None, mode: str) -> None:
    assert request_body.search_mode(Target(model, wire), Capabilities(web_search=listed)) == mode


def test_a_search_model_takes_no_sampling_parameters() -> None:
    params = Params(temperature=0.5, n=2, seed=1, effort="low", search_context="low", stop=("a",))
    body = openai.body("gpt-5-search-api", [Message("user", (TextPart("Hi"),))], params)
    assert not {"temperature", "n", "seed", "reasoning_effort", "stop", "tools"} & set(body)
    assert body["web_search_options"] == {"search_context_size": "low"}
    (dropped,) = request_body.dropped_params(Target("gpt-5-search-api", "openai"), params)
    assert set(dropped.param_names.split(",")) == {"temperature", "n", "seed", "effort", "stop"}


@pytest.mark.parametrize(
    ("wire", "params", "searches"),
    [
        ("anthropic", Params(web_search=True), 5),
        ("anthropic", Params(web_search=True, search_uses=2), 2),
        ("anthropic", Params(), 0),
        ("anthropic", Params(extra='{"tools": [{"type": "web_search_20250305", "name": "web_search"}]}'), 10),
        ("openai", Params(web_search=True), 5),
        ("openai", Params(web_search=True, search_context="low"), 1),
        ("openai", Params(web_search=True, extra="{"), 0),
    ],
)
def test_most_searches_of_a_request(wire: Wire, params: Params, searches: int) -> None:
    assert request_body.max_searches(Target("claude-sonnet-4-6", wire), params) == searches
