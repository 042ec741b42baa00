"""Server-sent events: bytes to frames, with a test for each gap of sseclient-py."""

import json
from collections.abc import Iterator

import pytest

from lib.core.errors import InvalidResponse, StreamInterrupted
from lib.gateway.transport import sse
from lib.gateway.transport.sse import HEARTBEAT, Frame, iter_frames

each_line_end = pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
JSON_TEXT = '{"say":"héllo 世界 😀"}'
STREAM_FRAMES = [Frame("greeting", JSON_TEXT), Frame("message", "one\ntwo"), Frame("message", "[DONE]")]
STREAM = f"event: greeting\ndata: {JSON_TEXT}\n\n: PING\n\ndata: one\ndata:two\n\ndata: [DONE]\n\n"


def read(*chunks: bytes) -> list[Frame]:
    """Frames without heartbeats, whose number depends on the chunking."""
    return [frame for frame in iter_frames(chunks) if frame != HEARTBEAT]


def read_bytewise(body: bytes) -> list[Frame]:
    return read(*(body[at : at + 1] for at in range(len(body))))


def test_a_frame_tells_that_the_next_one_came_with_it() -> None:
    frames = list(iter_frames([b"data: a\n\ndata: b\n\n", b"data: c\n\n", b"data: d\n\nda", b"ta: e\n\n"]))
    assert [(frame.data, frame.has_next) for frame in frames] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("d", False),
        ("e", False),
    ]
    assert frames[0] == Frame("message", "a")


def test_byte_order_mark_does_not_hide_the_first_event() -> None:
    body = b"\xef\xbb\xbf" + STREAM.encode()
    assert read(body) == STREAM_FRAMES
    assert read_bytewise(body) == STREAM_FRAMES


def test_byte_order_mark_elsewhere_is_text() -> None:
    assert read("data: a\n\ndata: \ufeffb\n\n".encode()) == [
        Frame("message", "a"),
        Frame("message", "\ufeffb"),
    ]


@each_line_end
def test_every_line_end_and_chunking_gives_the_same_frames(end: str) -> None:
    body = STREAM.replace("\n", end).encode()
    assert read_bytewise(body) == STREAM_FRAMES
    for cut in range(len(body) + 1):
        assert read(body[:cut], body[cut:]) == STREAM_FRAMES, cut


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_blank_line_with_lf_after_a_line_with_crlf_ends_the_event(size: int) -> None:
    body = b"data: a\r\n\ndata: b\r\n\n"
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert read(*chunks) == [Frame("message", "a"), Frame("message", "b")]


def test_cr_within_a_well_formed_event_ends_a_line() -> None:
    assert read(b"data: a\r\n\rdata: b\n\n") == [Frame("message", "a"), Frame("message", "b")]
    assert read(b"data: a\r{}\n\n") == [Frame("message", "a"), Frame("message", "{}")]


@pytest.mark.parametrize("invalid_bytes", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98"])
def test_invalid_utf8_is_replaced_and_does_not_end_the_stream(invalid_bytes: bytes) -> None:
    body = b": " + invalid_bytes + b"\n\ndata: a" + invalid_bytes + b"z\n\ndata: b\n\n"
    for frames in (read(body), read_bytewise(body)):
        assert [frame.name for frame in frames] == ["message", "message"]
        assert frames[0].data.startswith("a\ufffd") and frames[0].data.endswith("z")
        assert frames[0].has_invalid_bytes
        assert frames[1] == Frame("message", "b")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
def test_only_cr_and_lf_end_a_line(character: str) -> None:
    assert read(f"data: a{character}b\n\n".encode()) == [Frame("message", f"a{character}b")]


@pytest.mark.parametrize("tail", ["", "\n", "\r\n"])
def test_unterminated_event_at_the_end_is_yielded(tail: str) -> None:
    body = 'data: {"a":1}\n\ndata: {"error":"it broke"}' + tail
    assert read(body.encode()) == [Frame("message", '{"a":1}'), Frame("message", '{"error":"it broke"}')]


def test_truncated_character_at_the_end_is_replaced() -> None:
    assert read("data: 世".encode()[:-1]) == [Frame("message", "\ufffd", has_invalid_bytes=True)]
    assert read("data: \ufffd\n\n".encode()) == [Frame("message", "\ufffd")]  # written by the model


def test_invalid_utf8_marks_its_own_event_only() -> None:
    long_event = b"data: x\n" * 99 + b"data: \xff\n\n"
    frames = read(b"data: a\n\nid: 7\ndata: \xff\n\n" + long_event + b'{"a":"\xff"}\n\ndata: b\n\n')
    assert [frame.has_invalid_bytes for frame in frames] == [False, True, True, True, False]
    assert frames[2].data.count("x") == 99


BARE_JSON = '{"error":{"message":"gone"}}'
BARE_JSON_FRAME = Frame("message", BARE_JSON)
DONE = Frame("message", "[DONE]")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"data: a\n\n{BARE_JSON}\n\ndata: [DONE]\n\n", [Frame("message", "a"), BARE_JSON_FRAME, DONE]),
        (f"data: a\n\n{BARE_JSON}\ndata: [DONE]\n\n", [Frame("message", "a"), BARE_JSON_FRAME, DONE]),
        (f"data: a\n\n{BARE_JSON}data: [DONE]\n\n", [Frame("message", "a"), BARE_JSON_FRAME, DONE]),
        (f"data: a\n{BARE_JSON}\n\ndata: [DONE]\n\n", [Frame("message", "a"), BARE_JSON_FRAME, DONE]),
        (f": PING\n\n{BARE_JSON}", [BARE_JSON_FRAME]),
        (f": PING\n{BARE_JSON}\n: PING\n{BARE_JSON}", [BARE_JSON_FRAME, BARE_JSON_FRAME]),
        ('{\n  "error": {\n  "message": "x"}\n}\n\ndata: a\n\n', None),
    ],
)
def test_bare_json_is_a_frame_in_its_place(body: str, expected: list[Frame] | None) -> None:
    expected = expected or [Frame("message", body.partition("\n\n")[0]), Frame("message", "a")]
    assert read(body.encode()) == read_bytewise(body.encode()) == expected


@pytest.mark.parametrize("before", ["", "data: a\n\n", ": PING\n"])
def test_line_of_bare_json_is_yielded_at_its_end(before: str) -> None:
    def source() -> Iterator[bytes]:
        yield before.encode()
        yield f"{BARE_JSON}\n".encode()
        pytest.fail("read too far")

    assert next(frame for frame in iter_frames(source()) if frame.data.startswith("{")) == BARE_JSON_FRAME


def test_broken_bare_json_is_yielded_after_all_events() -> None:
    assert read(b'{"error":{"mess\n\ndata: [DONE]\n\n') == [DONE, Frame("message", '{"error":{"mess')]
    assert read(b'data: a\n\n{"error":{"mess') == [Frame("message", "a"), Frame("message", '{"error":{"mess')]


def test_only_the_last_broken_lines_of_bare_json_are_kept() -> None:
    frames = read("".join(f'{{"n":{n}\n\n' for n in range(1_000)).encode())
    assert frames[-1] == Frame("message", '{"n":999')
    assert len(frames) == sse.MAX_STRAY_LINES
    assert read(b"{" * (sse.MAX_STRAY_LINE_BYTES + 1)) == []


def test_comments_unknown_fields_and_events_without_data_are_ignored() -> None:
    body = b": PING\n\n:\n\nid: 7\nretry: 10\nfoo: bar\nnonsense\n\nevent: ping\n\ndata: a\n\n"
    assert read(body) == [Frame("message", "a")]


@pytest.mark.parametrize("keep_alive", [": PING\n\n", ":\n", ": PING\n", "\n", "event: ping\n\n", "id: 7\n\n"])
@each_line_end
def test_line_without_data_yields_a_heartbeat_at_once(keep_alive: str, end: str) -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\n"
        yield keep_alive.replace("\n", end).encode()
        pytest.fail("read too far")

    reader = iter_frames(source())
    assert [next(reader), next(reader)] == [Frame("message", "a"), HEARTBEAT]
    assert HEARTBEAT.json() == {}


def test_event_yields_no_extra_heartbeat() -> None:
    assert list(iter_frames([b"data: a\n\n", b"event: b\ndata: b\n\n"])) == [
        Frame("message", "a"),
        Frame("b", "b"),
    ]


def test_event_name_does_not_carry_over() -> None:
    assert read(b"event: error\ndata: a\n\ndata: b\n\n") == [Frame("error", "a"), Frame("message", "b")]


def test_only_one_space_after_the_colon_is_dropped() -> None:
    assert read(b"data:a\n\ndata:  b \n\n") == [Frame("message", "a"), Frame("message", " b ")]


def test_empty_stream_has_no_frames() -> None:
    assert read() == read(b"") == read(b"\n\n\n") == read(b"\xef\xbb\xbf") == []


@each_line_end
def test_event_is_yielded_before_the_next_chunk_is_read(end: str) -> None:
    requested: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(3):
            requested.append(number)
            yield f"data: {number}{end}{end}".encode()

    reader = iter_frames(source())
    for number in range(3):
        assert next(reader).data == str(number)
        assert requested == list(range(number + 1))


@each_line_end
def test_event_in_single_bytes_is_yielded_with_its_last_byte(end: str) -> None:
    body = f"data: a{end}{end}".encode()
    # The CR of CRLF ends the line: an LF after it changes nothing.
    last = len(body) - (end == "\r\n")
    requested = 0

    def source() -> Iterator[bytes]:
        nonlocal requested
        for requested in range(1, last + 1):  # noqa: B007  asserted below
            yield body[requested - 1 : requested]
        pytest.fail("read too far")

    assert (next(iter_frames(source())).data, requested) == ("a", last)


def test_event_in_many_chunks_takes_linear_time() -> None:
    """8 MB in pieces of 1 kB: quadratic time would copy 32 GB."""
    chunk = b"x" * 1024
    (frame,) = read(b"data: ", *[chunk] * 8192, b"\n\n")
    assert len(frame.data) == 8 * 1024 * 1024


@pytest.mark.slow
def test_event_of_many_lines_takes_linear_time() -> None:
    """100,000 lines: quadratic time would copy 60 GB."""
    lines = [f"line {number}" for number in range(100_000)]
    block = "".join(f"data: {line}\n" for line in lines)
    body = f"event: early\nid: 1\n{block}event: late\n: word\nretry: 1\n\ndata: next\n\n".encode()
    expected = [Frame("late", "\n".join(lines)), Frame("message", "next")]
    assert read(body) == expected
    assert read(*(body[at : at + 999] for at in range(0, len(body), 999))) == expected


@pytest.mark.parametrize("count", [1, 31, 32, 33, 63, 64, 65, 97])
@each_line_end
def test_splitting_a_long_event_keeps_its_lines(count: int, end: str) -> None:
    body = "event: named\n" + "data:\n" * count + "\n" + "data: x\n" * count + "\n"
    expected = [Frame("named", "\n" * (count - 1)), Frame("message", "\n".join("x" * count))]
    assert read(body.replace("\n", end).encode()) == read_bytewise(body.replace("\n", end).encode()) == expected


@pytest.mark.slow
@pytest.mark.parametrize("line", ["event: x\n", "id: 1\n", ": comment\n", "foo\n", "{\n", "{}\n", "\n"])
def test_many_lines_of_any_kind_take_linear_time(line: str) -> None:
    frames = read(f"data: a\n\n{line * 50_000}\ndata: b\n\n".encode())
    assert (frames[0], frames.count(Frame("message", "b"))) == (Frame("message", "a"), 1)
    frames = read(b"data: a\n", *[line.encode()] * 20_000, b"\n\ndata: b\n\n")
    assert frames.count(Frame("message", "b")) == 1


def test_large_event_and_many_small_ones() -> None:
    image_json = json.dumps({"image": "QUJD" * 1_000_000})
    (frame,) = read(f"data: {image_json}\n\n".encode())
    assert frame == Frame("message", image_json) and frame.json()["image"].endswith("QUJD")
    body = b"".join(b"data: %d\n\n" % number for number in range(10_000))
    expected = [Frame("message", str(number)) for number in range(10_000)]
    assert read(body) == read_bytewise(body) == expected
    assert read(*body.splitlines(keepends=True)) == expected


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * 94 + b"\n", b"x" * 100, b"id: 1\n", b"{" * 100, b"{\n", b"data: a\n: b\n"]
)
def test_endless_event_is_rejected(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 10_000)
    count = 0

    def endless() -> Iterator[bytes]:
        nonlocal count
        for count in range(10_000):  # noqa: B007  asserted below
            yield line

    with pytest.raises(InvalidResponse, match="10,000"):
        list(iter_frames(endless()))
    assert count * len(line) < 30_000


def test_endless_comments_are_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    assert list(iter_frames([b": comment\n"] * 1_000)) == [HEARTBEAT] * 1_000


def test_long_stream_of_short_events_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    assert len(read(b"data: 0123456789\n\n" * 1_000)) == 1_000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"a":1}', {"a": 1}),
        (' {"a":1} ', {"a": 1}),
        ("[1]", {}),
        ("[DONE]", {}),
        ("null", {}),
        ("words", {}),
        ("", {}),
    ],
)
def test_frame_json(data: str, expected: dict[str, int]) -> None:
    assert Frame("message", data).json() == expected


@pytest.mark.parametrize("data", ["{", '{"a":', '{"a":1}}', "{" * 100_000, '{"a":' * 100_000])
def test_truncated_json_in_a_frame_is_an_interruption(data: str) -> None:
    with pytest.raises(StreamInterrupted):
        Frame("message", data).json()
