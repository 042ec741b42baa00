"""Streams that are right but odd: thinking in all its forms, second beginnings, unknown events, gaps."""

import json
import re
from typing import Any

import anthropic
import openai
import pytest

from lib.demo import MENU, reading, scene
from lib.demo.wire import Cache
from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, MESSAGES, arriving, asking, post, whole

END = "再见 👋\n"


def thoughts(found: list[Any]) -> str:
    """What was thought, over either wire, under either name."""
    deltas = [c.get("delta", {}) for f in found if isinstance(f, dict) for c in f.get("choices", ())]
    deltas += [f["delta"] for f in found if isinstance(f, dict) and "delta" in f]
    keys = ("reasoning_content", "reasoning", "thinking")
    return "".join(delta.get(key) or "" for delta in deltas for key in keys)


def test_every_event_of_messages_is_named_and_in_order(fast: FakeGateway) -> None:
    heard = arriving(fast, MESSAGES, asking("demo-thinker"))
    assert re.findall(r"^event: (.+)$", heard.raw.decode(), re.M) == [f["type"] for f in heard.frames]
    blocks = [f"content_block_{step}{i}" for i in (0, 1) for step in ("start", "delta", "stop")]
    assert heard.kinds == ["message_start", *blocks, "message_delta", "message_stop"]
    deltas = [f["delta"]["type"] for f in heard.frames if f["type"] == "content_block_delta"]
    assert deltas.count("signature_delta") == 1
    assert deltas[deltas.index("signature_delta") - 1] == "thinking_delta"


@BOTH
def test_a_second_beginning(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-restarts"))
    assert heard.text.startswith("This is a first try") and heard.text.endswith(END)
    if path == CHAT:
        ids = [f["id"] for f in heard.frames if f != "[DONE]"]
        again = ids.index(ids[-1])
        assert len(set(ids)) == 2 and 5 < again == ids.count(ids[0])
        assert [i for i, f in enumerate(heard.frames[:-1]) if "role" in f["choices"][0]["delta"]] == [
            0,
            again,
        ]
    else:
        assert heard.kinds.count("message_start") == 2
        starts = [f["message"]["id"] for f in heard.frames if f["type"] == "message_start"]
        assert len(set(starts)) == 2
    second = whole(fast, path, asking("demo-restarts"))[0]
    assert second.startswith("You are reading") and heard.text.endswith(second)


@BOTH
def test_blocks_overlap(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-overlaps"))
    kinds = heard.kinds
    if path == CHAT:
        assert kinds.count("reasoning_content") > 5 and kinds.count("content") > 5
    else:
        assert kinds.index("content_block_start1") < kinds.index("content_block_stop0")
        assert kinds.count("content_block_delta0") > 5 and kinds.count("content_block_delta1") > 5
        last = kinds.index("content_block_stop0")
        assert kinds[last:] == ["content_block_stop0", "content_block_stop1", "message_delta", "message_stop"]
    assert heard.text == whole(fast, path, asking("demo-overlaps"))[0] and heard.text.endswith(END)
    assert thoughts(heard.frames) == thoughts(arriving(fast, path, asking("demo-thinker")).frames)


@BOTH
def test_unknown_events_and_blocks(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-unknown-events"))
    assert heard.text.endswith(END) and heard.text.startswith("You are reading")
    if path == CHAT:
        assert heard.frames[0]["choices"] == [] and "prompt_filter_results" in heard.frames[0]
        assert {"nothing", "unknown", "empty"} <= set(heard.kinds) and b"retry: 3000" in heard.raw
        assert any("delta" not in c for f in heard.frames[:-1] for c in f["choices"])
        assert any(
            c.get("delta", {}).get("content", "") is None for f in heard.frames[:-1] for c in f["choices"]
        )
    else:
        assert heard.kinds[0] == "ping" and heard.frames[-1] == "[DONE]"
        assert heard.kinds.count("weather") == 2
        started = [
            f["content_block"]["type"] for f in heard.frames[:-1] if f["type"] == "content_block_start"
        ]
        assert started == ["hologram", "text"]


@BOTH
def test_thinking_that_is_not_to_be_read(fast: FakeGateway, path: str) -> None:
    for name in ("demo-redacted-thinking", "demo-signed-thinking"):
        heard = arriving(fast, path, asking(name))
        assert thoughts(heard.frames).strip() == "" and heard.text.endswith(END)
        if path == CHAT:
            assert heard.kinds[1] == ("nothing" if "redacted" in name else "reasoning_content")
            continue
        block = next(f["content_block"] for f in heard.frames if f["type"] == "content_block_start")
        payload = post(fast, path, asking(name)).json()["content"][0]
        if "redacted" in name:
            assert block == payload == {"type": "redacted_thinking", "data": block["data"]}
        else:
            assert block == {"type": "thinking", "thinking": "", "signature": ""}
            signed = [f["delta"]["signature"] for f in heard.frames if "signature" in f.get("delta", {})]
            assert signed == [payload["signature"]] and payload["thinking"] == ""


@BOTH
def test_thinking_under_another_name_or_unsigned(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-unsigned-thinking"))
    usual = arriving(fast, path, asking("demo-thinker"))
    assert thoughts(heard.frames) == thoughts(usual.frames) != ""
    if path == CHAT:
        assert "reasoning" in heard.kinds and "reasoning_content" not in heard.kinds
        assert (
            "reasoning" in post(fast, path, asking("demo-unsigned-thinking")).json()["choices"][0]["message"]
        )
    else:
        assert b"signature_delta" in usual.raw and b"signature_delta" not in heard.raw


@BOTH
def test_tags_are_cut_between_pieces(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-think-tags"))
    assert heard.text.startswith("<think>\nA model would") and "\n</think>\nYou are reading" in heard.text
    raw = heard.raw.decode()
    assert "<think>" not in raw and "</think>" not in raw
    assert heard.text == whole(fast, path, asking("demo-think-tags"))[0]


@BOTH
def test_pings_and_a_long_gap(fast: FakeGateway, path: str) -> None:
    assert arriving(fast, path, asking("demo-pings")).raw.startswith(
        b": PING\n\n" * 60 + b"e"[path == CHAT :]
    )
    with post(fast, path, asking("demo-long-gap", stream=True), stream=True) as answer:
        assert answer.text.count("data: ") > 40


@BOTH
def test_the_gap_comes_after_the_first_words(path: str) -> None:
    wanted = reading.read(json.dumps(asking("demo-long-gap")).encode(), path)
    _, steps = scene.prepare(wanted, MENU["demo-long-gap"], path, Cache(), "1")
    taken = list(steps)
    gaps = [place for place, step in enumerate(taken) if step.pause]
    assert gaps == [21] and taken[21].pause == 60 and len(taken) > 40
    assert b"message_stop" in taken[-1].data or b"[DONE]" in taken[-1].data


@BOTH
def test_counts_of_tokens_come_often_or_never(fast: FakeGateway, path: str) -> None:
    more = {"stream_options": {"include_usage": True}} if path == CHAT else {}
    often = [f for f in arriving(fast, path, asking("demo-usage-often", **more)).frames if f != "[DONE]"]
    never = [f for f in arriving(fast, path, asking("demo-no-usage", **more)).frames if f != "[DONE]"]
    assert not any(f.get("usage") for f in never)
    if path == CHAT:
        counts = [f["usage"]["completion_tokens"] for f in often]
        assert len(counts) > 40 and counts == sorted(counts) and counts[0] == 0
    else:
        deltas = [f for f in often if f["type"] == "message_delta"]
        assert [d["delta"].get("stop_reason") for d in deltas] == [None, "end_turn"]
        assert deltas[0]["usage"]["output_tokens"] == deltas[1]["usage"]["output_tokens"] - 1
    assert not post(fast, path, asking("demo-no-usage")).json()["usage"]


READ_BY_OPENAI = [
    "demo-tour",
    "demo-thinker",
    "demo-slow",
    "demo-restarts",
    "demo-overlaps",
    "demo-unknown-events",
    "demo-redacted-thinking",
    "demo-signed-thinking",
    "demo-unsigned-thinking",
    "demo-think-tags",
    "demo-pings",
    "demo-long-gap",
    "demo-usage-often",
    "demo-no-usage",
    "demo-crlf",
    "demo-cut-letters",
    "demo-one-big-event",
    "demo-gzip",
    "demo-close-framed",
    "demo-known-length",
    "demo-cut-by-length",
    "demo-context-full",
    "demo-filtered",
    "demo-pause-turn",
    "demo-done-without-reason",
    "demo-ends-without-reason",
    "demo-no-end-marker",
    "demo-empty-answer",
]
# Anthropic's SDK needs counts, knows its own blocks, and lets a second message run on in the first.
READ_BY_ANTHROPIC = [
    name for name in READ_BY_OPENAI if name not in ("demo-no-usage", "demo-unknown-events", "demo-restarts")
]


@pytest.mark.parametrize("name", READ_BY_OPENAI)
def test_the_openai_sdk_reads_what_we_read(fast: FakeGateway, ours: openai.OpenAI, name: str) -> None:
    heard = arriving(fast, CHAT, asking(name))
    body: Any = asking(name)
    message = ours.chat.completions.create(**body)
    chunks: Any = list(ours.chat.completions.create(**body, stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    deltas = [choice.delta for choice in choices if choice.delta]
    text = "".join(delta.content or "" for delta in deltas)
    assert text == heard.text
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thought == "".join(thoughts(heard.frames)) or name == "demo-unsigned-thinking"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == heard.reasons
    content = message.choices[0].message.content or ""
    assert content and text.endswith(content) or name == "demo-empty-answer"


@pytest.mark.parametrize("name", READ_BY_ANTHROPIC)
def test_the_anthropic_sdk_reads_what_we_read(
    fast: FakeGateway, theirs: anthropic.Anthropic, name: str
) -> None:
    heard = arriving(fast, MESSAGES, asking(name))
    body: Any = asking(name, max_tokens=4000)
    message = theirs.messages.create(**body)
    with theirs.messages.stream(**body) as stream:
        for _ in stream:
            pass
        last = stream.current_message_snapshot
    found = ["".join(b.text for b in m.content if b.type == "text") for m in (message, last)]
    assert found == [heard.text] * 2
    thought = "".join(b.thinking for b in last.content if b.type == "thinking")
    assert thought == thoughts(heard.frames)
    assert thought == "".join(b.thinking for b in message.content if b.type == "thinking")
    assert [last.stop_reason] == (heard.reasons or [None]) and message.stop_reason == last.stop_reason
    assert message.usage.output_tokens == last.usage.output_tokens or not heard.reasons
