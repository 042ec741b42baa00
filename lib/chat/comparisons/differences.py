"""Differences between two texts, by words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MAX_CHARS = 40_000  # of each text that is compared; the rest is left out
# Pairs of equal lines or words in a passage, by whose number matching takes time; one with more counts as replaced.
MAX_PAIRS = 200_000
# Product of the length of a passage and of the number of its items that the other one has too: each match looks through
# all that is left, and alternating items match one by one.
MAX_STEPS = 12_000_000
MIN_RATIO = 0.4  # of words in common; in passages with less, the same words are there by chance
# A letter of Chinese, Japanese or Korean, a word, or a sign, with the white space after it.
_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"(?:[{_CJK}]|[^\W{_CJK}]+|[^\w\s])\s*|\s+")


Kind = Literal["same", "removed", "added"]
_KINDS: tuple[Kind, ...] = ("same", "removed", "added")


@dataclass(frozen=True)
class Piece:
    """A part of two texts: in both, removed from the first, or added by the second."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Difference:
    """The pieces of two texts in their order, and the share of words that both have, from 0 to 1.

    `is_cut` is set if only the beginning of a text was compared.
    """

    pieces: Sequence[Piece]
    similarity: float
    is_cut: bool = False


def compare_texts(first: str, second: str) -> Difference:
    """Compare the beginnings of two texts: their lines, and the words of those that differ.

    A letter of Chinese, Japanese and Korean counts as a word.
    """
    is_cut = max(len(first), len(second)) > MAX_CHARS
    pieces = list(_join(_compare_lines(first[:MAX_CHARS], second[:MAX_CHARS])))
    same = sum(_count_words(piece.text) for piece in pieces if piece.kind == "same")
    other = sum(_count_words(piece.text) for piece in pieces if piece.kind != "same")
    return Difference(pieces, 2 * same / (2 * same + other) if same or other else 1.0, is_cut)


def _compare_lines(first: str, second: str) -> Iterator[Piece]:
    before, after = first.splitlines(keepends=True), second.splitlines(keepends=True)
    matcher = _match(before, after)
    if matcher is None:
        yield from _replace(first, second)
        return
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        removed, added = "".join(before[start:end]), "".join(after[other_start:other_end])
        if kind == "equal":
            yield Piece("same", removed)
        elif kind == "replace":
            yield from _compare_words(removed, added)
        else:
            yield from _replace(removed, added)


def _compare_words(first: str, second: str) -> Iterator[Piece]:
    before, after = _TOKEN.findall(first), _TOKEN.findall(second)
    matcher = _match([token.rstrip() for token in before], [token.rstrip() for token in after])
    if matcher is None or matcher.ratio() < MIN_RATIO:
        yield from _replace(first, second)
        return
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        removed, added = before[start:end], after[other_start:other_end]
        if kind == "equal":
            for token, other in zip(removed, added, strict=True):
                yield from _compare_spaces(token, other)
        else:
            yield from _replace("".join(removed), "".join(added))


def _compare_spaces(token: str, other: str) -> Iterator[Piece]:
    """Compare a word with itself, after which there may be other white space."""
    if token == other:
        yield Piece("same", token)
        return
    word = token.rstrip()
    yield Piece("same", word)
    yield from _replace(token[len(word) :], other[len(word) :])


def _match(before: Sequence[str], after: Sequence[str]) -> SequenceMatcher[str] | None:
    """Return the matches of two sequences; None if that would take too long."""
    counts, other_counts = Counter(before), Counter(after)
    if sum(count * other_counts[item] for item, count in counts.items()) > MAX_PAIRS:
        return None
    if len(before) * (counts & other_counts).total() > MAX_STEPS:
        return None
    return SequenceMatcher(None, before, after, autojunk=False)


def _replace(first: str, second: str) -> Iterator[Piece]:
    yield Piece("removed", first)
    yield Piece("added", second)


def _join(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join neighbours of one kind, and changes that only white space is between."""
    texts = {"same": "", "removed": "", "added": ""}
    space = ""  # after a change
    for piece in pieces:
        has_change = bool(texts["removed"] or texts["added"])
        if piece.kind == "same" and has_change and not piece.text.strip():
            space += piece.text
        elif piece.kind == "same":
            if has_change:
                yield from _take(texts)
            texts["same"] += space + piece.text
            space = ""
        elif piece.text:
            for kind in ("removed", "added") if space else ():
                texts[kind] += space
            texts[piece.kind] += piece.text
            space = ""
    yield from _take(texts)
    if space:
        yield Piece("same", space)


def _take(texts: dict[str, str]) -> Iterator[Piece]:
    """Yield what was collected, the common text before a change first."""
    for kind in _KINDS:
        if texts[kind]:
            yield Piece(kind, texts[kind])
            texts[kind] = ""


def _count_words(text: str) -> int:
    return sum(not token.isspace() for token in _TOKEN.findall(text))
