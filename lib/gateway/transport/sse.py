"""Bytes to SSE frames: sseclient-py, and the gaps it leaves closed around it."""

from __future__ import annotations

import itertools
import json
import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sseclient

from lib.core.errors import InvalidResponse, StreamInterrupted

# Far above any event that a gateway sends (pictures come as about 3 MB of base64); a stream that
# never ends its line must not fill the memory.
MAX_EVENT_BYTES = 64 * 1024 * 1024

# Broken lines of bare JSON kept for the end of a stream: how many, and how long they may be.
MAX_STRAY_LINES = 8
MAX_STRAY_LINE_BYTES = 64 * 1024

# sseclient-py copies an event's text with every line of it, so it gets no more lines at once.
_MAX_LINES_PER_PART = 32

# The id of a part that goes on in the next one; no stream has it, for an id with a NUL is void.
_PARTIAL_EVENT_ID = "\0"

# Whole events of one data line each, as nearly every chunk of nearly every gateway is.
_SINGLE_LINE_EVENTS = re.compile(rb"(?:(?:(?:event|id):[^\n]*+\n){0,2}+data:[^\n]*+\n\n)++")

# Lines that end where their line ends, without a blank one: comments, and what looks like whole JSON.
_STANDALONE_LINES = re.compile(rb"(?:\n|:[^\n]*+\n|\{[^\n]*+(?<=\})\n)++")

_decode_json = json.JSONDecoder().raw_decode


class Frame(NamedTuple):
    """One event of a stream. `name` is "message" where the stream gave none."""

    name: str
    data: str

    def json(self) -> dict[str, Any]:
        """The data as an object, {} where it is none at all. Raises Cut where an object breaks off."""
        data = self.data
        if not data.startswith("{"):
            data = data.lstrip()
            if not data.startswith("{"):
                return {}
        try:
            payload, end = _decode_json(data)
        except (ValueError, RecursionError):
            raise StreamInterrupted from None
        if end != len(data) and data[end:].strip():
            raise StreamInterrupted
        return payload  # type: ignore[no-any-return]  # what begins with a brace is a dict


# A sign of life that says nothing else. It is `name` that tells it from an event: data can be empty too.
HEARTBEAT = Frame("comment", "")
_HEARTBEAT_BYTES = b"event: comment\ndata\n\n"


def get_object(payload: dict[str, Any], key: str) -> dict[str, Any]:
    """The object inside `payload` under that key; {} where there is none, or something else."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def iter_frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The frames of an event stream, each as soon as its last byte is there.

    An event that the end of the stream cuts off is handed out too, for some servers end on their
    error without a newline; whoever reads it finds broken JSON if it was not whole. So is a line of
    bare JSON, which a gateway leaves in a stream when it can no longer change the status: in its
    place where it is whole, else at the end. What comes without any event (a comment, a blank line,
    an event without data) is a BEAT.
    Raises Unreadable for an event of more than MAX_EVENT bytes.
    """
    parts: list[str] = []
    for event in sseclient.SSEClient(_normalize_chunks(chunks)).events():
        if event.id == _PARTIAL_EVENT_ID:
            parts.append(event.data)
        elif parts:
            yield Frame(event.event, "\n".join((*parts, event.data)))
            parts.clear()
        else:
            yield Frame(event.event, event.data)


def _normalize_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What SSEClient reads from: whole events, in clean UTF-8 with LF as the only line end.

    Closes what sseclient-py 1.9 leaves open: a byte order mark hides the first event, one bad byte
    kills the stream, mixed line ends merge events, and an event in many pieces or of many lines
    costs quadratic time. A chunk that holds whole events and none of this is handed on as it is.
    """
    stray: deque[bytes] = deque(maxlen=MAX_STRAY_LINES)
    held = bytearray()
    after_cr = lined = False
    for chunk in _strip_bom(chunks):
        if not held and _is_well_formed(chunk):
            yield chunk
            continue
        before = len(held)
        text = chunk.removeprefix(b"\n") if after_cr else chunk
        held += text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        after_cr = chunk.endswith(b"\r") if chunk else after_cr
        if end := _find_last_event_end(held, before, lined):
            yield from _repair_events(bytes(held[:end]), stray)
            del held[:end]
            before = 0
        lined = (lined and before > 0) or held.find(b"\n", before) >= 0
        if len(held) > MAX_EVENT_BYTES:
            raise InvalidResponse(f"one event of the stream is longer than {MAX_EVENT_BYTES:,} bytes")
    if held:
        yield from _repair_events(bytes(held), stray)
    for line in stray:
        yield _format_data_event(line)


def _is_well_formed(chunk: bytes) -> bool:
    """Whether SSEClient may read this as it is; 13 is a CR, and as a number it is looked for fastest."""
    return (
        bool(_SINGLE_LINE_EVENTS.fullmatch(chunk))
        and 13 not in chunk
        and (chunk.isascii() or _is_utf8(chunk))
    )


def _strip_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = iter(chunks)
    start = b""
    for chunk in rest:
        start += chunk
        if len(start) >= len(BOM_UTF8) or not BOM_UTF8.startswith(start):
            break
    return itertools.chain((start.removeprefix(BOM_UTF8),), rest)


def _find_last_event_end(buffer: bytearray, start: int, has_line_end: bool) -> int:
    """Where the last whole event in `held` ends, 0 without one; what stands before `new` has none.

    `lined` tells whether a line ends before `new`: looking for it each time would cost a square.
    """
    last = buffer.rfind(b"\n\n", max(0, start - 1))
    end = last + 2 if last >= 0 else 0
    if not end and (has_line_end or buffer.find(b"\n", start) < 0):
        return 0  # no line ends here, or not the first one
    alone = _STANDALONE_LINES.match(buffer, end)
    return alone.end() if alone else end


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repair_events(text: bytes, stray_lines: deque[bytes]) -> Iterator[bytes]:
    """Whole events as SSEClient may read them, each on its own; broken bare JSON goes to `stray`."""
    if _is_well_formed(text):
        yield text
        return
    if not _is_utf8(text):
        text = text.decode("utf-8", "replace").encode()
    blocks = [block for block in text.split(b"\n\n") if block.strip(b"\n")]
    for block in blocks:
        if block.startswith(b"{") or b"\n{" in block:
            yield from _extract_bare_json(block.strip(b"\n"), stray_lines)
        else:
            yield from _split_long_event(block)
    if not blocks:
        yield _HEARTBEAT_BYTES


def _split_long_event(block: bytes) -> Iterator[bytes]:
    """One event, in parts where it has many lines."""
    if not block.startswith(b"data") and b"\ndata" not in block:
        yield _HEARTBEAT_BYTES
    elif block.count(b"\n") < _MAX_LINES_PER_PART:
        yield block + b"\n\n"
    else:
        lines = block.split(b"\n")
        data = [line for line in lines if _is_field(line, b"data")]
        name = next((line for line in reversed(lines) if _is_field(line, b"event")), b"event")
        for at in range(0, len(data), _MAX_LINES_PER_PART):
            mark = b"id:" + (_PARTIAL_EVENT_ID.encode() if at + _MAX_LINES_PER_PART < len(data) else b"")
            yield b"\n".join((mark, name, *data[at : at + _MAX_LINES_PER_PART])) + b"\n\n"


def _is_field(line: bytes, name: bytes) -> bool:
    return line == name or line.startswith(name + b":")


def _extract_bare_json(block: bytes, stray_lines: deque[bytes]) -> Iterator[bytes]:
    """The bare JSON of a block and the event that its other lines make up, however it was cut before."""
    alone = _STANDALONE_LINES.match(block + b"\n")
    start = alone.end() if alone else 0
    for line in block[:start].split(b"\n"):
        yield from _separate_json_lines([line], stray_lines)
    rest = block[start:]
    if rest and _find_object_end(rest) == len(rest):
        yield _format_data_event(rest)
    elif rest:
        yield from _separate_json_lines(rest.split(b"\n"), stray_lines)


def _separate_json_lines(lines: list[bytes], stray_lines: deque[bytes]) -> Iterator[bytes]:
    """The event of these lines, with the JSON objects among them before or after it."""
    event: list[bytes] = []
    later: list[bytes] = []
    for line in lines:
        end = _find_object_end(line)
        if end and event:
            later.append(line[:end])
        elif end:
            yield _format_data_event(line[:end])
        elif line.startswith(b"{") and len(line) <= MAX_STRAY_LINE_BYTES:
            stray_lines.append(line)
        if rest := line[end:].lstrip():
            event.append(rest)
    if event:
        yield from _split_long_event(b"\n".join(event))
    for line in later:
        yield _format_data_event(line)


def _find_object_end(text: bytes) -> int:
    """Where the JSON object ends that `text` begins with; 0 without one."""
    if not text.startswith(b"{"):
        return 0
    letters = text.decode()
    try:
        return len(letters[: _decode_json(letters)[1]].encode())
    except (ValueError, RecursionError):
        return 0


def _format_data_event(text: bytes) -> bytes:
    return b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
