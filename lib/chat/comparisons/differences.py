"""Differences between two texts, by words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MAX_CHARS = 40_000  # of each text that is compared; the rest is left out
MAX_MATCHED = 1_500  # words of a passage in which words are matched; a longer one counts as replaced
MIN_RATIO = 0.4  # of words in common; in passages with less, the same words are there by chance
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\s+|.")


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
    for kind, start, end, other_start, other_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        removed, added = "".join(before[start:end]), "".join(after[other_start:other_end])
        if kind == "equal":
            yield Piece("same", removed)
        elif kind == "replace":
            yield from _compare_words(removed, added)
        else:
            yield Piece("removed", removed)
            yield Piece("added", added)


def _compare_words(first: str, second: str) -> Iterator[Piece]:
    before, after = _TOKEN.findall(first), _TOKEN.findall(second)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    # Matching takes the product of both lengths.
    if max(len(before), len(after)) > MAX_MATCHED or matcher.ratio() < MIN_RATIO:
        yield Piece("removed", first)
        yield Piece("added", second)
        return
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        removed, added = "".join(before[start:end]), "".join(after[other_start:other_end])
        if kind == "equal":
            yield Piece("same", removed)
        else:
            yield Piece("removed", removed)
            yield Piece("added", added)


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
