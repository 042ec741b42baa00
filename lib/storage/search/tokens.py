"""Tokens of messages and titles for the full-text search, encoded alike for both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from lib.core import search_terms

# Postgres stores positions up to 16,383, 255 positions of one token, and 1 MB of tokens in one vector.
_PASSAGE_TOKENS = 1000
_MAX_REPEATS = 200  # of one token in a passage
_BASE_36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def encode_passages(text: str) -> Iterator[str]:
    """Yield the encoded tokens of a text in passages that every database can store.

    Each starts with the last tokens of the previous one, so that no phrase is lost at a border.
    """
    tokens = [encode_token(token) for token in search_terms.tokenize(text)]
    start = 0
    while start < len(tokens):
        end = _passage_end(tokens, start)
        yield " ".join(tokens[start:end])
        start = end if end == len(tokens) else end - search_terms.MAX_PHRASE_TOKENS


def encode_title(title: str) -> str:
    """Return the encoded tokens of a title, each between spaces; "" for none."""
    tokens = search_terms.tokenize(title)
    return f" {' '.join(map(encode_token, tokens))} " if tokens else ""


def encode_token(token: str) -> str:
    """Encode a token as lower-case ASCII that starts with a letter: no database splits or stems that.

    A prefix of a token has a prefix of its code.
    """
    first, rest = token[0], token[1:]
    head = _encode_codepoint(first) if first.isdigit() else _encode_char(first)
    return head + (rest if rest.isascii() and "q" not in rest else "".join(map(_encode_char, rest)))


def _passage_end(tokens: Sequence[str], start: int) -> int:
    """Return the end of the passage that begins at `start`."""
    counts: Counter[str] = Counter()
    for index in range(start, min(len(tokens), start + _PASSAGE_TOKENS)):
        counts[tokens[index]] += 1
        if counts[tokens[index]] > _MAX_REPEATS:
            return index
    return min(len(tokens), start + _PASSAGE_TOKENS)


def _encode_char(char: str) -> str:
    return char if char.isascii() and char != "q" else _encode_codepoint(char)


@lru_cache(maxsize=1 << 14)
def _encode_codepoint(char: str) -> str:
    """Encode a character as "q" and its code point in four base-36 digits."""
    number, digits = ord(char), ""
    for _ in range(4):
        number, digit = divmod(number, len(_BASE_36))
        digits = _BASE_36[digit] + digits
    return "q" + digits
