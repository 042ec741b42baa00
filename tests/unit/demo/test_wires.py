"""Answers over both wires: events in order, limits, alternatives, usage, and the official SDKs as readers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lib.demo import DemoGateway
from lib.demo.wire import ANTHROPIC, OPENAI
from tests.support import sdks
from tests.support.gateway_client import (
    answer_text,
    each_path,
    post,
    request_body,
    stream_answer,
    usage_option,
    whole_answer,
)

OPENAI_KINDS = ["role+content", "content", "finish", "usage", "[DONE]"]
ANTHROPIC_KINDS = [
    "message_start",
    "content_block_start0",
    "content_block_delta0",
    "content_block_stop0",
    "message_delta",
    "message_stop",
]
READABLE = [
    "demo-tour",
    "demo-long",
    "demo-thinker",
    "demo-slow",
    "demo-cut-by-length",
    "demo-filtered",
    "demo-empty-answer",
    "demo-short-memory",
    "demo-cheap",
]


@each_path
@pytest.mark.parametrize("name", ["demo-tour", "demo-slow", "demo-long", "demo-cheap"])
def test_events_come_in_the_order_of_the_wire(gateway: DemoGateway, path: str, name: str) -> None:
    answer = stream_answer(gateway, path, request_body(name, **usage_option(path)))
    assert answer.kinds == (OPENAI_KINDS if path == OPENAI else ANTHROPIC_KINDS)
    assert answer.text == whole_answer(gateway, path, request_body(name))[0]


def test_every_event_of_messages_is_named_and_thinking_is_signed(gateway: DemoGateway) -> None:
    answer = stream_answer(gateway, ANTHROPIC, request_body("demo-thinker"))
    names = re.findall(r"^event: (.+)$", answer.raw.decode(), re.MULTILINE)
    assert names == [frame["type"] for frame in answer.frames]
    blocks = [f"content_block_{step}{i}" for i in (0, 1) for step in ("start", "delta", "stop")]
    assert answer.kinds == ["message_start", *blocks, "message_delta", "message_stop"]
    deltas = [frame["delta"]["type"] for frame in answer.frames if frame["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1
    assert deltas[deltas.index("signature_delta") - 1] == "thinking_delta"


@each_path
@pytest.mark.parametrize(
    ("name", "openai_reason", "anthropic_reason"),
    [
        ("demo-tour", "stop", "end_turn"),
        ("demo-cut-by-length", "length", "max_tokens"),
        ("demo-refuses", "stop", "refusal"),
        ("demo-filtered", "content_filter", "refusal"),
        ("demo-empty-answer", "stop", "end_turn"),
    ],
)
def test_finish_reasons_are_those_of_the_wire(
    gateway: DemoGateway, path: str, name: str, openai_reason: str, anthropic_reason: str
) -> None:
    answer = stream_answer(gateway, path, request_body(name))
    reason = whole_answer(gateway, path, request_body(name))[1]
    assert answer.finish_reasons == [reason] == [openai_reason if path == OPENAI else anthropic_reason]
    assert bool(answer.text) is (name != "demo-empty-answer")


def test_a_refusal_has_fields_of_its_own(gateway: DemoGateway) -> None:
    answer = stream_answer(gateway, OPENAI, request_body("demo-refuses"))
    assert "refusal" in answer.kinds
    assert "content" not in answer.kinds
    message = post(gateway, OPENAI, request_body("demo-refuses")).json()["choices"][0]["message"]
    assert (message["refusal"], message["content"]) == (answer.text, "")
    details = post(gateway, ANTHROPIC, request_body("demo-refuses")).json()["stop_details"]
    assert details["type"] == "refusal"
    assert details["explanation"]


@each_path
@pytest.mark.parametrize("model", ["demo-tour", "demo-thinker", "demo-errors", "demo-breaks", "demo-endless"])
def test_the_length_limit_ends_the_answer(gateway: DemoGateway, path: str, model: str) -> None:
    body = request_body(model, max_tokens=7, **usage_option(path))
    answer = stream_answer(gateway, path, body)
    text, reason, payload = whole_answer(gateway, path, request_body(model, max_tokens=7))
    assert (answer.failure, answer.finish_reasons, answer.text) == (None, [reason], text)
    assert reason == ("length" if path == OPENAI else "max_tokens")
    name = "completion_tokens" if path == OPENAI else "output_tokens"
    assert answer.frames[-2]["usage"][name] == payload["usage"][name] == 7


@each_path
@pytest.mark.parametrize("stop", ["second line", "line is here.\n2", "absent"])
def test_a_stop_sequence_ends_the_answer_before_it(gateway: DemoGateway, path: str, stop: str) -> None:
    sequences = {"stop" if path == OPENAI else "stop_sequences": ["never sent", stop]}
    everything = whole_answer(gateway, path, request_body("demo-short-memory"))[0]
    body = request_body("demo-short-memory", **sequences)
    text, reason, payload = whole_answer(gateway, path, body)
    assert text == stream_answer(gateway, path, body).text == everything.partition(stop)[0]
    if path == ANTHROPIC:
        is_stopped = stop in everything
        assert reason == ("stop_sequence" if is_stopped else "end_turn")
        assert payload["stop_sequence"] == (stop if is_stopped else None)


def test_alternatives_are_interleaved_and_numbered(gateway: DemoGateway) -> None:
    body = request_body("demo-tour", n=3)
    texts, order = {0: "", 1: "", 2: ""}, []
    answer = stream_answer(gateway, OPENAI, body)
    for frame in answer.frames[:-1]:
        for choice in frame["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
            order.append(choice["index"])
    assert order[3:9] == [2, 1, 0, 2, 1, 0]
    assert answer.finish_reasons == ["stop"] * 3
    payload = whole_answer(gateway, OPENAI, body)[2]
    assert {choice["index"]: choice["message"]["content"] for choice in payload["choices"]} == texts
    assert "2 of 3" in texts[1]
    assert texts[0] == answer_text(gateway, "demo-tour")


@each_path
def test_the_effort_sets_the_amount_of_thinking(gateway: DemoGateway, path: str) -> None:
    def thinking(effort: str) -> str:
        fields = {"reasoning_effort": effort} if path == OPENAI else {"output_config": {"effort": effort}}
        return stream_answer(gateway, path, request_body("demo-thinker", **fields)).thinking

    assert 0 < len(thinking("low")) < len(thinking("medium")) < len(thinking("high"))
    disabled = request_body("demo-thinker", thinking={"type": "disabled"})
    assert stream_answer(gateway, path, disabled).thinking == ""


@pytest.mark.parametrize("is_requested", [True, False])
def test_usage_is_sent_on_request(gateway: DemoGateway, is_requested: bool) -> None:
    answer = stream_answer(gateway, OPENAI, request_body("demo-tour", stream_options={"include_usage": is_requested}))
    assert ("usage" in answer.kinds) is is_requested
    assert answer.frames[-1] == "[DONE]"


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_the_openai_sdk_reads_the_same_answer(gateway: DemoGateway, openai_sdk: sdks.openai.OpenAI, name: str) -> None:
    answer = stream_answer(gateway, OPENAI, request_body(name))
    chunks: Any = list(openai_sdk.chat.completions.create(**request_body(name, stream=True)))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == answer.text
    thinking = "".join(getattr(choice.delta, "reasoning_content", None) or "" for choice in choices)
    assert thinking == answer.thinking
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == answer.finish_reasons


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_the_anthropic_sdk_reads_the_same_answer(
    gateway: DemoGateway, anthropic_sdk: sdks.anthropic.Anthropic, name: str
) -> None:
    answer = stream_answer(gateway, ANTHROPIC, request_body(name))
    with anthropic_sdk.messages.stream(**request_body(name)) as stream:
        message = stream.get_final_message()
    assert "".join(block.text for block in message.content if block.type == "text") == answer.text
    thinking = "".join(block.thinking for block in message.content if block.type == "thinking")
    assert thinking == answer.thinking
    assert [message.stop_reason] == answer.finish_reasons
