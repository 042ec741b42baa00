"""Faults and endings of a stream, byte for byte, on both wires."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lib.demo.wire import OPENAI
from tests.fake_gateway import FakeGateway
from tests.support import sdks
from tests.support.gateway_client import (
    each_path,
    post,
    request_body,
    stream_answer,
    usage_option,
    whole_answer,
)


@each_path
@pytest.mark.parametrize(
    ("name", "openai_end", "anthropic_end"),
    [
        ("demo-error-event", rb"event: error\ndata: {.*}\n\n", rb"event: error\ndata: {.*}\n\n"),
        (
            "demo-error-data",
            rb"\n\ndata: {\"error\": .*}\n\ndata: {.*usage.*}\n\ndata: \[DONE\]\n\n",
            rb"\ndata: {\"type\": \"error\".*}\n\nevent: content_block_stop\n.+\s+event: message_stop\n.*\s+",
        ),
        ("demo-error-at-end", rb"\n\ndata: {\"error\": .*}", rb"\n\ndata: {\"type\": \"error\".*}"),
        ("demo-bare-json", rb"\n\n{\"type\": \"error\".*}\n", rb"\n\n{\"type\": \"error\".*}\n"),
        (
            "demo-done-without-reason",
            rb"\n\ndata: {.*usage.*}\n\ndata: \[DONE\]\n\n",
            rb"\n\nevent: message_stop\n.*\n\n",
        ),
        ("demo-ends-without-reason", rb"content\": \".*middle,\"}.*\n\n", rb"text\": \".*middle,\"}}\n\n"),
    ],
)
def test_a_stream_ends_with_its_fault(
    gateway: FakeGateway, path: str, name: str, openai_end: bytes, anthropic_end: bytes
) -> None:
    answer = stream_answer(gateway, path, request_body(name, **usage_option(path)))
    assert (answer.failure, answer.finish_reasons) == (None, [])
    assert re.search((openai_end if path == OPENAI else anthropic_end) + rb"\Z", answer.raw)
    assert answer.text.endswith("3. The third line is the middle,")
    limited = stream_answer(gateway, path, request_body(name, max_tokens=5))
    assert limited.finish_reasons == ["length" if path == OPENAI else "max_tokens"]


@each_path
def test_a_finish_reason_without_an_end_marker(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-no-end-marker"))
    assert answer.finish_reasons == ["stop" if path == OPENAI else "end_turn"]
    assert answer.kinds[-1] == ("finish" if path == OPENAI else "message_delta")
    assert answer.text.endswith("再见 👋\n")


@each_path
@pytest.mark.parametrize(
    ("name", "openai_reason", "anthropic_reason"),
    [
        ("demo-only-thinks", "length", "max_tokens"),
        ("demo-context-full", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("demo-wants-tool", "tool_calls", "tool_use"),
        ("demo-pause-turn", "pause_turn", "pause_turn"),
    ],
)
def test_finish_reasons_are_those_of_the_wire(
    gateway: FakeGateway, path: str, name: str, openai_reason: str, anthropic_reason: str
) -> None:
    answer = stream_answer(gateway, path, request_body(name))
    reason = whole_answer(gateway, path, request_body(name))[1]
    assert answer.finish_reasons == [reason] == [openai_reason if path == OPENAI else anthropic_reason]
    assert answer.kinds[-1] == ("[DONE]" if path == OPENAI else "message_stop")
    assert bool(answer.text) is (name != "demo-only-thinks")


def test_openai_tool_calls_use_the_tool_of_the_request(openai_sdk: sdks.openai.OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    body: Any = request_body("demo-wants-tool", "Where is it?", tools=tools)
    choice = openai_sdk.chat.completions.create(**body).choices[0]
    assert choice.finish_reason == "tool_calls"
    function = choice.message.tool_calls[0].function
    chunks: Any = openai_sdk.chat.completions.create(**body, stream=True)
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert calls[0].id.startswith("call_")
    assert all(call.id is None for call in calls[1:])
    assert "".join(call.function.arguments for call in calls) == function.arguments
    assert function.name == calls[0].function.name == "find"
    assert json.loads(function.arguments)["query"] == "Where is it?"


def test_anthropic_tool_use_uses_the_tool_of_the_request(anthropic_sdk: sdks.anthropic.Anthropic) -> None:
    tools = [{"name": "find", "input_schema": {}}]
    body: Any = request_body("demo-wants-tool", "Where is it?", tools=tools, max_tokens=4000)
    unstreamed = anthropic_sdk.messages.create(**body)
    with anthropic_sdk.messages.stream(**body) as stream:
        streamed = stream.get_final_message()
    for message in (unstreamed, streamed):
        assert message.stop_reason == "tool_use"
        assert [block.type for block in message.content] == ["text", "tool_use"]
        block: Any = message.content[1]
        assert block.name == "find"
        assert block.input["query"] == "Where is it?"


def test_tool_arguments_cut_by_the_limit_are_not_json(gateway: FakeGateway) -> None:
    body = request_body("demo-wants-tool", max_tokens=22)
    function = post(gateway, OPENAI, body).json()["choices"][0]["message"]["tool_calls"][0]["function"]
    assert not function["arguments"].endswith("}")
