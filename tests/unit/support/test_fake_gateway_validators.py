"""Validators: invalid fields are rejected with status 400, in the shape of the wire, by name."""

from __future__ import annotations

from typing import Any

import pytest

from lib.demo.wire import ANTHROPIC, OPENAI
from tests.fake_gateway import FakeGateway
from tests.support.gateway_client import error_message, post, request_body

INVALID_OPENAI_FIELDS = {
    "audio": [1],
    "frequency_penalty": [2.1, -2.1, "1", True],
    "function_call": [1, "all"],
    "functions": [{}, [], [{"description": "x"}]],
    "logit_bias": [[], {"1": 101}, {"a": 1}, {"1": "x"}],
    "logprobs": [1, "true"],
    "max_completion_tokens": [0, 1.5, "9"],
    "max_tokens": [0, -1, 1.5, True, "9"],
    "metadata": [[], {"a": 1}, {"a": "x" * 513}, {str(n): "" for n in range(17)}],
    "modalities": ["text", [], ["video"]],
    "n": [0, 129, 1.5, "1"],
    "parallel_tool_calls": ["yes"],
    "prediction": ["x", {"type": "content"}],
    "presence_penalty": [-2.5, 3, []],
    "prompt_cache_key": [1],
    "prompt_cache_retention": ["48h"],
    "reasoning_effort": ["much", 1],
    "response_format": [
        "json",
        {"type": "xml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {}},
    ],
    "safety_identifier": [1],
    "seed": [1.5, "1", 2**63, True],
    "service_tier": ["cheap"],
    "stop": [1, "", [], ["a", "b", "c", "d", "e"], [1]],
    "store": [1],
    "stream": ["yes", 1],
    "stream_options": [True, {"include_usage": "yes"}],
    "temperature": [-0.1, 2.1, "0.7", True],
    "tool_choice": ["some", 1],
    "tools": [{}, [{}], [{"type": "function"}], [{"type": "function", "function": {}}]],
    "top_logprobs": [21, -1, 5],
    "top_p": [-0.1, 1.1, "1"],
    "user": [1, {}],
    "verbosity": ["loud"],
    "web_search_options": [1, {"search_context_size": "huge"}, {"user_location": {"city": "x"}}],
    "model": ["", 1],
    "messages": [[], "x", {}],
}
INVALID_ANTHROPIC_FIELDS = {
    "cache_control": ["ephemeral", {}, {"type": "lasting"}, {"type": "ephemeral", "ttl": "2h"}],
    "context_management": [1],
    "inference_geo": [1],
    "max_tokens": [0, -1, 1.5, True, "9", None],
    "mcp_servers": [{}],
    "metadata": ["x", {"user_id": 1}, {"name": "x"}, {"user_id": "x" * 257}],
    "output_config": [1, {"effort": "none"}, {"format": {"type": "json_object"}}],
    "service_tier": ["flex"],
    "stop_sequences": ["x", [1], [""], ["  "]],
    "stream": ["yes", 1, None],
    "system": [1, {}, [{"type": "image"}], [{"type": "text", "text": ""}]],
    "temperature": [-0.1, 1.1, "0.7", True],
    "thinking": [
        True,
        {"type": "on"},
        {"type": "enabled"},
        {"type": "enabled", "budget_tokens": 1023},
        {"type": "enabled", "budget_tokens": 100_000},
        {"type": "adaptive", "display": "loud"},
    ],
    "tool_choice": ["auto", {"type": "some"}],
    "tools": [
        *({}, [{}], [{"name": ""}], [{"type": "web_search_20250305"}]),
        [{"type": "web_search_20250305", "name": "search"}],
        [{"type": "web_search_20250305", "name": "web_search", "max_uses": 0}],
        [{"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["a"], "blocked_domains": ["b"]}],
    ],
    "top_k": [-1, 1.5],
    "top_p": [-0.1, 1.1],
    "model": ["", 1],
    "messages": [[], "x", {}],
}
UNKNOWN_ANTHROPIC_FIELDS = (
    "n",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "user",
    "seed",
    "reasoning_effort",
    "max_completion_tokens",
    "stream_options",
    "response_format",
    "unknown",
)
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PIXEL_URL, PDF_URL = "data:image/png;base64,iVBORw0KGgo=", "data:application/pdf;base64,JVBERi0="


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [pytest.param(name, values, id=name) for name, values in table.items()]


@pytest.mark.parametrize(("name", "values"), cases(INVALID_OPENAI_FIELDS))
def test_invalid_fields_of_chat_completions_are_named(gateway: FakeGateway, name: str, values: list[Any]) -> None:
    for value in values:
        body = {**request_body("demo-tour"), name: value}
        assert name in error_message(gateway, OPENAI, body)
        assert post(gateway, OPENAI, body).json()["error"]["param"].startswith(name)


@pytest.mark.parametrize(("name", "values"), cases(INVALID_ANTHROPIC_FIELDS))
def test_invalid_fields_of_messages_are_named(gateway: FakeGateway, name: str, values: list[Any]) -> None:
    for value in values:
        assert name in error_message(gateway, ANTHROPIC, {**request_body("demo-tour"), name: value})


def test_nan_is_not_a_temperature(gateway: FakeGateway) -> None:
    data = '{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":NaN}'
    response = post(gateway, OPENAI, None, data=data)
    assert response.status_code == 400
    assert "temperature" in response.text


def test_unknown_fields_are_rejected_by_messages_only(gateway: FakeGateway) -> None:
    for name in UNKNOWN_ANTHROPIC_FIELDS:
        assert name in error_message(gateway, ANTHROPIC, request_body("demo-tour", **{name: 1}))
    body = request_body("demo-tour", unknown=1, top_k=1, seed=None, stop=None)
    assert post(gateway, OPENAI, body).status_code == 200


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        (OPENAI, [{"type": "image_url", "image_url": {"url": "picture.png"}}], "image_url.url"),
        (OPENAI, [{"type": "image_url", "image_url": {}}], "image_url.url"),
        (OPENAI, [{"type": "image_url", "image_url": {"url": "data:image/png;base64,JVBERi0="}}], "image_url.url"),
        (OPENAI, [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo"}}], "image_url.url"),
        (OPENAI, [{"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}], "image_url.url"),
        (OPENAI, [{"type": "file", "file": {"file_data": PDF_URL}}], "file.filename"),
        (OPENAI, [{"type": "file", "file": {"filename": "a.pdf", "file_data": "JVBERi0="}}], "file.file_data"),
        (OPENAI, [{"type": "file", "file": {"filename": "a.pdf"}}], "file"),
        (OPENAI, [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}}], "data"),
        (OPENAI, [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "ogg"}}], "format"),
        (ANTHROPIC, [{"type": "image", "source": {**PIXEL, "media_type": "image/jpeg"}}], "data"),
        (OPENAI, [{"type": "input_audio", "input_audio": {"data": "x", "format": "ogg"}}], "format"),
        (OPENAI, [{"type": "image", "source": PIXEL}], "messages.0.content.0.type"),
        (OPENAI, [{"type": "text"}], "messages.0.content.0.text"),
        (OPENAI, [], "messages.0.content"),
        (ANTHROPIC, "", "messages.0.content"),
        (ANTHROPIC, [{"type": "text", "text": " "}], "messages.0.content.0.text"),
        (ANTHROPIC, [{"type": "image", "source": {**PIXEL, "media_type": "image/bmp"}}], "media_type"),
        (ANTHROPIC, [{"type": "image", "source": {**PIXEL, "data": "data:image/png;base64,AA=="}}], "data"),
        (ANTHROPIC, [{"type": "image_url", "image_url": {"url": "https://x"}}], "messages.0.content.0.type"),
        (ANTHROPIC, [{"type": "text", "text": "x", "more": 1}], "messages.0.content.0.more"),
        (ANTHROPIC, [{"type": "document", "source": {**PIXEL}}], "media_type"),
        (ANTHROPIC, [{"type": "thinking", "thinking": "x", "signature": "x"}], "messages.0.content.0.type"),
    ],
)
def test_an_invalid_part_is_named_by_its_place(gateway: FakeGateway, path: str, content: Any, name: str) -> None:
    assert name in error_message(gateway, path, request_body("demo-tour", content))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (
            OPENAI,
            [{"type": "image_url", "image_url": {"url": PIXEL_URL, "detail": "low"}}],
        ),
        (
            OPENAI,
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": PDF_URL}}],
        ),
        (OPENAI, [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]),
        (ANTHROPIC, [{"type": "image", "source": PIXEL}]),
        (ANTHROPIC, [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]),
        (
            ANTHROPIC,
            [
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                    "title": "A",
                }
            ],
        ),
        (
            ANTHROPIC,
            [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}],
        ),
    ],
)
def test_files_are_accepted(gateway: FakeGateway, path: str, content: Any) -> None:
    body = request_body("demo-tour", [{"type": "text", "text": "What is this?"}, *content])
    assert "Files received: 1." in post(gateway, path, body).text


def test_the_order_of_roles_is_validated(gateway: FakeGateway) -> None:
    answer_first = {**request_body("demo-tour"), "messages": [{"role": "assistant", "content": "x"}]}
    assert "begin" in error_message(gateway, ANTHROPIC, answer_first)
    assert "end" in error_message(gateway, ANTHROPIC, request_body("demo-tour", "Hello", "I was"))
    system_only = {**request_body("demo-tour"), "messages": [{"role": "system", "content": "x"}]}
    assert "user" in error_message(gateway, OPENAI, system_only)


def test_thinking_excludes_other_sampling(gateway: FakeGateway) -> None:
    for thinking in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2000}):
        for name, value in (("temperature", 0.5), ("top_p", 0.5), ("top_k", 5)):
            body = request_body("demo-thinker", thinking=thinking, **{name: value})
            assert name in error_message(gateway, ANTHROPIC, body)
        valid = request_body("demo-thinker", thinking=thinking, temperature=1, top_p=0.95)
        assert post(gateway, ANTHROPIC, valid).status_code == 200


@pytest.mark.parametrize("name", ["demo-thinker", "demo-signed-thinking", "demo-redacted-thinking"])
def test_thinking_must_be_sent_back_unchanged(gateway: FakeGateway, name: str) -> None:
    content = post(gateway, ANTHROPIC, request_body(name)).json()["content"]
    assert post(gateway, ANTHROPIC, request_body(name, "Hello", content, "Next?")).status_code == 200
    field = "data" if name == "demo-redacted-thinking" else "thinking"
    changed = [{**content[0], field: "something else"}, *content[1:]]
    assert "signature" in error_message(gateway, ANTHROPIC, request_body(name, "Hello", changed, "Next?"))


def test_thinking_without_a_signature_is_rejected(gateway: FakeGateway) -> None:
    content = post(gateway, ANTHROPIC, request_body("demo-unsigned-thinking")).json()["content"]
    body = request_body("demo-unsigned-thinking", "Hello", content, "Next?")
    assert "signature" in error_message(gateway, ANTHROPIC, body)


def test_no_more_than_four_cache_breakpoints(gateway: FakeGateway) -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    assert post(gateway, ANTHROPIC, request_body("demo-tour", [part] * 4)).status_code == 200
    assert "cache_control" in error_message(gateway, ANTHROPIC, request_body("demo-tour", [part] * 5))
