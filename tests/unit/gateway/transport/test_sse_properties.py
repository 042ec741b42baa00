"""Property tests of server-sent events: arbitrary bytes and arbitrary chunking."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.core.errors import AnswerError, StreamInterrupted
from lib.gateway.transport.sse import HEARTBEAT, Frame, iter_frames
from tests.support.examples import count_examples
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
# Fragments of streams, so that random bytes exercise more than one path.
BYTES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\n", b"\r", b"\n\n", b"data: ", b"event: ", b"id:\0", b":", b"{", b"}", b"{}"]),
    st.sampled_from([b"\xef\xbb\xbf", b"\xef", b"\xff", b"\xed\xa0\x80", b"[DONE]", b"data: x\n" * 40]),
)
thorough = settings(deadline=None, max_examples=count_examples(100))


def read(chunks: list[bytes]) -> list[Frame]:
    return [frame for frame in iter_frames(chunks) if frame != HEARTBEAT]


def split(body: bytes, cuts: list[int]) -> list[bytes]:
    """Chunks of `body`, cut at these offsets modulo its length; some are empty."""
    offsets = sorted(cut % (len(body) + 1) for cut in cuts)
    return [body[start:end] for start, end in pairwise([0, *offsets, len(body)])]


def join_lines(lines: list[tuple[str, str]]) -> bytes:
    body = ""
    for line, end in lines:
        # An empty line that ends in LF after a CR would be a CRLF.
        body += line + ("\r\n" if end == "\n" and not line and body.endswith("\r") else end)
    return body.encode()


@thorough
@given(
    lines=st.lists(st.tuples(LINE, END), max_size=30),
    cuts=st.lists(st.integers(0, 2_000)),
    bom=st.booleans(),
)
def test_line_ends_chunking_and_byte_order_mark_do_not_change_the_frames(
    lines: list[tuple[str, str]], cuts: list[int], bom: bool
) -> None:
    with_lf = "".join(f"{line}\n" for line, _ in lines).encode()
    body = (b"\xef\xbb\xbf" if bom else b"") + join_lines(lines)
    assert read(split(body, cuts)) == read([body]) == read([with_lf])


@pytest.mark.slow
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("stream", STREAMS, ids=lambda recording: recording.name)
@settings(deadline=None, max_examples=count_examples(20))
@given(cuts=st.lists(st.integers(0, 100_000), max_size=60))
def test_chunking_of_a_recording_does_not_change_the_frames(stream: Recording, end: bytes, cuts: list[int]) -> None:
    assert read(split(stream.body.replace(b"\n", end), cuts)) == read([stream.body])


@thorough
@given(parts=st.lists(BYTES, max_size=40), cuts=st.lists(st.integers(0, 2_000)))
@example(parts=[b"\n", b"{}" * 1_000], cuts=[])
@example(parts=[b"{", b"[" * 5_000], cuts=[])
@example(parts=[b"data: {", b"[" * 5_000], cuts=[])
@example(parts=[b'{"n":', b"9" * 5_000, b"}"], cuts=[])
def test_arbitrary_bytes_give_frames_or_an_interruption(parts: list[bytes], cuts: list[int]) -> None:
    body = b"".join(parts)
    frames: list[Frame] = read(split(body, cuts))
    assert frames == read([body])
    # Bare JSON can appear twice at worst, and invalid bytes grow when they are replaced.
    assert sum(len(frame.data) for frame in frames) <= 3 * len(body)
    for frame in frames:
        payload: Any = None
        try:
            payload = frame.json()
        except AnswerError as error:
            assert type(error) is StreamInterrupted  # noqa: PT017  the error type is the point
        assert payload is None or isinstance(payload, dict)
