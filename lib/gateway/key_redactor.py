"""Redaction of the key from everything that a gateway sends, also where it is split over two deltas."""

from __future__ import annotations

import copy
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, SignatureDelta, TextDelta, TextWasThinking, ThinkingDelta

REDACTED = "…"
MIN_KEY_LENGTH = 4  # characters: a shorter one is no secret, and part of every text
_MAX_ESCAPES = 3  # of a percent sign that was encoded again and again: %2573
_URL_SAFE = {"+": "+-", "/": "/_"}  # both alphabets of base64, RFC 4648
_STREAMED = (TextDelta, ThinkingDelta, SignatureDelta)
Streamed = TextDelta | ThinkingDelta | SignatureDelta
T = TypeVar("T")

# A spelling of the key: for each position the characters that are possible there.
Spelling = tuple[str, ...]


def key_spellings(key: str) -> list[Spelling]:
    """Return the key as it is, in base64 at each of three alignments, and in hexadecimal.

    Inside a longer text that was encoded, base64 depends on the position. Characters that hold bits of its
    neighbours are left out. A key that is too short for a secret has none.
    """
    key = key.strip()
    if len(key) < MIN_KEY_LENGTH:
        return []
    data = key.encode("utf-8", "surrogatepass")
    spellings: list[Spelling] = [tuple(key), tuple(digit + digit.upper() for digit in data.hex())]
    for offset in range(3):
        encoded = b64encode(b"\0" * offset + data).decode().rstrip("=")
        first = (offset * 8 + 5) // 6
        last = (offset + len(data)) * 8 // 6
        spellings.append(tuple(_URL_SAFE.get(char, char) for char in encoded[first:last]))
    return [spelling for spelling in spellings if len(spelling) >= MIN_KEY_LENGTH]


class KeyRedactor:
    """Redactor for keys: plain, in base64 or hexadecimal, each also percent-encoded as a whole or in part.

    `has_redacted` is set once it has found one.
    """

    def __init__(self, *keys: str) -> None:
        self.has_redacted = False
        self._spellings = [spelling for key in keys for spelling in key_spellings(key)]
        patterns = ("".join(map(_char_pattern, spelling)) for spelling in self._spellings)
        self._pattern = re.compile("|".join(patterns)) if self._spellings else None
        self._starts = [start for spelling in self._spellings for start in _literal_starts(spelling, 3)]
        self._ends = tuple({end for s in self._spellings for n in (1, 2) for end in _literal_starts(s, n)})
        self._max_length = max(map(len, self._spellings), default=0) * (3 + 2 * _MAX_ESCAPES)

    def observe(self) -> KeyRedactor:
        """Return a redactor for the same keys that has found nothing yet."""
        view = copy.copy(self)
        view.has_redacted = False
        return view

    def redact(self, text: str) -> str:
        """Return the text with every spelling of the key replaced."""
        if not self._pattern or not self._may_contain(text):
            return text
        redacted, count = self._pattern.subn(REDACTED, text)
        self.has_redacted |= bool(count)
        return redacted

    def redact_value(self, value: T) -> T:
        """Return a value with the key replaced in all texts: in events, lists, and names and values of objects."""
        redacted: T = self._redact_any(value) if self._pattern else value
        return redacted

    def redact_error(self, error: AnswerError) -> AnswerError:
        """Replace the key in all texts of an error. Returns the error itself."""
        for name, value in list(vars(error).items()):
            setattr(error, name, self.redact_value(value))
        error.args = self.redact_value(error.args)
        return error

    def redact_events(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of an answer without the key.

        A delta that ends like the key begins is held back until more arrives, by at most the length of a
        spelling; also at a finish reason, which some gateways send with every chunk.
        """
        if not self._pattern:
            yield from events
            return
        held: dict[tuple[type, int], list[Streamed]] = {}
        try:
            for event in events:
                if isinstance(event, _STREAMED):
                    pieces = held.get((type(event), event.choice))
                    if pieces or self._may_contain(_text(event)) or _text(event).endswith(self._ends):
                        key = type(event), event.choice
                        released, held[key] = self._split([*(pieces or ()), event])
                        yield from released
                    else:
                        yield event
                    continue
                if isinstance(event, Restart):
                    held.clear()
                elif isinstance(event, TextWasThinking):
                    yield from _release(held)
                yield self.redact_value(event)
        except AnswerError:
            yield from _release(held)
            raise
        yield from _release(held)

    def _split(self, pieces: list[Streamed]) -> tuple[list[Streamed], list[Streamed]]:
        """Return the deltas that can go on, redacted, and those that may be the start of the key."""
        text = "".join(map(_text, pieces))
        redacted = self.redact(text)
        if redacted != text:
            # The key may lie in several blocks: what is left of them goes to the last one.
            pieces, text = [_with_text(pieces[-1], redacted)], redacted
        start, released, held = self._find_partial(text), [], []
        for piece in pieces:
            length = len(_text(piece))
            if before := _text(piece)[: max(start, 0)]:
                released.append(_with_text(piece, before))
            if after := _text(piece)[max(start, 0) :]:
                held.append(_with_text(piece, after))
            start -= length
        return _merge(released), held

    def _find_partial(self, text: str) -> int:
        """Return the position at which a spelling starts that the text does not end, else its length."""
        for position in range(max(0, len(text) - self._max_length), len(text)):
            if any(_is_partial(spelling, text, position) for spelling in self._spellings):
                return position
        return len(text)

    def _may_contain(self, text: str) -> bool:
        """Tell if a search is worth its time; nearly all deltas are short and have no such start."""
        return "%" in text or any(start in text for start in self._starts)

    def _redact_any(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self._redact_any(name): self._redact_any(item) for name, item in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(map(self._redact_any, value))
        if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
            items = {field.name: getattr(value, field.name) for field in fields(value)}
            changed = {name: new for name, item in items.items() if (new := self._redact_any(item)) != item}
            return replace(value, **changed) if changed else value
        return value


def _char_pattern(chars: str) -> str:
    encoded = "|".join(f"{code[0]}{code[1]}" for code in map(_hex_pattern, chars))
    return f"(?:[{re.escape(chars)}]|%(?:25){{0,{_MAX_ESCAPES}}}(?:{encoded}))"


def _hex_pattern(char: str) -> tuple[str, str]:
    """Return patterns of the two digits of a character's code. Characters beyond ASCII are not in a key."""
    high, low = divmod(ord(char) & 0xFF, 16)
    return f"[{high:x}{high:X}]", f"[{low:x}{low:X}]"


def _literal_starts(spelling: Spelling, length: int) -> list[str]:
    starts = [""]
    for chars in spelling[:length]:
        starts = [start + char for start in starts for char in dict.fromkeys(chars)]
    return starts


def _is_partial(spelling: Spelling, text: str, position: int) -> bool:
    """Tell if the text from a position to its end is the start of a spelling, and not all of it."""
    for chars in spelling:
        if position >= len(text):
            return True
        if text[position] in chars:  # no key has a percent sign
            position += 1
            continue
        if text[position] != "%":
            return False
        position += 1
        while text[position : position + 2] == "25":
            position += 2
        code = text[position : position + 2].lower()
        if len(code) < 2:
            return code in ("", "2") or any(f"{ord(char) & 0xFF:02x}"[0] == code for char in chars)
        if all(f"{ord(char) & 0xFF:02x}" != code for char in chars):
            return False
        position += 2
    return False


def _text(event: Streamed) -> str:
    return event.signature if isinstance(event, SignatureDelta) else event.text


def _with_text(event: Streamed, text: str) -> Streamed:
    return replace(event, signature=text) if isinstance(event, SignatureDelta) else replace(event, text=text)


def _merge(pieces: list[Streamed]) -> list[Streamed]:
    """Join consecutive deltas of one block."""
    merged: list[Streamed] = []
    for piece in pieces:
        if merged and merged[-1].block == piece.block:
            merged[-1] = _with_text(piece, _text(merged[-1]) + _text(piece))
        else:
            merged.append(piece)
    return merged


def _release(held: dict[tuple[type, int], list[Streamed]]) -> Iterator[Event]:
    for pieces in held.values():
        yield from _merge(pieces)
    held.clear()
