"""Bytes to frames, whatever the bytes are and however they are cut."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.errors import AnswerError, StreamInterrupted
from lib.gateway.transport.sse import HEARTBEAT, Frame, iter_frames
from tests.unit.gateway.recordings import STREAMS, Recording

END = st.sampled_from(["\n", "\r\n", "\r"])
LINE = st.sampled_from(
    [
        "",
        "data: a",
        'data: {"say":"héllo 世界 😀"}',
        "data",
        "data:",
        "event: named",
        "event",
        "id: 7",
        ": PING",
        ":",
        "retry: 1",
        '{"error":{"message":"gone"}}',
        '{"error":',
        "{}data: [DONE]",
        '{}data: {"say":1}',
        "{",
        '{"say":{}',
        '"say":1}',
        "}",
        "data: [DONE]",
        "words",
    ]
)
# What a stream is made of, so that bytes at random are not all of the same kind.
PIECE = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\n", b"\r", b"\n\n", b"data: ", b"event: ", b"id:\0", b":", b"{", b"}", b"{}"]),
    st.sampled_from([b"\xef\xbb\xbf", b"\xef", b"\xff", b"\xed\xa0\x80", b"[DONE]", b"data: x\n" * 40]),
)
thorough = settings(deadline=None, max_examples=300)


def read(chunks: list[bytes]) -> list[Frame]:
    return [frame for frame in iter_frames(chunks) if frame != HEARTBEAT]


def split(body: bytes, places: list[int]) -> list[bytes]:
    """`body` cut at these places, counted anew from the start where they pass its end; some are empty."""
    cuts = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]


def joined(lines: list[tuple[str, str]]) -> bytes:
    body = ""
    for line, end in lines:
        # An empty line that ends in LF, after a CR, cannot be told from one CRLF: no stream means that.
        body += line + ("\r\n" if end == "\n" and not line and body.endswith("\r") else end)
    return body.encode()


@thorough
@given(
    lines=st.lists(st.tuples(LINE, END), max_size=30),
    places=st.lists(st.integers(0, 2_000)),
    bom=st.booleans(),
)
def test_neither_line_ends_nor_cuts_nor_a_mark_change_what_is_said(
    lines: list[tuple[str, str]], places: list[int], bom: bool
) -> None:
    plain = "".join(f"{line}\n" for line, _ in lines).encode()
    body = (b"\xef\xbb\xbf" if bom else b"") + joined(lines)
    assert read(split(body, places)) == read([body]) == read([plain])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
@settings(deadline=None, max_examples=20)
@given(places=st.lists(st.integers(0, 100_000), max_size=60))
def test_a_recording_cut_anywhere_gives_the_same_frames(
    stream: Recording, end: bytes, places: list[int]
) -> None:
    assert read(split(stream.body.replace(b"\n", end), places)) == read([stream.body])


@thorough
@given(pieces=st.lists(PIECE, max_size=40), places=st.lists(st.integers(0, 2_000)))
@example(pieces=[b"\n", b"{}" * 1_000], places=[])
@example(pieces=[b"{", b"[" * 5_000], places=[])
@example(pieces=[b"data: {", b"[" * 5_000], places=[])
@example(pieces=[b'{"n":', b"9" * 5_000, b"}"], places=[])
def test_any_bytes_give_frames_or_one_of_our_errors(pieces: list[bytes], places: list[int]) -> None:
    body = b"".join(pieces)
    found: list[Frame] = read(split(body, places))
    assert found == read([body])
    # Bare JSON can stand twice in the worst case: never more is said than came, but for replaced bytes.
    assert sum(len(frame.data) for frame in found) <= 3 * len(body)
    for frame in found:
        payload: Any = None
        try:
            payload = frame.json()
        except AnswerError as error:
            assert type(error) is StreamInterrupted  # noqa: PT017  the kinds of errors are the point here
        assert payload is None or isinstance(payload, dict)
