"""Bytes to frames: one test for each gap that sseclient-py leaves, and what it does well kept."""

import json
from collections.abc import Iterator

import pytest

from lib.core.errors import InvalidResponse, StreamInterrupted
from lib.gateway.transport import sse as module
from lib.gateway.transport.sse import HEARTBEAT, Frame, iter_frames

ENDS = pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
WORDS = '{"say":"héllo 世界 😀"}'
MEANT = [Frame("greeting", WORDS), Frame("message", "one\ntwo"), Frame("message", "[DONE]")]
STREAM = f"event: greeting\ndata: {WORDS}\n\n: PING\n\ndata: one\ndata:two\n\ndata: [DONE]\n\n"


def read(*chunks: bytes) -> list[Frame]:
    """What was said; how many beats there are depends on how the bytes are cut."""
    return [frame for frame in iter_frames(chunks) if frame != HEARTBEAT]


def one_by_one(body: bytes) -> list[Frame]:
    return read(*(body[at : at + 1] for at in range(len(body))))


def test_a_byte_order_mark_does_not_hide_the_first_event() -> None:
    body = b"\xef\xbb\xbf" + STREAM.encode()
    assert read(body) == MEANT
    assert one_by_one(body) == MEANT


def test_a_byte_order_mark_elsewhere_is_text() -> None:
    assert read("data: a\n\ndata: \ufeffb\n\n".encode()) == [
        Frame("message", "a"),
        Frame("message", "\ufeffb"),
    ]


@ENDS
def test_every_line_end_split_anywhere_gives_the_same(end: str) -> None:
    body = STREAM.replace("\n", end).encode()
    assert one_by_one(body) == MEANT
    for cut in range(len(body) + 1):
        assert read(body[:cut], body[cut:]) == MEANT, cut


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64])
def test_a_blank_line_ending_in_lf_after_one_ending_in_crlf_is_seen(size: int) -> None:
    body = b"data: a\r\n\ndata: b\r\n\n"
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    assert read(*pieces) == [Frame("message", "a"), Frame("message", "b")]


def test_a_cr_inside_what_looks_like_one_clean_event_ends_a_line() -> None:
    assert read(b"data: a\r\n\rdata: b\n\n") == [Frame("message", "a"), Frame("message", "b")]
    assert read(b"data: a\r{}\n\n") == [Frame("message", "a"), Frame("message", "{}")]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98"])
def test_bad_bytes_are_replaced_and_do_not_end_the_stream(bad: bytes) -> None:
    body = b": " + bad + b"\n\ndata: a" + bad + b"z\n\ndata: b\n\n"
    for found in (read(body), one_by_one(body)):
        assert [frame.name for frame in found] == ["message", "message"]
        assert found[0].data.startswith("a\ufffd") and found[0].data.endswith("z")
        assert found[1].data == "b"


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
def test_only_cr_and_lf_end_a_line(letter: str) -> None:
    assert read(f"data: a{letter}b\n\n".encode()) == [Frame("message", f"a{letter}b")]


@pytest.mark.parametrize("tail", ["", "\n", "\r\n"])
def test_an_event_that_the_end_of_the_stream_cuts_is_handed_out(tail: str) -> None:
    body = 'data: {"a":1}\n\ndata: {"error":"it broke"}' + tail
    assert read(body.encode()) == [Frame("message", '{"a":1}'), Frame("message", '{"error":"it broke"}')]


def test_a_letter_that_the_end_of_the_stream_cuts_is_replaced() -> None:
    assert read("data: 世".encode()[:-1]) == [Frame("message", "\ufffd")]


BARE = '{"error":{"message":"gone"}}'
TOLD = Frame("message", BARE)
DONE = Frame("message", "[DONE]")


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (f"data: a\n\n{BARE}\n\ndata: [DONE]\n\n", [Frame("message", "a"), TOLD, DONE]),
        (f"data: a\n\n{BARE}\ndata: [DONE]\n\n", [Frame("message", "a"), TOLD, DONE]),
        (f"data: a\n\n{BARE}data: [DONE]\n\n", [Frame("message", "a"), TOLD, DONE]),
        (f"data: a\n{BARE}\n\ndata: [DONE]\n\n", [Frame("message", "a"), TOLD, DONE]),
        (f": PING\n\n{BARE}", [TOLD]),
        (f": PING\n{BARE}\n: PING\n{BARE}", [TOLD, TOLD]),
        ('{\n  "error": {\n  "message": "x"}\n}\n\ndata: a\n\n', None),
    ],
)
def test_bare_json_is_a_frame_in_its_place(body: str, meant: list[Frame] | None) -> None:
    meant = meant or [Frame("message", body.partition("\n\n")[0]), Frame("message", "a")]
    assert read(body.encode()) == one_by_one(body.encode()) == meant


@pytest.mark.parametrize("before", ["", "data: a\n\n", ": PING\n"])
def test_a_line_of_bare_json_is_handed_out_when_it_ends(before: str) -> None:
    def source() -> Iterator[bytes]:
        yield before.encode()
        yield f"{BARE}\n".encode()
        pytest.fail("more was asked for")

    assert next(frame for frame in iter_frames(source()) if frame.data.startswith("{")) == TOLD


def test_broken_bare_json_comes_after_all_events() -> None:
    assert read(b'{"error":{"mess\n\ndata: [DONE]\n\n') == [DONE, Frame("message", '{"error":{"mess')]
    assert read(b'data: a\n\n{"error":{"mess') == [Frame("message", "a"), Frame("message", '{"error":{"mess')]


def test_of_many_broken_bare_lines_only_the_last_are_kept() -> None:
    found = read("".join(f'{{"n":{n}\n\n' for n in range(1_000)).encode())
    assert found[-1] == Frame("message", '{"n":999')
    assert len(found) == module.MAX_STRAY_LINES
    assert read(b"{" * (module.MAX_STRAY_LINE_BYTES + 1)) == []


def test_comments_fields_of_no_use_and_events_without_data_say_nothing() -> None:
    body = b": PING\n\n:\n\nid: 7\nretry: 10\nfoo: bar\nnonsense\n\nevent: ping\n\ndata: a\n\n"
    assert read(body) == [Frame("message", "a")]


@pytest.mark.parametrize("sign", [": PING\n\n", ":\n", ": PING\n", "\n", "event: ping\n\n", "id: 7\n\n"])
@ENDS
def test_what_says_nothing_is_a_sign_of_life_at_once(sign: str, end: str) -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\n"
        yield sign.replace("\n", end).encode()
        pytest.fail("more was asked for")

    reader = iter_frames(source())
    assert [next(reader), next(reader)] == [Frame("message", "a"), HEARTBEAT]
    assert HEARTBEAT.json() == {}


def test_an_event_is_its_own_sign_of_life() -> None:
    assert list(iter_frames([b"data: a\n\n", b"event: b\ndata: b\n\n"])) == [
        Frame("message", "a"),
        Frame("b", "b"),
    ]


def test_the_name_of_one_event_does_not_carry_over() -> None:
    assert read(b"event: error\ndata: a\n\ndata: b\n\n") == [Frame("error", "a"), Frame("message", "b")]


def test_one_blank_after_the_colon_is_dropped_and_no_more() -> None:
    assert read(b"data:a\n\ndata:  b \n\n") == [Frame("message", "a"), Frame("message", " b ")]


def test_nothing_is_no_frame() -> None:
    assert read() == read(b"") == read(b"\n\n\n") == read(b"\xef\xbb\xbf") == []


@ENDS
def test_an_event_is_handed_out_before_more_is_asked_for(end: str) -> None:
    asked: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield f"data: {number}{end}{end}".encode()

    reader = iter_frames(source())
    for number in range(3):
        assert next(reader).data == str(number)
        assert asked == list(range(number + 1))


@ENDS
def test_an_event_in_single_bytes_is_handed_out_with_its_last(end: str) -> None:
    body = f"data: a{end}{end}".encode()
    # Of CRLF the CR is enough: whether an LF comes after it changes nothing.
    last = len(body) - (end == "\r\n")
    asked = 0

    def source() -> Iterator[bytes]:
        nonlocal asked
        for asked in range(1, last + 1):  # noqa: B007  looked at below
            yield body[asked - 1 : asked]
        pytest.fail("more was asked for")

    assert (next(iter_frames(source())).data, asked) == ("a", last)


def test_an_event_in_many_pieces_takes_time_in_step_with_its_size() -> None:
    """8 MB in pieces of 1 kB: with quadratic work this would be 32 GB of copying."""
    piece = b"x" * 1024
    (frame,) = read(b"data: ", *[piece] * 8192, b"\n\n")
    assert len(frame.data) == 8 * 1024 * 1024


def test_an_event_of_many_lines_takes_time_in_step_with_them() -> None:
    """400,000 lines: with quadratic work this would be 500 GB of copying."""
    lines = [f"line {number}" for number in range(400_000)]
    block = "".join(f"data: {line}\n" for line in lines)
    body = f"event: early\nid: 1\n{block}event: late\n: word\nretry: 1\n\ndata: next\n\n".encode()
    meant = [Frame("late", "\n".join(lines)), Frame("message", "next")]
    assert read(body) == meant
    assert read(*(body[at : at + 999] for at in range(0, len(body), 999))) == meant


@pytest.mark.parametrize("count", [1, 31, 32, 33, 63, 64, 65, 97])
@ENDS
def test_lines_of_an_event_are_neither_lost_nor_added_where_it_is_parted(count: int, end: str) -> None:
    body = "event: named\n" + "data:\n" * count + "\n" + "data: x\n" * count + "\n"
    meant = [Frame("named", "\n" * (count - 1)), Frame("message", "\n".join("x" * count))]
    assert read(body.replace("\n", end).encode()) == one_by_one(body.replace("\n", end).encode()) == meant


@pytest.mark.parametrize("line", ["event: x\n", "id: 1\n", ": comment\n", "foo\n", "{\n", "{}\n", "\n"])
def test_many_lines_of_any_kind_take_time_in_step_with_them(line: str) -> None:
    said = read(f"data: a\n\n{line * 200_000}\ndata: b\n\n".encode())
    assert (said[0], said.count(Frame("message", "b"))) == (Frame("message", "a"), 1)
    said = read(b"data: a\n", *[line.encode()] * 50_000, b"\n\ndata: b\n\n")
    assert said.count(Frame("message", "b")) == 1


def test_one_very_large_event_and_very_many_small_ones() -> None:
    picture = json.dumps({"picture": "QUJD" * 2_500_000})
    (frame,) = read(f"data: {picture}\n\n".encode())
    assert frame == Frame("message", picture) and frame.json()["picture"].endswith("QUJD")
    body = b"".join(b"data: %d\n\n" % number for number in range(10_000))
    meant = [Frame("message", str(number)) for number in range(10_000)]
    assert read(body) == one_by_one(body) == meant
    assert read(*body.splitlines(keepends=True)) == meant


@pytest.mark.parametrize(
    "line", [b"data: " + b"x" * 94 + b"\n", b"x" * 100, b"id: 1\n", b"{" * 100, b"{\n", b"data: a\n: b\n"]
)
def test_an_event_without_end_is_refused(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 10_000)
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for taken in range(10_000):  # noqa: B007  counted for below
            yield line

    with pytest.raises(InvalidResponse, match="10,000"):
        list(iter_frames(endless()))
    assert taken * len(line) < 30_000


def test_comments_without_end_are_so_many_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 100)
    assert list(iter_frames([b": comment\n"] * 1_000)) == [HEARTBEAT] * 1_000


def test_a_long_stream_of_short_events_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENT_BYTES", 100)
    assert len(read(b"data: 0123456789\n\n" * 1_000)) == 1_000


@pytest.mark.parametrize(
    ("data", "meant"),
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
def test_the_data_of_a_frame_as_an_object(data: str, meant: dict[str, int]) -> None:
    assert Frame("message", data).json() == meant


@pytest.mark.parametrize("data", ["{", '{"a":', '{"a":1}}', "{" * 100_000, '{"a":' * 100_000])
def test_an_object_that_breaks_off_is_a_cut(data: str) -> None:
    with pytest.raises(StreamInterrupted):
        Frame("message", data).json()
