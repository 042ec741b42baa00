"""Server-sent events: bytes to frames with sseclient-py, and workarounds for its gaps."""

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

# Far above any real event (images arrive as about 3 MB of base64), so that an endless line cannot fill
# the memory.
MAX_EVENT_BYTES = 64 * 1024 * 1024

# Broken lines of bare JSON buffered until the end of a stream: number and size.
MAX_STRAY_LINES = 8
MAX_STRAY_LINE_BYTES = 64 * 1024

# sseclient-py copies an event's text for each of its lines, so a long event is passed in parts.
_MAX_LINES_PER_PART = 32

# The id of a part that continues in the next one. No stream can use it: an id with NUL is invalid.
_PARTIAL_EVENT_ID = "\0"

# The id of an event with bytes that were no UTF-8.
_DAMAGED_EVENT_ID = "\0!"

# Complete events of one data line each, as in nearly every chunk of nearly every gateway.
_SINGLE_LINE_EVENTS = re.compile(rb"(?:(?:(?:event|id):[^\n]*+\n){0,2}+data:[^\n]*+\n\n)++")

# Those without an id, as both wires send them, with the name and data of each. SSEClient would take as long for one as
# all that follows.
_USUAL_EVENT = r"(?:event: ([^\n]++)\n)?+data: ([^\n]++)\n\n"
_USUAL_EVENTS = re.compile(rf"(?:{_USUAL_EVENT})++".encode())
_find_usual_events = re.compile(_USUAL_EVENT).findall

# Lines that need no blank line after them: comments, and lines that look like complete JSON objects.
_STANDALONE_LINES = re.compile(rb"(?:\n|:[^\n]*+\n|\{[^\n]*+(?<=\})\n)++")

# A field with bytes around its name that no text has, such as a byte order mark or NUL, and such bytes before JSON.
_ODD_FIELD = re.compile(rb"^[^\w\n:{<]{0,16}(data|event)[^\w\n:]{0,16}:", re.MULTILINE)
_JUNK_BEFORE_JSON = re.compile(rb"^(?:\xef\xbb\xbf|\0)+(?=\{)", re.MULTILINE)

# A line of a page or of a sentence, and what is none of them: a field, also an unknown one.
_TEXT_LINE = re.compile(rb"\s*(?:<|[\x80-\xff]|[A-Za-z][^\n]*[ \x80-\xff])")
_FIELD_LINE = re.compile(rb"(?!(?i:error|fatal)\b)(?:[a-z][\w-]*\s*)?:")
MAX_STRAY_TEXT_BYTES = 20_000

_decode_json = json.JSONDecoder().raw_decode


class Frame(NamedTuple):
    """One event of a stream. `name` is "message" for an event without a name.

    `has_invalid_bytes` is set where bytes that are no UTF-8 were replaced: a part of the data is lost. `has_next` tells
    that the next event came with this one; it is no field, and counts for nothing where frames are compared.
    """

    name: str
    data: str
    has_invalid_bytes: bool = False

    @property
    def has_next(self) -> bool:
        return False

    def json(self) -> dict[str, Any]:
        """Parse the data as a JSON object, {} for other data. Raises StreamInterrupted if it is truncated."""
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
        return payload  # type: ignore[no-any-return]  # text that starts with a brace decodes to a dict


class _FollowedFrame(Frame):
    """An event whose next one came with it."""

    __slots__ = ()

    @property
    def has_next(self) -> bool:
        return True


# The name of the frame with the text that stood between the events, such as a proxy's page.
STRAY_TEXT_NAME = "stray text"

# A keep-alive without content. The name distinguishes it from an event with empty data.
HEARTBEAT = Frame("comment", "")
_HEARTBEAT_BYTES = b"event: comment\ndata\n\n"


def iter_frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Frames of an event stream, each as soon as its last byte has arrived.

    An event cut off by the end of the stream is yielded too, since some servers end on their error
    without a line end; a truncated one is recognized by its broken JSON. A line of bare JSON, which
    gateways insert when they can no longer change the status, is yielded as an event: in its place if it
    is complete, else at the end. A comment, a blank line and an event without data yield HEARTBEAT.
    Raises InvalidResponse for an event of more than MAX_EVENT_BYTES.
    """
    parts: list[str] = []
    for chunk in _normalize_chunks(chunks):
        if not parts and _USUAL_EVENTS.fullmatch(chunk):
            yield from _read_usual_events(chunk)
            continue
        previous: tuple[str, str, bool] | None = None
        for event in sseclient.SSEClient(iter((chunk,))).events():
            if event.id == _PARTIAL_EVENT_ID:
                parts.append(event.data)
                continue
            if previous:
                yield _FollowedFrame(*previous)
            data = "\n".join((*parts, event.data)) if parts else event.data
            parts.clear()
            previous = event.event, data, event.id == _DAMAGED_EVENT_ID
        if previous:
            yield Frame(*previous)


def _read_usual_events(chunk: bytes) -> Iterator[Frame]:
    *followed, (last_name, last_data) = _find_usual_events(chunk.decode())
    for name, data in followed:
        yield _FollowedFrame(name or "message", data)
    yield Frame(last_name or "message", last_data)


def _normalize_chunks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Input for SSEClient: complete events in valid UTF-8, with LF as the only line end.

    Works around sseclient-py 1.9, in which a byte order mark hides the first event, one invalid byte
    ends the stream, mixed line ends merge events, and an event in many chunks or lines takes quadratic
    time. A chunk of complete events without any of this is passed on unchanged.
    """
    strays, buffer = _Strays(), bytearray()
    ends_with_cr = has_line_end = False
    for chunk in _strip_bom(chunks):
        if not buffer and _is_well_formed(chunk):
            yield chunk
            continue
        start = len(buffer)
        text = chunk.removeprefix(b"\n") if ends_with_cr else chunk
        buffer += text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        ends_with_cr = chunk.endswith(b"\r") if chunk else ends_with_cr
        if end := _find_last_event_end(buffer, start, has_line_end):
            yield from _repair_events(bytes(buffer[:end]), strays)
            del buffer[:end]
            start = 0
        has_line_end = (has_line_end and start > 0) or buffer.find(b"\n", start) >= 0
        if len(buffer) > MAX_EVENT_BYTES:
            raise InvalidResponse(f"one event of the stream is longer than {MAX_EVENT_BYTES:,} bytes")
    if buffer:
        yield from _repair_events(bytes(buffer), strays)
    for line in strays.lines:
        yield _format_data_event(line)
    if text := bytes(strays.text).strip():
        yield b"event: %s\n" % STRAY_TEXT_NAME.encode() + _format_data_event(text)


class _Strays:
    """Broken lines of bare JSON, and text, that stood between the events of a stream."""

    def __init__(self) -> None:
        self.lines: deque[bytes] = deque(maxlen=MAX_STRAY_LINES)
        self.text = bytearray()

    def add_text(self, block: bytes) -> None:
        """Add the lines of a block that are text."""
        for line in block.split(b"\n"):
            is_text = self.text.startswith(b"<") or _TEXT_LINE.match(line)
            if is_text and not _FIELD_LINE.match(line) and len(self.text) < MAX_STRAY_TEXT_BYTES:
                self.text += line[:MAX_STRAY_TEXT_BYTES] + b"\n"


def _is_well_formed(chunk: bytes) -> bool:
    """Return True if SSEClient reads the chunk correctly; 13 is CR, and bytes find an integer fastest."""
    return bool(_SINGLE_LINE_EVENTS.fullmatch(chunk)) and 13 not in chunk and (chunk.isascii() or _is_utf8(chunk))


def _strip_bom(chunks: Iterable[bytes]) -> Iterator[bytes]:
    remaining = iter(chunks)
    start = b""
    for chunk in remaining:
        start += chunk
        if len(start) >= len(BOM_UTF8) or not BOM_UTF8.startswith(start):
            break
    return itertools.chain((start.removeprefix(BOM_UTF8),), remaining)


def _find_last_event_end(buffer: bytearray, start: int, has_line_end: bool) -> int:
    """Offset after the last complete event in `buffer`, 0 without one; before `start` there is none.

    `has_line_end` is true if a line ends before `start`: searching for it each time would be quadratic.
    """
    last_blank = buffer.rfind(b"\n\n", max(0, start - 1))
    end = last_blank + 2 if last_blank >= 0 else 0
    if not end and (has_line_end or buffer.find(b"\n", start) < 0):
        return 0  # no line ends here, or a previous line is still part of the event
    standalone = _STANDALONE_LINES.match(buffer, end)
    return standalone.end() if standalone else end


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repair_events(text: bytes, strays: _Strays) -> Iterator[bytes]:
    """Complete events one by one, as SSEClient reads them; what is none is added to `strays`."""
    if _is_well_formed(text):
        yield text
        return
    blocks = [block for block in text.split(b"\n\n") if block.strip(b"\n")]
    for block in blocks:
        if _is_utf8(block):
            yield from _repair_event(block, strays)
        else:
            replaced = block.decode("utf-8", "replace").encode()
            yield from map(_mark_damaged, _repair_event(replaced, strays))
    if not blocks:
        yield _HEARTBEAT_BYTES


def _repair_event(block: bytes, strays: _Strays) -> Iterator[bytes]:
    block = _JUNK_BEFORE_JSON.sub(b"", _ODD_FIELD.sub(rb"\1:", block))
    if block.startswith(b"{") or b"\n{" in block:
        yield from _extract_bare_json(block.strip(b"\n"), strays)
    else:
        strays.add_text(block)
        yield from _split_long_event(block)


def _mark_damaged(event: bytes) -> bytes:
    """Set the id of an event; of one in parts, only the last part has it."""
    is_partial = event.startswith(b"id:" + _PARTIAL_EVENT_ID.encode() + b"\n")
    return (
        event if is_partial or event == _HEARTBEAT_BYTES else event[:-1] + b"id:" + _DAMAGED_EVENT_ID.encode() + b"\n\n"
    )


def _split_long_event(block: bytes) -> Iterator[bytes]:
    """Return the event in parts of at most _MAX_LINES_PER_PART data lines."""
    if not block.startswith(b"data") and b"\ndata" not in block:
        yield _HEARTBEAT_BYTES
    elif block.count(b"\n") < _MAX_LINES_PER_PART:
        yield block + b"\n\n"
    else:
        lines = block.split(b"\n")
        data = [line for line in lines if _is_field(line, b"data")]
        name = next((line for line in reversed(lines) if _is_field(line, b"event")), b"event")
        for start in range(0, len(data), _MAX_LINES_PER_PART):
            end = start + _MAX_LINES_PER_PART
            part_id = b"id:" + (_PARTIAL_EVENT_ID.encode() if end < len(data) else b"")
            yield b"\n".join((part_id, name, *data[start:end])) + b"\n\n"


def _is_field(line: bytes, name: bytes) -> bool:
    return line == name or line.startswith(name + b":")


def _extract_bare_json(block: bytes, strays: _Strays) -> Iterator[bytes]:
    """Bare JSON objects of a block and the event of its other lines, independent of the chunking."""
    standalone = _STANDALONE_LINES.match(block + b"\n")
    end = standalone.end() if standalone else 0
    for line in block[:end].split(b"\n"):
        yield from _separate_json_lines([line], strays)
    remaining = block[end:]
    if remaining and _find_object_end(remaining) == len(remaining):
        yield _format_data_event(remaining)
    elif remaining:
        yield from _separate_json_lines(remaining.split(b"\n"), strays)


def _separate_json_lines(lines: list[bytes], strays: _Strays) -> Iterator[bytes]:
    """Return the event of these lines, with the JSON objects among them before or after it."""
    event: list[bytes] = []
    objects_after: list[bytes] = []
    for line in lines:
        end = _find_object_end(line)
        if end and event:
            objects_after.append(line[:end])
        elif end:
            yield _format_data_event(line[:end])
        elif line.startswith(b"{") and len(line) <= MAX_STRAY_LINE_BYTES:
            strays.lines.append(line)
        if remaining := line[end:].lstrip():
            event.append(remaining)
    if event:
        strays.add_text(b"\n".join(event))
        yield from _split_long_event(b"\n".join(event))
    for json_object in objects_after:
        yield _format_data_event(json_object)


def _find_object_end(text: bytes) -> int:
    """Offset after the JSON object at the start of `text`; 0 without one."""
    if not text.startswith(b"{"):
        return 0
    decoded = text.decode()
    try:
        return len(decoded[: _decode_json(decoded)[1]].encode())
    except (ValueError, RecursionError):
        return 0


def _format_data_event(text: bytes) -> bytes:
    return b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"
