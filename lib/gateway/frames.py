"""Bytes to SSE frames: sseclient-py, and the gaps it leaves closed around it."""

from __future__ import annotations

import codecs
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sseclient

from lib.core.errors import Cut, Unreadable

# Far above any event that a gateway sends (pictures come as about 3 MB of base64); a stream that
# never ends its line must not fill the memory.
MAX_EVENT = 64 * 1024 * 1024

# Bare JSON lines kept for the end of a stream: the last of them tells why it ended.
MAX_STRAY = 8


@dataclass(frozen=True)
class Frame:
    """One event of a stream. `name` is "message" where the stream gave none."""

    name: str
    data: str

    def json(self) -> dict[str, Any]:
        """The data as an object, {} where it is none at all. Raises Cut where an object breaks off."""
        if not self.data.lstrip().startswith("{"):
            return {}
        try:
            payload = json.loads(self.data)
        except (ValueError, RecursionError):
            raise Cut from None
        return payload if isinstance(payload, dict) else {}


def inner(payload: dict[str, Any], key: str) -> dict[str, Any]:
    """The object inside `payload` under that key; {} where there is none, or something else."""
    value = payload.get(key)
    return value if isinstance(value, dict) else {}


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The frames of an event stream, each as soon as its last byte is there.

    An event that the end of the stream cuts off is handed out too, for some servers end on their
    error without a newline; whoever reads it finds broken JSON if it was not whole. So is a line of
    bare JSON, which a gateway leaves in a stream when it can no longer change the status.
    Raises Unreadable for an event of more than MAX_EVENT characters.
    """
    stray: deque[str] = deque(maxlen=MAX_STRAY)
    for event in sseclient.SSEClient(_blocks(chunks, stray)).events():
        yield Frame(event.event, event.data)
    for line in stray:
        yield Frame("message", line)


def _blocks(chunks: Iterable[bytes], stray: deque[str]) -> Iterator[bytes]:
    """What SSEClient reads from: whole events, in clean UTF-8 with LF as the only line end.

    Closes what sseclient-py 1.9 leaves open: a byte order mark hides the first event, one bad byte
    kills the stream, mixed line ends merge events, and an event in many pieces costs quadratic time.
    """
    lines: list[str] = []
    size = 0
    for line in _lines(_text(chunks)):
        size += len(line)
        _check(size)
        if line.startswith("{"):
            stray.append(line)
        if line:
            lines.append(line)
        elif lines:
            yield _block(lines)
            lines, size = [], 0
    if lines:
        yield _block(lines)


def _check(size: int) -> None:
    if size > MAX_EVENT:
        raise Unreadable(f"one event of the stream is longer than {MAX_EVENT:,} characters")


def _block(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def _text(chunks: Iterable[bytes]) -> Iterator[str]:
    """The decoded text: letters cut by a chunk's end joined, bad bytes replaced, one BOM dropped."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
    if rest := decoder.decode(b"", final=True):
        yield rest


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines without their ends, by CRLF, LF or CR; the last one too where no end came."""
    pieces: list[str] = []
    size = 0
    after_cr = False
    for text in texts:
        rest = text.removeprefix("\n") if after_cr else text
        after_cr = text.endswith("\r")
        *done, rest = rest.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in done:
            yield "".join((*pieces, line))
            pieces.clear()
            size = 0
        if rest:
            pieces.append(rest)
            size += len(rest)
            _check(size)
    if pieces:
        yield "".join(pieces)
