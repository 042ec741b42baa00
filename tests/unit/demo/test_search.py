"""The demo's model with a web search: searches, results, citations and their number over both wires."""

from __future__ import annotations

from typing import Any

from lib.config.settings import Settings
from lib.core.conversation import Message, OtherPart, TextPart
from lib.core.models import Capabilities
from lib.core.params import Params
from lib.core.target import Target, Wire
from lib.core.web_search import search_from_part
from lib.demo import DemoGateway
from lib.demo.wire import ANTHROPIC, OPENAI
from lib.gateway.client import Gateway
from lib.gateway.transport.cancel import CancelToken
from tests.support import sdks
from tests.support.gateway_client import answer_text, request_body, stream_answer, usage_option, whole_answer
from tests.unit.gateway.recordings import CollectedAnswer, collect

MODEL = "demo-search"
TOOL = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
FIELDS: dict[str, dict[str, Any]] = {OPENAI: {"web_search_options": {}}, ANTHROPIC: {"tools": [TOOL]}}


def test_without_the_field_nothing_is_searched(gateway: DemoGateway) -> None:
    assert "Turn on" in answer_text(gateway, MODEL)
    for path in FIELDS:
        assert "server_tool_use" not in whole_answer(gateway, path, request_body(MODEL))[2]["usage"]


def test_searches_and_citations_of_both_wires(gateway: DemoGateway) -> None:
    for path, fields in FIELDS.items():
        body = request_body(MODEL, "How fast?", **fields)
        text, _, payload = whole_answer(gateway, path, body)
        assert (
            text.startswith("I searched the web.") and payload["usage"]["server_tool_use"]["web_search_requests"] == 2
        )
        streamed = stream_answer(gateway, path, {**body, **usage_option(path)})
        assert streamed.text == text
    blocks = whole_answer(gateway, ANTHROPIC, request_body(MODEL, "How fast?", **FIELDS[ANTHROPIC]))[2]["content"]
    kinds = ["server_tool_use", "web_search_tool_result"] * 2 + ["text"]
    assert [block["type"] for block in blocks] == kinds
    assert [block["id"] for block in blocks[:4:2]] == [block["tool_use_id"] for block in blocks[1:4:2]]
    assert len(blocks[-1]["citations"]) == 3


def ask(gateway: DemoGateway, wire: Wire) -> CollectedAnswer:
    client = Gateway(Settings(base_url=gateway.url))
    question = [Message("user", (TextPart("How fast?"),))]
    params, capabilities = Params(web_search=True), Capabilities(web_search=True)
    try:
        events = client.stream(Target(MODEL, wire), question, params, CancelToken(), capabilities=capabilities)
        return collect(list(events))
    finally:
        client.close()


def test_antler_reads_searches_sources_and_their_number(gateway: DemoGateway) -> None:
    for wire, count in (("anthropic", 2), ("openai", 0)):
        answer = ask(gateway, wire)
        steps = [search_from_part(part) for part in answer.reply.parts() if isinstance(part, OtherPart)]
        queries = [(step.query, step.result_count) for step in steps]
        assert queries == [("How fast?", 3), ("How fast? 2026", 1)][:count]
        assert [source.url for source in answer.reply.message().sources] == [
            "https://deer.example.com/antlers",
            "https://guide.example.org/deer?page=2",
            "https://www.example.net/antlers-and-horns",
        ]
        assert (answer.error, answer.reply.usage.searches) == (None, 2)


def test_the_official_sdks_read_the_citations(
    gateway: DemoGateway, openai_sdk: sdks.openai.OpenAI, anthropic_sdk: sdks.anthropic.Anthropic
) -> None:
    with anthropic_sdk.messages.stream(**request_body(MODEL, "How fast?", **FIELDS[ANTHROPIC])) as stream:
        message = stream.get_final_message()
    search, found, *_, text = message.content
    assert search.type == "server_tool_use" and search.input == {"query": "How fast?"}
    assert found.type == "web_search_tool_result" and isinstance(found.content, list) and len(found.content) == 3
    assert (
        text.type == "text"
        and [citation.type for citation in text.citations or ()] == ["web_search_result_location"] * 3
    )
    assert message.usage.server_tool_use and message.usage.server_tool_use.web_search_requests == 2
    completion: Any = openai_sdk.chat.completions.create(**request_body(MODEL, "How fast?", **FIELDS[OPENAI]))
    annotations = completion.choices[0].message.annotations
    assert [annotation.url_citation.title for annotation in annotations][0] == "How antlers grow"
