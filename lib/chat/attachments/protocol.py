"""Messages between the program and its reading process: a JSON header and binary parts.

No pickle: a file that takes over the reading process must not gain anything by what that process answers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

_HEADER_SIZE = struct.Struct(">I")
_MAX_HEADER = 256 * 1024
# Stands before each request, so that the process can wait for one without reading it.
REQUEST_MARK = b"\x01"


class ProtocolError(Exception):
    """Bytes that are no message, or a message above its limit."""


@dataclass(frozen=True)
class Message:
    """A header of plain JSON values, and the binary parts that belong to it."""

    header: dict[str, Any]
    parts: tuple[bytes, ...] = ()


def pack(header: dict[str, Any], parts: Sequence[bytes] = ()) -> list[bytes]:
    """Return the buffers of a message, without a copy of its parts."""
    text = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    return [_HEADER_SIZE.pack(len(text)) + text, *parts]


def read(stream: BinaryIO) -> Message:
    """Return the next message of a blocking stream. Raises ProtocolError at its end."""
    header = _parse_header(_read_exactly(stream, *_HEADER_SIZE.unpack(_read_exactly(stream, _HEADER_SIZE.size))))
    return Message(header, tuple(_read_exactly(stream, size) for size in header["parts"]))


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ProtocolError("the stream ended")
    return data


def _parse_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError:
        raise ProtocolError("no JSON") from None
    sizes = header.get("parts") if isinstance(header, dict) else None
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ProtocolError("no sizes")
    return {str(key): value for key, value in header.items()}


class MessageParser:
    """Messages from bytes that arrive in any pieces; together they may have `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._remaining_bytes = max_bytes
        self._buffer = bytearray()
        self._header: dict[str, Any] | None = None
        self._position = 0

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that these bytes complete. Raises ProtocolError."""
        self._remaining_bytes -= len(data)
        if self._remaining_bytes < 0:
            raise ProtocolError("too many bytes")
        self._buffer += data
        messages = []
        while message := self._next():
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        if self._header is None:
            if len(self._buffer) < _HEADER_SIZE.size:
                return None
            (size,) = _HEADER_SIZE.unpack_from(self._buffer)
            if size > _MAX_HEADER:
                raise ProtocolError("no size")
            if len(self._buffer) < _HEADER_SIZE.size + size:
                return None
            self._position = _HEADER_SIZE.size + size
            self._header = _parse_header(bytes(self._buffer[_HEADER_SIZE.size : self._position]))
        sizes = self._header["parts"]
        end = self._position + sum(sizes)
        if end > len(self._buffer) + self._remaining_bytes:
            raise ProtocolError("too many bytes")
        if len(self._buffer) < end:
            return None
        parts, position = [], self._position
        for size in sizes:
            parts.append(bytes(self._buffer[position : position + size]))
            position += size
        message = Message(self._header, tuple(parts))
        del self._buffer[:end]
        self._header = None
        return message
