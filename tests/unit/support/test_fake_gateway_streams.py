"""Unusual but valid streams: hidden thinking, restarts, unknown events, gaps, usage."""

from __future__ import annotations

from typing import Any

import pytest

from lib.demo.wire import ANTHROPIC, OPENAI
from tests.fake_gateway import FakeGateway
from tests.support import sdks
from tests.support.gateway_client import (
    StreamedAnswer,
    each_path,
    post,
    request_body,
    stream_answer,
    usage_option,
    whole_answer,
)

END = "再见 👋\n"


def block_starts(answer: StreamedAnswer) -> list[dict[str, Any]]:
    return [frame["content_block"] for frame in answer.objects if frame["type"] == "content_block_start"]


@each_path
def test_an_answer_begins_again_under_a_new_id(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-restarts"))
    if path == OPENAI:
        ids = [frame["id"] for frame in answer.objects]
    else:
        ids = [frame["message"]["id"] for frame in answer.objects if frame["type"] == "message_start"]
        assert answer.kinds.count("message_start") == 2
    assert len(set(ids)) == 2
    second = whole_answer(gateway, path, request_body("demo-restarts"))[0]
    assert second.startswith("You are reading")
    assert second.endswith(END)
    assert answer.text.startswith("This is a first try")
    assert answer.text.endswith(second)


@each_path
def test_thinking_and_text_overlap(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-overlaps"))
    kinds = answer.kinds
    if path == OPENAI:
        assert kinds.count("reasoning_content") > 5
        assert kinds.count("content") > 5
    else:
        assert kinds.index("content_block_start1") < kinds.index("content_block_stop0")
        assert kinds.count("content_block_delta0") > 5
        last = kinds.index("content_block_stop0")
        assert kinds[last:] == ["content_block_stop0", "content_block_stop1", "message_delta", "message_stop"]
    assert answer.text == whole_answer(gateway, path, request_body("demo-overlaps"))[0]
    assert answer.text.endswith(END)
    assert answer.thinking == stream_answer(gateway, path, request_body("demo-thinker")).thinking


@each_path
def test_unknown_events_and_blocks_surround_the_answer(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-unknown-events"))
    assert answer.text.startswith("You are reading")
    assert answer.text.endswith(END)
    if path == OPENAI:
        assert "prompt_filter_results" in answer.frames[0]
        assert {"nothing", "unknown", "empty"} <= set(answer.kinds)
        choices = [choice for frame in answer.objects for choice in frame["choices"]]
        assert any("delta" not in choice for choice in choices)
        assert any(choice.get("delta", {}).get("content", "") is None for choice in choices)
    else:
        assert (answer.kinds[0], answer.frames[-1]) == ("ping", "[DONE]")
        assert answer.kinds.count("weather") == 2
        assert [block["type"] for block in block_starts(answer)] == ["hologram", "text"]


@each_path
@pytest.mark.parametrize("name", ["demo-redacted-thinking", "demo-signed-thinking"])
def test_thinking_is_hidden(gateway: FakeGateway, path: str, name: str) -> None:
    answer = stream_answer(gateway, path, request_body(name))
    assert answer.thinking.strip() == ""
    assert answer.text.endswith(END)
    if path == OPENAI:
        assert answer.kinds[1] == ("nothing" if "redacted" in name else "reasoning_content")
        return
    block, unstreamed = block_starts(answer)[0], post(gateway, path, request_body(name)).json()["content"][0]
    if "redacted" in name:
        assert block == unstreamed == {"type": "redacted_thinking", "data": block["data"]}
    else:
        assert block == {"type": "thinking", "thinking": "", "signature": ""}
        signatures = [frame["delta"]["signature"] for frame in answer.frames if "signature" in frame.get("delta", {})]
        assert (signatures, unstreamed["thinking"]) == ([unstreamed["signature"]], "")


@each_path
def test_thinking_has_another_name_or_no_signature(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-unsigned-thinking"))
    assert answer.thinking == stream_answer(gateway, path, request_body("demo-thinker")).thinking != ""
    assert b"signature_delta" not in answer.raw
    if path == OPENAI:
        message = post(gateway, path, request_body("demo-unsigned-thinking")).json()["choices"][0]["message"]
        assert "reasoning_content" not in answer.kinds
        assert "reasoning" in message


@each_path
def test_think_tags_are_split_between_deltas(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-think-tags"))
    assert answer.text.startswith("<think>\nA model would")
    assert "\n</think>\nYou are reading" in answer.text
    assert b"<think>" not in answer.raw
    assert b"</think>" not in answer.raw
    assert answer.text == whole_answer(gateway, path, request_body("demo-think-tags"))[0]


@each_path
def test_heartbeats_and_gaps_precede_and_divide_an_answer(gateway: FakeGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-pings"))
    assert answer.raw.startswith(b": PING\n\n" * 60 + (b"data" if path == OPENAI else b"event"))
    assert stream_answer(gateway, path, request_body("demo-long-gap")).text.endswith(END)


@each_path
def test_usage_is_sent_often_or_never(gateway: FakeGateway, path: str) -> None:
    frequent_usage = stream_answer(gateway, path, request_body("demo-usage-often", **usage_option(path))).objects
    no_usage = stream_answer(gateway, path, request_body("demo-no-usage", **usage_option(path))).objects
    assert not any(frame.get("usage") for frame in no_usage)
    assert not post(gateway, path, request_body("demo-no-usage")).json()["usage"]
    if path == OPENAI:
        counts = [frame["usage"]["completion_tokens"] for frame in frequent_usage]
        assert len(counts) > 40
        assert counts == sorted(counts)
    else:
        deltas = [frame for frame in frequent_usage if frame["type"] == "message_delta"]
        assert [frame["delta"].get("stop_reason") for frame in deltas] == [None, "end_turn"]
        assert deltas[0]["usage"]["output_tokens"] == deltas[1]["usage"]["output_tokens"] - 1


READ_BY_OPENAI = [
    "demo-restarts",
    "demo-overlaps",
    "demo-unknown-events",
    "demo-redacted-thinking",
    "demo-signed-thinking",
    "demo-unsigned-thinking",
    "demo-think-tags",
    "demo-usage-often",
    "demo-no-usage",
    "demo-crlf",
    "demo-cut-letters",
    "demo-one-big-event",
    "demo-gzip",
    "demo-close-framed",
    "demo-known-length",
    "demo-context-full",
    "demo-pause-turn",
    "demo-done-without-reason",
    "demo-ends-without-reason",
    "demo-no-end-marker",
]
# Anthropic's SDK requires usage and known blocks, and appends a second message to the first.
READ_BY_ANTHROPIC = [
    name for name in READ_BY_OPENAI if name not in ("demo-no-usage", "demo-unknown-events", "demo-restarts")
]


@pytest.mark.parametrize("name", READ_BY_OPENAI)
def test_the_openai_sdk_reads_the_same_answer(gateway: FakeGateway, openai_sdk: sdks.openai.OpenAI, name: str) -> None:
    answer = stream_answer(gateway, OPENAI, request_body(name))
    chunks: Any = openai_sdk.chat.completions.create(**request_body(name, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.delta or choice.finish_reason]
    assert "".join(choice.delta.content or "" for choice in choices) == answer.text
    if name != "demo-unsigned-thinking":
        thinking = "".join(getattr(choice.delta, "reasoning_content", None) or "" for choice in choices)
        assert thinking == answer.thinking
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == answer.finish_reasons


@pytest.mark.parametrize("name", READ_BY_ANTHROPIC)
def test_the_anthropic_sdk_reads_the_same_answer(
    gateway: FakeGateway, anthropic_sdk: sdks.anthropic.Anthropic, name: str
) -> None:
    answer = stream_answer(gateway, ANTHROPIC, request_body(name))
    body = request_body(name, max_tokens=4000)
    unstreamed = anthropic_sdk.messages.create(**body)
    with anthropic_sdk.messages.stream(**body) as stream:
        for _ in stream:
            pass
        streamed = stream.current_message_snapshot
    for message in (unstreamed, streamed):
        assert "".join(block.text for block in message.content if block.type == "text") == answer.text
        thinking = "".join(block.thinking for block in message.content if block.type == "thinking")
        assert thinking == answer.thinking
        assert [message.stop_reason] == (answer.finish_reasons or [None])
