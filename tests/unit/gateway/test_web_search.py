"""Web search through a gateway: refusals are repaired and learnt, paused turns are continued."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lib.chat.usage.recorder import RequestInfo, UsageRecorder, unknown_price
from lib.config.settings import Settings
from lib.core.conversation import Message, Outcome, SourcePart, TextPart, Usage
from lib.core.events import Event
from lib.core.params import Params
from lib.core.refused_params import SENT_AGAIN
from lib.core.target import Target, Wire
from lib.core.web_search import search_to_part
from lib.gateway.client import Gateway
from lib.gateway.repair import find_refused_search
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.wires.errors.refused_search import is_search_refusal
from lib.gateway.wires.paused_turn import MAX_CONTINUATIONS
from tests.support import sdks
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import KEY, PATHS, QUESTION, RECORDINGS, Memory, collect

CLAUDE = "claude-sonnet-4-6"
SEARCH = Params(web_search=True, search_uses=2, search_city="Munich", search_domains=("a.example",))
REFUSALS = [
    "tools.0: Input tag 'web_search_20250305' found using 'type' does not match any of the expected tags: 'custom'",
    "'claude-3-opus-20240229' does not support tool types: web_search_20250305.",
    "Web search is not enabled for this organization.",
    "The use of the web search tool is not supported.",
    "Web search options not supported with this model.",
    "Unknown parameter: 'web_search_options'.",
    "tools.0.custom.input_schema: Field required",
    "web_search_tool is not available on Bedrock",
    "当前渠道不支持联网搜索",
]
OTHER_ERRORS = [
    "tools.0.web_search_20250305.max_uses: Input should be greater than 0",
    "allowed_domains and blocked_domains are not supported together in web_search",
    "Web search is temporarily unavailable, please try again later.",
    "tools.1.custom.input_schema: Field required",
    "messages: text content blocks must be non-empty",
    "max_tokens: Field required",
]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def learning_gateway(replay: Replay, memory: Memory) -> Iterator[Gateway]:
    gateway = Gateway(Settings(api_key=KEY, base_url=replay.url, retries=0), refused_params=memory)
    yield gateway
    gateway.close()


def stream(gateway: Gateway, wire: Wire, params: Params = SEARCH) -> Iterator[Event]:
    return gateway.stream(Target(CLAUDE, wire), QUESTION, params, CancelToken())


def refusal(message: str, status: int = 400) -> Canned:
    return Canned(json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode(), status, JSON)


@pytest.mark.parametrize("words", REFUSALS)
def test_words_that_refuse_a_search(words: str) -> None:
    assert is_search_refusal(words, [{"type": "web_search_20250305", "name": "web_search"}])


@pytest.mark.parametrize("words", OTHER_ERRORS)
def test_words_that_refuse_something_else(words: str) -> None:
    assert not is_search_refusal(words, [{"type": "web_search_20250305", "name": "web_search"}, {"name": "own"}])


def test_a_refusal_in_the_words_of_the_question_teaches_nothing() -> None:
    words = "Web search is not supported, said the cat on the mat."
    body = {"messages": [{"role": "user", "content": f"Repeat: {words}"}], "web_search_options": {}}
    assert find_refused_search(Target("m", "openai"), body, words) is None


@pytest.mark.parametrize(("wire", "field"), [("openai", "web_search_options"), ("anthropic", "tools.web_search")])
@pytest.mark.parametrize("status", [400, 403])
def test_a_refused_search_is_left_out_and_learnt(
    replay: Replay, learning_gateway: Gateway, memory: Memory, wire: Wire, field: str, status: int
) -> None:
    recording = RECORDINGS[f"{wire}-text.sse"]
    replay.serve(PATHS[wire], refusal("Web search is not enabled for this organization.", status), recording.canned())
    own = json.dumps({"tools": [{"name": "own", "input_schema": {}}]}) if wire == "anthropic" else ""
    params = Params(web_search=True, extra=own)
    answer = collect(stream(learning_gateway, wire, params))
    assert (answer.error, answer.text) == (None, recording.text)
    first, second = (request.json for request in replay.requests)
    searches = [tool for tool in first.get("tools", []) if tool["name"] == "web_search"]
    assert searches or first["web_search_options"] == {}
    assert "web_search_options" not in second and [tool["name"] for tool in second.get("tools", [])] == (
        ["own"] if own else []
    )
    assert [(refused.field, refused.param_name) for refused in memory.refused] == [(field, "web_search")]
    (note,) = answer.reply.provider_metadata[SENT_AGAIN]
    assert (note["reason"], note["field"]) == ("refused", field)
    replay.serve(PATHS[wire], recording.canned())
    collect(stream(learning_gateway, wire, Params(web_search=True)))
    assert not {"web_search_options", "tools"} & set(replay.requests[-1].json)


def turn(*blocks: dict[str, Any], reason: str, searches: int = 0) -> Canned:
    message = {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "content": list(blocks),
        "stop_reason": reason,
        "usage": {"input_tokens": 10, "output_tokens": 5, "server_tool_use": {"web_search_requests": searches}},
    }
    return Canned(json.dumps(message).encode(), 200, JSON)


CALL = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "tides"}}
SECRET = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "e=="}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [SECRET]}
STEP = search_to_part("tides", [SourcePart("https://a.example", "A")])


def test_a_paused_turn_is_continued_with_its_content_and_its_usage(replay: Replay, learning_gateway: Gateway) -> None:
    text = {"type": "text", "text": "First, "}
    paused = turn(text, CALL, FOUND, reason="pause_turn", searches=1)
    overloaded = Canned(b'{"error": {"message": "Overloaded"}}', 529, JSON)
    end = turn({"type": "text", "text": "high at noon."}, reason="end_turn", searches=1)
    replay.serve(PATHS["anthropic"], paused, paused, end)
    events = list(stream(learning_gateway, "anthropic"))
    answer = collect(events)
    assert answer.error is None and answer.reply.outcome() is Outcome.COMPLETE
    parts = (TextPart("First, "), STEP, TextPart("First, "), STEP, TextPart("high at noon."))
    assert answer.reply.parts() == parts
    assert answer.reply.usage == Usage(30, 15, searches=3)
    bodies = [request.json for request in replay.requests]
    assert bodies[1]["messages"] == [*bodies[0]["messages"], {"role": "assistant", "content": [text, CALL, FOUND]}]
    assert bodies[2]["messages"][-1]["content"] == [text, CALL, FOUND] * 2
    assert all({**body, "messages": []} == {**bodies[0], "messages": []} for body in bodies)
    recorder = UsageRecorder(RequestInfo("r", "c", "answer", Target(CLAUDE, "anthropic")), unknown_price)
    for event in events:
        recorder.add_event(event)
    records = recorder.finish(Outcome.COMPLETE)
    assert [record.usage.searches for record in records] == [1, 1, 1]
    assert {record.outcome for record in records} == {Outcome.COMPLETE}

    replay.serve(PATHS["anthropic"], paused, overloaded)
    failed = collect(stream(learning_gateway, "anthropic"))
    assert failed.error is not None and failed.reply.parts() == parts[:2]
    assert failed.reply.usage == Usage(10, 5, searches=1)


def test_a_turn_that_is_paused_again_and_again_ends_as_paused(replay: Replay, learning_gateway: Gateway) -> None:
    replay.serve(PATHS["anthropic"], turn(CALL, FOUND, reason="pause_turn", searches=1))
    answer = collect(stream(learning_gateway, "anthropic"))
    assert len(replay.requests) == 1 + MAX_CONTINUATIONS
    assert answer.reply.finish and answer.reply.finish.reason == "pause_turn"
    assert (answer.reply.outcome(), answer.reply.usage.searches) == (Outcome.INTERRUPTED, 1 + MAX_CONTINUATIONS)


def test_a_cancelled_turn_is_not_continued(replay: Replay, learning_gateway: Gateway) -> None:
    replay.serve(PATHS["anthropic"], turn(CALL, FOUND, reason="pause_turn"))
    cancel = CancelToken()
    for _ in learning_gateway.stream(Target(CLAUDE, "anthropic"), QUESTION, SEARCH, cancel):
        cancel.cancel()
    assert len(replay.requests) == 1


def test_a_later_turn_does_not_send_searches_back(replay: Replay, learning_gateway: Gateway) -> None:
    path = [*QUESTION, Message("assistant", (STEP, TextPart("At noon."))), Message("user", (TextPart("And then?"),))]
    replay.serve(PATHS["anthropic"], turn({"type": "text", "text": "At six."}, reason="end_turn"))
    list(learning_gateway.stream(Target(CLAUDE, "anthropic"), path, SEARCH, CancelToken()))
    assert [message["content"] for message in replay.requests[0].json["messages"][1:]] == ["At noon.", "And then?"]


def test_the_official_sdks_send_the_same_fields(replay: Replay, learning_gateway: Gateway) -> None:
    tool = sdks.anthropic.types.WebSearchTool20250305Param(
        type="web_search_20250305",
        name="web_search",
        max_uses=2,
        allowed_domains=["a.example"],
        user_location={"type": "approximate", "city": "Munich"},
    )
    options = sdks.openai.types.chat.completion_create_params.WebSearchOptions(
        user_location={"type": "approximate", "approximate": {"city": "Munich"}}
    )
    for wire, fields in (("anthropic", {"tools": [tool]}), ("openai", {"web_search_options": options})):
        replay.serve(PATHS[wire], RECORDINGS[f"{wire}-text.sse"].canned())
        collect(stream(learning_gateway, wire))
        sent = replay.requests[-1].json
        assert {name: sent[name] for name in fields} == fields
