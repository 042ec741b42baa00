"""Frames that came together: their text is one event, and nothing of it is lost or moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from lib.core.errors import StreamInterrupted
from lib.core.events import Event, Finish, Heartbeat, TextDelta
from lib.gateway.transport.sse import Frame, iter_frames
from lib.gateway.wires import anthropic_stream, openai_stream
from lib.gateway.wires.frames import FrameBatches

FINISH = b'data: {"id":"r","choices":[{"index":%d,"delta":{},"finish_reason":"stop"}]}\n\n'


def openai_chunk(text: str, choice: int = 0) -> bytes:
    return b'data: {"id":"r","choices":[{"index":%d,"delta":{"content":"%s"}}]}\n\n' % (choice, text.encode())


def texts_of(events: Iterable[Event]) -> list[tuple[str, int]]:
    return [(event.text, event.choice) for event in events if isinstance(event, TextDelta)]


def test_texts_of_one_read_are_one_event_for_each_alternative() -> None:
    reads = [
        openai_chunk("a"),
        openai_chunk("b") + openai_chunk("c"),
        openai_chunk("d") + openai_chunk("e", 1) + openai_chunk("f", 1) + openai_chunk("g"),
        openai_chunk("h") + FINISH % 0 + FINISH % 1 + b"data: [DONE]\n\n",
    ]
    found = list(openai_stream.parse_events(iter_frames(reads)))
    assert texts_of(found) == [("a", 0), ("bc", 0), ("d", 0), ("ef", 1), ("g", 0), ("h", 0)]


def test_texts_of_one_read_are_one_event_of_the_other_format() -> None:
    delta = b'data: {"type":"content_block_delta","index":%d,"delta":{"type":"text_delta","text":"%s"}}\n\n'
    start = b'data: {"type":"message_start","message":{"id":"r"}}\n\n'
    reads = [start, delta % (0, b"a"), delta % (0, b"b") + delta % (0, b"c") + delta % (1, b"d")]
    events = list(
        anthropic_stream.parse_events(
            iter_frames(
                [
                    *reads,
                    b'data: {"type":"message_delta",'
                    b'"delta":{"stop_reason":"end_turn"}}\n\ndata: {"type":"message_stop"}\n\n',
                ]
            )
        )
    )
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "bc", "d"]
    assert isinstance(events[-1], Finish)


def test_a_text_stays_before_what_follows_and_is_not_lost_by_an_error() -> None:
    frames = list(iter_frames([b"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\n"]))
    assert [frame.has_next for frame in frames] == [True] * 4 + [False]

    def parse(batches: Iterable[Frame]) -> Iterator[Event]:
        for frame in batches:
            if frame.data == "4":
                raise StreamInterrupted
            yield Heartbeat() if frame.data == "2" else TextDelta(frame.data)

    batches = FrameBatches(frames)
    events = batches.join_texts(parse(batches))
    assert [next(events) for _ in range(3)] == [TextDelta("1"), Heartbeat(), TextDelta("3")]
    with pytest.raises(StreamInterrupted):
        next(events)
