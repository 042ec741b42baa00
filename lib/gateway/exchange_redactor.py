"""Redaction of the key from recorded attempts, whose bytes are as they were on the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate

from lib.core.errors import AnswerError
from lib.core.exchanges import HIDDEN_HEADER, KEY_PLACEHOLDER, Attempt, Chunk
from lib.core.refused_params import NO_MEMORY
from lib.core.target import Target
from lib.gateway.key_redactor import REDACTED, KeyRedactor, Spelling, key_spellings
from lib.gateway.repair import RequestRepair
from lib.gateway.replay import RecordedResponse
from lib.gateway.response_events import read_events

_MAX_DECODINGS = 4  # of escapes in escapes
_SEARCH_BYTES = 65_536  # of one search
_MAX_ESCAPED_LENGTH = 16  # of one character that is escaped once or twice
# A percent sign, also one that is encoded again, and JSON's escapes, also those of JSON within JSON.
_ESCAPE = re.compile(rb"(?:%(?:25)*|\\+u00)([0-9a-fA-F]{2})|\\+([/\"\\])")
_COOKIE_HEADERS = ("set-cookie", "set-cookie2")  # credentials, which no answer needs
_MIN_HIDDEN_LENGTH = 8  # characters of a value that is hidden also under another name
_EVENT_ENDS = (b"\n\n", b"\r\n\r\n")
Span = tuple[int, int]


class ExchangeRedactor:
    """Redactor for keys in what was sent and received, in the spellings of KeyRedactor, also with escapes of JSON.

    Bytes in which the key stays behind an escape that it cannot replace are left out altogether.
    """

    def __init__(self, *keys: str) -> None:
        self._spellings = [spelling for key in keys for spelling in key_spellings(key)]
        self._folded = [_literal(spelling) for spelling in self._spellings if _is_folded(spelling)]
        self._parts = [_longest_part(spelling) for spelling in self._spellings if not _is_folded(spelling)]
        self._escapes = (b"u00", b"/", *(char.encode() for char in '"\\' if char in "".join(keys)))
        self._margin = max(map(len, self._spellings), default=0) * _MAX_ESCAPED_LENGTH

    def redact(
        self, attempt: Attempt, target: Target, placeholders: Mapping[str, str], observer: KeyRedactor
    ) -> Attempt:
        """Return the attempt without the key.

        `placeholders` take the place of the values of these headers. `observer` has redacted the events of the
        response: a key that it has found, and that is still there, was split over several of them.
        """
        hidden_names = [name for name, value in placeholders.items() if value == HIDDEN_HEADER]
        attempt = _hide_response_headers(attempt, hidden_names)
        attempt = self._redact_request(_leave_gap(attempt, self._margin), placeholders)
        headers = self._redact_headers(attempt.response_headers, REDACTED)
        has_gap = attempt.omitted_before is not None
        position = attempt.omitted_before if attempt.omitted_before is not None else len(attempt.chunks)
        parts = [self._redact_chunks(part) for part in (attempt.chunks[:position], attempt.chunks[position:])]
        chunks = tuple(chunk for part in parts for chunk in part or ())
        redacted = replace(attempt, response_headers=headers, chunks=chunks)
        if None in parts:
            return _withhold(redacted)
        is_same = (redacted.response_headers, chunks) == (attempt.response_headers, attempt.chunks)
        if observer.has_redacted and (has_gap or is_same or _shows_key(redacted, target, observer.observe())):
            return _withhold(redacted)
        return redacted

    def _redact_request(self, attempt: Attempt, placeholders: Mapping[str, str]) -> Attempt:
        """Return the attempt with KEY_PLACEHOLDER in its request, which may hold what a user has pasted."""
        fixed = {name.lower(): value for name, value in placeholders.items()}
        headers = {name: fixed.get(name.lower(), value) for name, value in attempt.headers.items()}
        if not self._contains_any((attempt.url, attempt.body)):
            return replace(attempt, headers=self._redact_headers(headers, KEY_PLACEHOLDER))
        body = self._redact_text(attempt.body)
        return replace(
            attempt,
            url=self._redact_text(attempt.url) or "",
            headers=self._redact_headers(headers, KEY_PLACEHOLDER),
            body=body or "",
            omits_body=attempt.omits_body or body is None,
        )

    def _redact_headers(self, headers: Mapping[str, str], placeholder: str) -> Mapping[str, str]:
        if not self._contains_any((*headers, *headers.values())):
            return headers
        return {
            (self._redact_text(name, placeholder) or placeholder): (self._redact_text(value, placeholder) or "")
            for name, value in headers.items()
        }

    def _contains_any(self, texts: Iterable[str]) -> bool:
        return self._contains("\n".join(texts).encode("utf-8", "surrogatepass"))

    def _redact_text(self, text: str, placeholder: str = KEY_PLACEHOLDER) -> str | None:
        """Return a text without the key, None if it cannot be replaced."""
        chunks = self._redact_chunks([Chunk(0.0, text.encode("utf-8", "surrogatepass"))], placeholder)
        return chunks[0].data.decode("utf-8", "surrogatepass") if chunks else None

    def _redact_chunks(self, chunks: Sequence[Chunk], placeholder: str = REDACTED) -> Sequence[Chunk] | None:
        """Return chunks without the key, None if it cannot be replaced; those that do not have it stay the same."""
        if not self._contains_chunks(chunks):
            return chunks
        data = b"".join([chunk.data for chunk in chunks])
        spans = [match.span() for match in self._pattern.finditer(data)]
        replaced = _replace_spans(chunks, spans, placeholder.encode())
        return None if self._contains(b"".join(chunk.data for chunk in replaced)) else replaced

    def _contains_chunks(self, chunks: Sequence[Chunk]) -> bool:
        """Tell if the key is in the joined chunks. Parts that fit into a processor's cache are searched faster."""
        if not self._spellings:
            return False
        pieces, size = [], 0
        for chunk in chunks:
            pieces.append(chunk.data)
            size += len(chunk.data)
            if size >= _SEARCH_BYTES:
                data = b"".join(pieces)
                if self._contains(data):
                    return True
                pieces, size = [data[-self._margin :]], 0  # a key may begin in it
        return self._contains(b"".join(pieces))

    def _contains(self, data: bytes) -> bool:
        """Tell if the key is in the data, in any spelling. It has to be fast: nearly no response has the key."""
        if not self._spellings:
            return False
        for _ in range(_MAX_DECODINGS):
            if self._contains_unescaped(data):
                return True
            decoded = _ESCAPE.sub(_decode, data) if self._has_escape(data) else data
            if decoded == data:
                return False
            data = decoded
        return self._contains_unescaped(data)

    def _contains_unescaped(self, data: bytes) -> bool:
        has_part = any(part in data for part in self._parts)
        if has_part and self._pattern.search(data):
            return True
        folded = data.lower()
        return any(literal in folded for literal in self._folded)

    def _has_escape(self, data: bytes) -> bool:
        """Tell if characters of the key can be escaped. Single bytes are found much faster than several."""
        if b"%" in data:
            return True
        return b"\\" in data and any(piece.startswith(self._escapes) for piece in data.split(b"\\"))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(map(_spelling_pattern, self._spellings)))


def _is_folded(spelling: Spelling) -> bool:
    """Tell if the characters of a spelling may be in any case, as digits of hexadecimal."""
    return any(len(chars) > 1 and chars[0].isalnum() for chars in spelling)


def _literal(spelling: Spelling) -> bytes:
    return "".join(chars[0] for chars in spelling).encode()


def _longest_part(spelling: Spelling) -> bytes:
    """Return the longest part of a spelling that can be written in one way only."""
    text = "".join(chars if len(chars) == 1 else "\0" for chars in spelling)
    return max(text.split("\0"), key=len).encode()


def _shows_key(attempt: Attempt, target: Target, observer: KeyRedactor) -> bool:
    """Tell if the events of a recorded response have the key: in pieces, which no search in the bytes finds."""
    events = read_events(RecordedResponse(attempt, lambda _: True), RequestRepair(target, {}, NO_MEMORY), lambda: 0.0)
    try:
        for _ in observer.redact_events(events):
            pass
    except AnswerError as error:
        observer.redact_error(error)
    return observer.has_redacted


def _withhold(attempt: Attempt) -> Attempt:
    """Return an attempt without any byte of its response."""
    return replace(attempt, chunks=(), omitted_bytes=attempt.response_bytes, omitted_before=None, withholds_key=True)


def _hide_response_headers(attempt: Attempt, sent_names: Iterable[str]) -> Attempt:
    """Return the attempt without cookies, and without the values of hidden request headers that came back."""
    sent = {name.lower(): attempt.headers[name] for name in sent_names if name in attempt.headers}
    values = {value for value in sent.values() if len(value) >= _MIN_HIDDEN_LENGTH}
    hidden = {
        name: REDACTED if name.lower() in (*_COOKIE_HEADERS, *sent) or value in values else value
        for name, value in attempt.response_headers.items()
    }
    return replace(attempt, response_headers=hidden)


def _leave_gap(attempt: Attempt, margin: int) -> Attempt:
    """Return an attempt whose response is cut at whole events where bytes are missing, with space for a key there."""
    position = attempt.omitted_before
    if position is None:
        return attempt
    head, tail = attempt.chunks[:position], attempt.chunks[position:]
    head_size, tail_size = (sum(len(chunk.data) for chunk in part) for part in (head, tail))
    head_data, tail_data = (b"".join(chunk.data for chunk in part) for part in (head, tail))
    end = max(0, head_size - margin)
    end = max(
        (head_data.rfind(mark, 0, end) + len(mark) for mark in _EVENT_ENDS if mark in head_data[:end]), default=end
    )
    start = min(tail_size, margin)
    starts = [found + len(mark) for mark in _EVENT_ENDS if (found := tail_data.find(mark, start)) >= 0]
    start = min(starts, default=start)
    head, tail = _replace_spans(head, [(end, head_size)], b""), _replace_spans(tail, [(0, start)], b"")
    omitted = attempt.omitted_bytes + head_size - end + start
    return replace(attempt, chunks=(*head, *tail), omitted_bytes=omitted, omitted_before=len(head))


def _replace_spans(chunks: Sequence[Chunk], spans: Sequence[Span], placeholder: bytes) -> tuple[Chunk, ...]:
    """Replace parts of the joined data; what is left of each chunk keeps its offset, and empty ones are left out."""
    starts = accumulate((len(chunk.data) for chunk in chunks), initial=0)
    replaced = []
    for chunk, begin in zip(chunks, starts, strict=False):
        data, position, end = [], begin, begin + len(chunk.data)
        for first, last in spans:
            if last <= begin or first >= end:
                continue
            data.append(chunk.data[position - begin : max(0, first - begin)])
            data.append(placeholder if first >= begin else b"")
            position = min(last, end)
        data.append(chunk.data[position - begin :])
        if joined := b"".join(data):
            replaced.append(Chunk(chunk.offset, joined))
    return tuple(replaced)


def _decode(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else match[2]


def _spelling_pattern(spelling: Spelling) -> bytes:
    """Return a pattern of a spelling whose time grows with the length of the data, whatever that is.

    A run of backslashes is read as a whole, and from its start only. Only a key that has one itself needs every part.
    """
    is_greedy = any("\\" in chars for chars in spelling)
    first = _char_pattern(spelling[0], b"" if is_greedy else rb"(?<!\\)", is_greedy=is_greedy)
    return first + b"".join(_char_pattern(chars, is_greedy=is_greedy) for chars in spelling[1:])


def _char_pattern(chars: str, before: bytes = b"", *, is_greedy: bool = False) -> bytes:
    """Return a pattern of a character that may be escaped in a URL, in JSON, or in JSON within JSON.

    `before` stands before backslashes, and before the character itself.
    """
    codes = b"|".join(f"{ord(char):02x}".encode() for char in chars)
    plain = b"".join(re.escape(char.encode()) for char in chars)
    repeat = b"" if is_greedy else b"+"
    return rb"(?:%b\\*%b[%b]|(?i:%%(?:25)*|%b\\+%bu00)(?i:%b))" % (before, repeat, plain, before, repeat, codes)
