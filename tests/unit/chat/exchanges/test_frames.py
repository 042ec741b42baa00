"""Frames of recorded responses with their events, and the timeline of a response."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lib.chat.exchanges.frames import NO_EVENT, describe_event, filter_frames, list_frames, list_kinds
from lib.chat.exchanges.timeline import Phase, build_timeline
from lib.core.conversation import ImagePart, Usage
from lib.core.events import ContentPart, Heartbeat, TextDelta, UsageReport
from lib.core.exchanges import Chunk
from tests.support.exchanges import build_attempt


def event(name: str, **fields) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def delta(kind: str, text: str, block: int) -> bytes:
    fields = {"type": f"{kind}_delta", kind: text}
    return event("content_block_delta", index=block, delta=fields)


def block(kind: str, index: int) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, kind: ""})


FRAMES = [
    event("message_start", message={"id": "m", "model": "tiny", "usage": {"input_tokens": 3, "output_tokens": 1}}),
    event("ping"),
    block("thinking", 0),
    delta("thinking", "Hm", 0),
    block("text", 1),
    delta("text", "Hello", 1),
    delta("text", " *world*", 1),
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 12}),
    event("message_stop"),
]
OFFSETS = (0.5, 0.6, 1.0, 1.5, 1.5, 2.0, 4.5, 4.6, 4.7)


@pytest.fixture
def attempt():
    chunks = tuple(Chunk(offset, data) for offset, data in zip(OFFSETS, FRAMES, strict=True))
    return replace(build_attempt("anthropic"), chunks=chunks, connected=0.1, responded=0.4, ended=5.0)


def test_each_frame_has_its_offset_and_its_events(attempt):
    rows = list_frames(attempt, "anthropic")
    assert [row.offset for row in rows] == list(OFFSETS)
    assert [row.number for row in rows] == list(range(1, 10))
    assert [row.kinds for row in rows][3:7] == [("thinking",), (NO_EVENT,), ("text",), ("text",)]
    assert rows[5].name == "content_block_delta"
    assert json.loads(rows[5].data)["delta"]["text"] == "Hello"


def test_frames_are_filtered_by_kind_and_text(attempt):
    rows = list_frames(attempt, "anthropic")
    assert [row.number for row in filter_frames(rows, {"text"})] == [6, 7]
    assert [row.number for row in filter_frames(rows, {"text", "thinking"}, "WORLD")] == [7]
    assert [row.number for row in filter_frames(rows, (), "message_stop")] == [9]
    assert filter_frames(rows, (), " ") == rows
    kinds = list_kinds(rows)
    assert kinds[:2] == ["text", "thinking"]
    assert kinds[-1] == NO_EVENT


def test_events_are_described_by_what_they_say():
    assert describe_event(TextDelta("a\n“b”")) == '"a\\n“b”"'
    assert describe_event(TextDelta("a", 1)) == '{"text": "a", "block": 1}'
    assert describe_event(Heartbeat()) == "{}"
    assert (
        describe_event(UsageReport(Usage(1, 2), {"in": 1})) == '{"usage": {"input": 1, "output": 2}, "raw": {"in": 1}}'
    )
    picture = describe_event(ContentPart(ImagePart("image/png", "A" * 10_000)))
    assert picture.startswith('{"part": {"media_type": "image/png"')
    assert len(picture) < 2_100


def test_the_timeline_names_what_happened_when(attempt):
    timeline = build_timeline(attempt, list_frames(attempt, "anthropic"))
    assert {each.name: each.offset for each in timeline.milestones} == {
        "connected": 0.1,
        "responded": 0.4,
        "first_byte": 0.5,
        "first_thinking": 1.0,
        "first_text": 2.0,
        "last_byte": 4.7,
        "ended": 5.0,
    }
    assert timeline.phases == (
        Phase("connect", 0.0, 0.1),
        Phase("wait", 0.1, 0.4),
        Phase("first_byte", 0.4, 0.5),
        Phase("start", 0.5, 1.0),
        Phase("thinking", 1.0, 2.0),
        Phase("text", 2.0, 4.7),
        Phase("end", 4.7, 5.0),
    )
    assert [(gap.start, gap.length) for gap in timeline.gaps] == [(2.0, 2.5), (1.0, 0.5), (1.5, 0.5)]
    assert (timeline.text_chars, timeline.thinking_chars, timeline.output_tokens) == (13, 2, 12)
    assert timeline.rate == 15 / 3.0
    assert timeline.token_rate == 12 / 3.0


def test_the_rate_is_that_of_equal_steps(attempt):
    timeline = build_timeline(attempt, list_frames(attempt, "anthropic"))
    sums = {kind: 0.0 for kind in ("text", "thinking")}
    for point in timeline.rates:
        sums[point.kind] += point.rate * timeline.rate_step
    assert sums == pytest.approx({"text": 13, "thinking": 2})
    assert 0.0 in [point.rate for point in timeline.rates if point.kind == "text"]


def test_a_long_answer_has_few_steps():
    chunks = tuple(Chunk(float(second), delta("text", "abcd", 0)) for second in range(20_000))
    attempt = replace(build_attempt("anthropic"), chunks=(Chunk(0.0, block("text", 0)), *chunks), ended=20_000.0)
    timeline = build_timeline(attempt, list_frames(attempt, "anthropic"))
    assert len(timeline.rates) <= 122


def test_an_attempt_that_never_connected_only_waited():
    attempt = replace(build_attempt("openai", status=None), connected=None, responded=None, ended=3.0)
    timeline = build_timeline(attempt, list_frames(attempt))
    assert timeline.phases == (Phase("connect", 0.0, 3.0),)
    assert (timeline.rate, timeline.gaps, timeline.rates) == (None, (), ())


def test_the_body_of_an_error_is_one_frame():
    attempt = build_attempt("openai", b'{"error": {"message": "Slow down"}}', 429, {})
    (row,) = list_frames(attempt, "openai")
    assert "Slow down" in row.data
    assert row.kinds == (NO_EVENT,)
