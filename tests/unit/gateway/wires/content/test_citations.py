"""Sources on both wires, in the fields of every vendor, and their numbers."""

import json
from typing import Any

import pytest

from lib.core.conversation import Outcome, SourcePart, TextPart
from lib.core.events import Citation
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic, openai
from tests.unit.gateway.recordings import CollectedAnswer, collect

A, B = "https://a.example/1", "https://b.example/2"
TEXT = {"choices": [{"index": 0, "delta": {"content": "See [1] and [2]."}}]}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def parse(*chunks: Any) -> CollectedAnswer:
    return collect(openai.events(Frame("message", json.dumps(chunk)) for chunk in (*chunks, STOP)))


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


ANNOTATION = {"type": "url_citation", "url_citation": {"url": A, "title": "First", "start_index": 4, "end_index": 7}}
# Chunks of OpenAI's wire, and the sources in them.
CASES: dict[str, tuple[list[Any], list[SourcePart]]] = {
    "OpenAI: annotations": ([delta(annotations=[ANNOTATION])], [SourcePart(A, "First")]),
    "OpenAI: annotations of a message": (
        [{"choices": [{"message": {"content": "a", "annotations": [ANNOTATION]}}]}],
        [SourcePart(A, "First")],
    ),
    "OpenRouter: annotations with an excerpt": (
        [delta(annotations=[{"url_citation": {"url": A, "title": "First", "content": "An excerpt."}}])],
        [SourcePart(A, "First", "An excerpt.")],
    ),
    "Responses API: flat annotations": (
        [delta(annotations=[{"type": "url_citation", "url": A, "title": "First"}])],
        [SourcePart(A, "First")],
    ),
    "a file": (
        [delta(annotations=[{"type": "file_citation", "file_citation": {"filename": "a.pdf"}}])],
        [SourcePart("", "a.pdf")],
    ),
    "OpenRouter: a parsed file": (
        [delta(annotations=[{"type": "file", "file": {"name": "a.pdf", "hash": "h", "content": []}}])],
        [SourcePart("", "a.pdf")],
    ),
    "Perplexity: citations in every chunk": (
        [{**TEXT, "citations": [A, B]}, {**STOP, "citations": [A, B]}],
        [SourcePart(A), SourcePart(B)],
    ),
    "Perplexity: titles in search_results": (
        [
            {
                **STOP,
                "citations": [A, B],
                "search_results": [{"title": "First", "url": A}, {"title": "Second", "url": B}],
            }
        ],
        [SourcePart(A, "First"), SourcePart(B, "Second")],
    ),
    "of a choice": ([{"choices": [{"delta": {}, "citations": [A]}]}], [SourcePart(A)]),
    "of a delta": ([delta(citations=[A])], [SourcePart(A)]),
    "Zhipu: web_search": (
        [{**TEXT, "web_search": [{"title": "First", "link": A, "content": "An excerpt.", "refer": "ref_1"}]}],
        [SourcePart(A, "First", "An excerpt.")],
    ),
    "Qwen: search_info, out of order": (
        [{**TEXT, "search_info": {"search_results": [{"index": 2, "url": B, "title": "2"}, {"index": 1, "url": A}]}}],
        [SourcePart(A), SourcePart(B, "2")],
    ),
    "sources by their numbers": ([{**TEXT, "citations": {"2": {"url": B}, "1": A}}], [SourcePart(A), SourcePart(B)]),
    "an object with the list": (
        [{**TEXT, "search_results": {"results": [{"title": "First", "url": A}]}}],
        [SourcePart(A, "First")],
    ),
    "one URL": ([{**TEXT, "citations": A}], [SourcePart(A)]),
    "numbers of their own": (
        [{**TEXT, "references": [{"number": 2, "url": B}, {"number": "1", "url": A}]}],
        [SourcePart(A), SourcePart(B)],
    ),
    "numbers from 0 on": (
        [{**TEXT, "references": [{"index": 0, "url": A}, {"index": 1, "url": B}]}],
        [SourcePart(A), SourcePart(B)],
    ),
    "Gemini: citation metadata": (
        [{"choices": [{"delta": {}, "citationMetadata": {"citationSources": [{"uri": A}]}}]}],
        [SourcePart(A)],
    ),
    "Gemini: pages that were read": (
        [{"choices": [{"delta": {}, "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": A}]}}]}],
        [SourcePart(A)],
    ),
    "Gemini: grounding": (
        [
            {
                "choices": [
                    {"delta": {}, "groundingMetadata": {"groundingChunks": [{"web": {"uri": A, "title": "a.example"}}]}}
                ]
            }
        ],
        [SourcePart(A, "a.example")],
    ),
    "Cohere: places with sources": (
        [
            delta(
                citations=[
                    {"start": 0, "end": 3, "text": "See", "sources": [{"document": {"url": A, "title": "First"}}]}
                ]
            )
        ],
        [SourcePart(A, "First")],
    ),
    "Mistral: tool_reference": (
        [delta(content=[{"type": "tool_reference", "title": "First", "url": A}])],
        [SourcePart(A, "First")],
    ),
    "marks count in the list, others follow": (
        [
            delta(annotations=[{"url_citation": {"url": "https://c.example/", "title": "C"}}]),
            {**STOP, "citations": [A, B]},
        ],
        [SourcePart(A), SourcePart(B), SourcePart("https://c.example/", "C")],
    ),
    "an annotation names a source of the list": (
        [delta(annotations=[{"url_citation": {"url": B, "title": "Second"}}]), {**STOP, "citations": [A, B]}],
        [SourcePart(A), SourcePart(B, "Second")],
    ),
    "no link": (
        [{**STOP, "citations": ["javascript:alert(1)", "A book"]}],
        [SourcePart("", "javascript:alert(1)"), SourcePart("", "A book")],
    ),
    "nothing": ([{**STOP, "citations": [None, {}, 7, ""], "search_results": None, "annotations": {}}], []),
}


@pytest.mark.parametrize("case", CASES)
def test_sources_on_openais_wire(case: str) -> None:
    chunks, sources = CASES[case]
    answer = parse(*chunks)
    assert answer.error is None
    assert list(answer.reply.message().sources) == sources


def test_repeated_list_is_one_event_for_each_source() -> None:
    chunks = [{**TEXT, "citations": [A, B]} for _ in range(50)]
    events = list(openai.events(Frame("message", json.dumps(chunk)) for chunk in (*chunks, STOP)))
    assert [event for event in events if isinstance(event, Citation)] == [
        Citation(SourcePart(A), 1),
        Citation(SourcePart(B), 2),
    ]


def test_answer_of_sources_alone_is_not_empty() -> None:
    answer = parse({"choices": [], "citations": [A]})
    assert (answer.reply.parts(), answer.reply.outcome()) == ((SourcePart(A),), Outcome.COMPLETE)


def test_sources_of_alternatives_stay_apart() -> None:
    chunks = [
        {"choices": [{"index": index, "delta": {"content": "a", "citations": [url]}}]}
        for index, url in enumerate((A, B))
    ]
    end = {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}
    answer = parse(*chunks, end)
    assert answer.reply.message().sources == (SourcePart(A),)
    assert answer.other_choices[0].message().sources == (SourcePart(B),)


WEB = {
    "type": "web_search_result_location",
    "url": A,
    "title": "First",
    "cited_text": "High water",
    "encrypted_index": "e",
}
# Citations of Anthropic's wire (all types of its SDK), and their sources.
LOCATIONS: list[tuple[dict[str, Any], SourcePart]] = [
    (WEB, SourcePart(A, "First", "High water")),
    (
        {"type": "search_result_location", "source": B, "title": "Second", "cited_text": "Low water"},
        SourcePart(B, "Second", "Low water"),
    ),
    (
        {"type": "search_result_location", "source": "kb/7", "title": None, "cited_text": "Low water"},
        SourcePart("", "kb/7", "Low water"),
    ),
    (
        {"type": "char_location", "document_index": 0, "document_title": "Report", "cited_text": "Noon."},
        SourcePart("", "Report", "Noon."),
    ),
    (
        {"type": "page_location", "document_title": "Report", "cited_text": "Noon.", "start_page_number": 1},
        SourcePart("", "Report", "Noon."),
    ),
    (
        {"type": "content_block_location", "document_title": None, "cited_text": "Noon."},
        SourcePart("", "", "Noon."),
    ),
]


@pytest.mark.parametrize(("citation", "source"), LOCATIONS, ids=str)
def test_sources_on_anthropics_wire(citation: dict[str, Any], source: SourcePart) -> None:
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": []}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}},
    ]
    answer = collect(anthropic.events(Frame("message", json.dumps(event)) for event in (*events, stop)))
    assert (answer.error, answer.reply.parts()) == (None, (TextPart("a", (1,)), source))
    block = {"type": "text", "text": "a", "citations": [citation, citation]}
    message = {"type": "message", "content": [block], "stop_reason": "end_turn"}
    complete = collect(anthropic.events([Frame("message", json.dumps(message))]))
    assert complete.reply.parts() == answer.reply.parts()


def test_quotes_of_one_page_are_one_source() -> None:
    blocks = [
        {"type": "text", "text": "a", "citations": [{**WEB, "cited_text": quote}]} for quote in ("One", "Two", "One")
    ]
    message = {"type": "message", "content": blocks, "stop_reason": "end_turn"}
    answer = collect(anthropic.events([Frame("message", json.dumps(message))]))
    assert answer.reply.message().sources == (SourcePart(A, "First", "One … Two"),)
    assert answer.text == "aaa"
