"""Options of a request: response formats and the prompt cache."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.demo.wire import ANTHROPIC, OPENAI
from tests.fake_gateway import FakeGateway
from tests.support.gateway_client import (
    answer_text,
    each_path,
    post,
    request_body,
    stream_answer,
    whole_answer,
)

EPHEMERAL = {"type": "ephemeral"}
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "size": {"type": "integer", "minimum": 3},
        "kind": {"enum": ["big", "small"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
        "more": {"anyOf": [{"type": "null"}, {"type": "number"}]},
        "good": {"type": ["boolean", "null"]},
    },
    "$defs": {"tag": {"const": "t"}},
}
INSTANCE = {"name": "demo", "size": 3, "kind": "big", "tags": ["t", "t"], "more": None, "good": False}


@each_path
def test_an_answer_follows_the_json_schema(gateway: FakeGateway, path: str) -> None:
    if path == OPENAI:
        json_schema = {"name": "x", "schema": SCHEMA}
        fields: Any = {"response_format": {"type": "json_schema", "json_schema": json_schema}}
    else:
        fields = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    assert json.loads(whole_answer(gateway, path, request_body("demo-tour", **fields))[0]) == INSTANCE
    assert json.loads(stream_answer(gateway, path, request_body("demo-crlf", **fields)).text) == INSTANCE


def test_an_answer_is_json_without_a_schema(gateway: FakeGateway) -> None:
    answer = json.loads(answer_text(gateway, "demo-tour", "Why?", response_format={"type": "json_object"}))
    assert answer["question"] == "Why?"
    assert answer["model"] is None


@pytest.mark.parametrize(
    ("schema", "status"),
    [
        ({"type": "object", "properties": 5}, 400),
        ({"anyOf": {"a": 1}}, 400),
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}},
            },
            200,
        ),
    ],
    ids=["properties", "anyOf", "recursive"],
)
def test_invalid_schemas_are_rejected(gateway: FakeGateway, schema: dict[str, Any], status: int) -> None:
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body = request_body("demo-tour", response_format=response_format)
    assert post(gateway, OPENAI, body).status_code == status


def test_a_prompt_is_cached_up_to_its_breakpoints(gateway: FakeGateway) -> None:
    def usage(*texts: Any, **fields: Any) -> tuple[int, int, int]:
        """Return the tokens written to the cache, read from it, and not cached."""
        counts = post(gateway, ANTHROPIC, request_body("demo-tour", *texts, **fields)).json()["usage"]
        names = ("cache_creation_input_tokens", "cache_read_input_tokens", "input_tokens")
        return tuple(counts[name] for name in names)

    gateway.reset()
    system = [{"type": "text", "text": "A long rule. " * 40, "cache_control": EPHEMERAL}]
    size = -(-len(system[0]["text"]) // 4)
    assert usage("One?", system=system) == (size, 0, 1)
    assert usage("Two?", system=system) == (0, size, 1)
    question = [{"type": "text", "text": "Two? " * 8, "cache_control": EPHEMERAL}]
    assert usage(question, system=system) == (10, size, 0)
    assert usage(question, system=system) == (0, size + 10, 0)
    assert usage("Two?") == (0, 0, 1)
    other = [{**system[0], "text": "B" + system[0]["text"]}]
    assert usage("Two?", system=other)[1] == 0
    frames = stream_answer(gateway, ANTHROPIC, request_body("demo-tour", "Three?", system=system)).frames
    assert frames[0]["message"]["usage"]["cache_read_input_tokens"] == size


def test_long_prompts_are_cached_automatically_by_openai(gateway: FakeGateway) -> None:
    def cached_tokens(*texts: str) -> int:
        usage = post(gateway, OPENAI, request_body("demo-tour", *texts)).json()["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"]

    gateway.reset()
    rules = "Remember this by itself. " * 200
    assert [cached_tokens(rules, "Yes.", "One?"), cached_tokens(rules, "Yes.", "Two?")] == [0, 1152]
    assert [cached_tokens("Short.", "Yes.", "One?"), cached_tokens("Short.", "Yes.", "One?")] == [0, 0]
