"""Response bodies: event streams, single JSON objects, and the visible text of error pages."""

from __future__ import annotations

import contextlib
import itertools
import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from lib.core.errors import InvalidResponse
from lib.gateway.transport.sse import Frame, iter_frames

MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_TEXT_LENGTH = 2_000
_MAX_HTML_LENGTH = 20_000
_MAX_PLAIN_TEXT_BYTES = 20_000
_HIDDEN_TAGS = {"script", "style", "head", "title"}
# The name of a frame that is the whole body.
BODY_FRAME_NAME = "body"
_FIELDS_OF_STREAMS = ("data", "event", "id", "retry")
# A body that starts with more whitespace than this is read as a stream.
_MAX_LEADING_WHITESPACE = 4096


def read_frames(chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Frames of a response body, which is an event stream, a single JSON object or array, or plain text.

    The first byte decides, not the content type: gateways send streams as JSON and JSON as streams. An object, an array
    or a text that is the whole body is one frame with the name BODY_FRAME_NAME.
    Raises InvalidResponse for HTML, and a body of more than MAX_BODY_BYTES.
    """
    start = b""
    for chunk in chunks:
        start += chunk
        head = start.removeprefix(BOM_UTF8).lstrip()
        if (head and not BOM_UTF8.startswith(start)) or len(start) > _MAX_LEADING_WHITESPACE:
            break
    else:
        return
    if head.startswith(b"{"):
        yield from _read_object(_read_all(start, chunks))
    elif head.startswith(b"["):
        yield Frame(BODY_FRAME_NAME, _decode(_read_all(start, chunks)).strip())
    elif head.startswith(b"<"):
        raise InvalidResponse(visible_text(_decode(_read_all(start, chunks))))
    else:
        yield from _read_stream(start, chunks)


def _read_stream(start: bytes, chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Frames of an event stream; of a body without any line of one, its text."""
    if _starts_stream(start):
        yield from iter_frames(itertools.chain((start,), chunks))
        return
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > _MAX_PLAIN_TEXT_BYTES or _starts_stream(bytes(body)):
            yield from iter_frames(itertools.chain((bytes(body),), chunks))
            return
    text = _decode(bytes(body)).strip()
    if any(name.startswith(text) for name in _FIELDS_OF_STREAMS):
        yield from iter_frames([bytes(body)])  # a stream that was cut in its first word
    else:
        yield Frame(BODY_FRAME_NAME, text)


def _starts_stream(start: bytes) -> bool:
    """Return True if a line of the text is a field of an event, or a bare JSON object."""
    lines = _decode(start).splitlines()
    return any(line.lstrip().startswith(("{", ":")) or line.partition(":")[0] in _FIELDS_OF_STREAMS for line in lines)


def visible_text(body: str) -> str:
    """Text of a body that is not JSON, on one line and truncated; of an HTML page the visible text."""
    if "<" in body:
        parser = _VisibleTextParser()
        with contextlib.suppress(AssertionError):  # raised for malformed declarations
            parser.feed(body[:_MAX_HTML_LENGTH])
        body = " ".join(parser.texts)
    return truncate(" ".join(body.split()))


def truncate(text: str) -> str:
    """`text` cut to the length at which an error message is still readable."""
    return text if len(text) <= _MAX_TEXT_LENGTH else text[:_MAX_TEXT_LENGTH] + " …"


def _read_object(body: bytes) -> Iterator[Frame]:
    text = _decode(body)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        # A stream that starts with bare JSON, or a truncated object.
        yield from iter_frames([body])
    else:
        yield Frame(BODY_FRAME_NAME, text.strip(), has_invalid_bytes="\ufffd" in text and not _is_utf8(body))


def _read_all(start: bytes, chunks: Iterator[bytes]) -> bytes:
    body = bytearray(start)
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidResponse(f"an answer of more than {MAX_BODY_BYTES:,} bytes")
    return bytes(body)


def _decode(body: bytes) -> str:
    return body.decode("utf-8-sig", "replace")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class _VisibleTextParser(HTMLParser):
    """Collects the text of a page that a browser would display."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden_depth = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        # HTML allows a head without an end tag.
        self._hidden_depth = 0 if tag == "body" else self._hidden_depth + (tag in _HIDDEN_TAGS)

    def handle_endtag(self, tag: str) -> None:
        self._hidden_depth = max(0, self._hidden_depth - (tag in _HIDDEN_TAGS))

    def handle_data(self, data: str) -> None:
        if not self._hidden_depth:
            self.texts.append(data)
