"""Tokenizer of the full-text search: tokens of a text, terms of a query, and their matches in a text.

Text and query are normalized first (NFKC, case folding). A run of Chinese, Japanese or Korean characters
becomes overlapping bigrams, and its last character a token of its own; everything else is split into words at
characters that are neither letter nor digit. In a query, a CJK run is a phrase of bigrams; a single CJK
character and a word are prefixes. A message matches if all terms of the query do, in any order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

# Limits of a query. The excess is ignored, so a query finds more rather than less.
MAX_QUERY_CHARS = 1000
MAX_TERMS = 32
MAX_PHRASE_TOKENS = 64  # a longer run is split into several terms
MAX_WORD_CHARS = 100  # longer words are truncated

_MAX_CLUSTER_CHARS = 32  # a character and its combining marks; near the limit of Unicode's stream-safe format
# Scripts without spaces between words, after folding: Han, kana, Bopomofo, Hangul.
_CJK_CHAR = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3031-\u3035\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)
# Ignored, like all characters of the categories Cf and Me.
_VARIATION_SELECTOR = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Fast path for most text of a chat: characters that fold to themselves, except for case.
_FOLD_INVARIANT = re.compile("[\x00-\x7f\u4e00-\u9fff]+")
_FOLD_INVARIANT_KINDS = {code: "w" if chr(code).isalnum() else " " for code in range(0x80)}
_FOLD_INVARIANT_KINDS |= dict.fromkeys(range(0x4E00, 0xA000), "s")
_RUN = re.compile("w+|s+")
_WHITESPACE = re.compile(r"\s+")
_WORD_BOUNDARY_MARGIN = 20  # characters by which a passage may shrink to end between words


@dataclass(frozen=True)
class Term:
    """Tokens to match in sequence; with `is_prefix`, a single token that matches as a prefix."""

    tokens: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True)
class Passage:
    """A part [start, end) of a text, in segments (text, is_match)."""

    start: int
    end: int
    segments: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class _FoldedText:
    """A folded text: its characters, the kind of each, and the offsets of each in the original.

    Strings in `chars` and `kinds` may hold several characters.
    """

    chars: list[str]
    kinds: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text in order."""
    return _tokenize_folded(_fold_text(text))[0]


def parse_query(text: str) -> tuple[Term, ...]:
    """Parse a query as typed into distinct terms; () if it has no letter and no digit."""
    end = MAX_QUERY_CHARS
    while end < len(text) and _is_combining(text[end]):
        end += 1
    terms: dict[Term, None] = {}
    for _, run, is_cjk in _split_runs(_fold_text(text[:end])):
        terms |= dict.fromkeys(_split_terms(run, is_cjk))
    return tuple(terms)[:MAX_TERMS]


def find_matches(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Return the offsets (start, end) of all matches of the terms, sorted and merged."""
    folded = _fold_text(text)
    tokens, offsets = _tokenize_folded(folded)
    spans: list[tuple[int, int]] = []
    for term in terms:
        # The bigrams of a phrase overlap: it has one character more than tokens.
        length = len(term.tokens[0]) if term.is_prefix else len(term.tokens) + 1
        for index in _find_term(tokens, term):
            first = offsets[index]
            spans.append((folded.starts[first], folded.ends[first + length - 1]))
    return _merge_spans(spans)


def extract_passages(text: str, spans: Sequence[tuple[int, int]], context_chars: int) -> list[Passage]:
    """Return passages around the spans, with about `context_chars` characters on each side.

    Spans that are near each other share a passage. Without spans, it is the beginning of the text.
    """
    spans = _merge_spans(spans)
    parts = _merge_spans((max(0, start - context_chars), min(len(text), end + context_chars)) for start, end in spans)
    passages = []
    for first, last in parts or [(0, min(len(text), 2 * context_chars))]:
        inside = [span for span in spans if first <= span[0] and span[1] <= last]
        start = _snap_start(text, first, inside[0][0] if inside else first)
        end = _snap_end(text, inside[-1][1] if inside else start, last)
        passages.append(Passage(start, end, tuple(_split_segments(text, start, end, inside))))
    return passages


def _split_terms(run: str, is_cjk: bool) -> Iterator[Term]:
    if not is_cjk:
        yield Term((run[:MAX_WORD_CHARS],), is_prefix=True)
    elif len(run) == 1:
        yield Term((run,), is_prefix=True)
    else:
        bigrams = _bigrams(run)[:-1]
        for start in range(0, len(bigrams), MAX_PHRASE_TOKENS):
            yield Term(tuple(bigrams[start : start + MAX_PHRASE_TOKENS]), is_prefix=False)


def _bigrams(run: str) -> list[str]:
    """Return the overlapping bigrams of a run, and its last character alone."""
    return [run[index : index + 2] for index in range(len(run))]


def _find_term(tokens: list[str], term: Term) -> Iterator[int]:
    """Yield the indices of the tokens at which a match begins."""
    first, length = term.tokens[0], len(term.tokens)
    if term.is_prefix:
        yield from (index for index, token in enumerate(tokens) if token.startswith(first))
    else:
        phrase = list(term.tokens)
        for index, token in enumerate(tokens):
            if token == first and tokens[index : index + length] == phrase:
                yield index


def _tokenize_folded(folded: _FoldedText) -> tuple[list[str], list[int]]:
    """Return the tokens of a folded text, and their offsets in it."""
    tokens: list[str] = []
    offsets: list[int] = []
    for offset, run, is_cjk in _split_runs(folded):
        if is_cjk:
            tokens.extend(_bigrams(run))
            offsets.extend(range(offset, offset + len(run)))
        else:
            tokens.append(run[:MAX_WORD_CHARS])
            offsets.append(offset)
    return tokens, offsets


def _split_runs(folded: _FoldedText) -> Iterator[tuple[int, str, bool]]:
    """Yield words and CJK runs as (offset, text, is_cjk)."""
    chars, kinds = "".join(folded.chars), "".join(folded.kinds)
    for run in _RUN.finditer(kinds):
        yield run.start(), chars[run.start() : run.end()], kinds[run.start()] == "s"


def _fold_text(text: str) -> _FoldedText:
    folded = _FoldedText([], [], [], [])
    position = 0
    for plain in _FOLD_INVARIANT.finditer(text):
        _fold_range(text, position, plain.start(), folded)
        # The last character may combine with the next one.
        position = plain.end() - 1
        lowered = text[plain.start() : position].lower()
        folded.chars.append(lowered)
        folded.kinds.append(lowered.translate(_FOLD_INVARIANT_KINDS))
        folded.starts.extend(range(plain.start(), position))
        folded.ends.extend(range(plain.start() + 1, position + 1))
    _fold_range(text, position, len(text), folded)
    return folded


def _fold_range(text: str, region_start: int, region_end: int, folded: _FoldedText) -> None:
    previous_kind = " "
    for start, end in _split_clusters(text, region_start, region_end):
        for char, kind in _fold_cluster(text[start:end]):
            # A mark belongs to the word around it; elsewhere it is dropped.
            if kind != "m":
                previous_kind = kind
            elif previous_kind != "w":
                continue
            folded.chars.append(char)
            folded.kinds.append(previous_kind)
            folded.starts.append(start)
            folded.ends.append(end)


def _split_clusters(text: str, region_start: int, region_end: int) -> Iterator[tuple[int, int]]:
    """Yield ranges that can be folded on their own: each starts at a character that does not combine."""
    start = region_start
    for index in range(region_start + 1, region_end):
        if not _is_combining(text[index]) or index - start >= _MAX_CLUSTER_CHARS:
            yield start, index
            start = index
    if start < region_end:
        yield start, region_end


@lru_cache(maxsize=1 << 14)
def _is_combining(char: str) -> bool:
    """Return True for a character that may compose with the one before: accents, vowel signs, Hangul jamo."""
    lead = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.category(lead)[0] == "M" or "\u1160" <= lead <= "\u11ff"


@lru_cache(maxsize=1 << 14)
def _fold_cluster(cluster: str) -> tuple[tuple[str, str], ...]:
    """Return the folded characters of a cluster with their kinds, without ignored characters."""
    folded = unicodedata.normalize("NFKC", cluster).casefold()
    # Case folding can decompose a character, so the result is composed again.
    kinds = ((char, _classify_char(char)) for char in unicodedata.normalize("NFKC", folded))
    return tuple((char, kind) for char, kind in kinds if kind != "i")


def _classify_char(char: str) -> str:
    """Return the kind of a character: CJK "s", word "w", mark "m", ignored "i", or separator " "."""
    if _CJK_CHAR.match(char):
        return "s"
    if char.isalnum():
        return "w"
    category = unicodedata.category(char)
    if _VARIATION_SELECTOR.match(char) or category == "Me" or (category == "Cf" and char != "\u200b"):
        return "i"
    return "m" if category[0] == "M" else " "


def _snap_start(text: str, preferred: int, latest: int) -> int:
    """Return the start of a passage: the next word boundary if near and up to `latest`, else `preferred`."""
    if preferred and not text[preferred - 1].isspace():
        space = _WHITESPACE.search(text, preferred, min(latest, preferred + _WORD_BOUNDARY_MARGIN))
        if space:
            return space.end()
        while preferred and _is_combining(text[preferred]):
            preferred -= 1
    return preferred


def _snap_end(text: str, earliest: int, preferred: int) -> int:
    """Return the end of a passage: the last word boundary if near and from `earliest`, else `preferred`."""
    if preferred < len(text) and not text[preferred].isspace():
        spaces = list(_WHITESPACE.finditer(text, max(earliest, preferred - _WORD_BOUNDARY_MARGIN), preferred))
        if spaces:
            return spaces[-1].start()
        while preferred < len(text) and _is_combining(text[preferred]):
            preferred += 1
    return preferred


def _split_segments(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    position = start
    for first, last in spans:
        yield from [(text[position:first], False)] if position < first else []
        yield text[first:last], True
        position = last
    yield from [(text[position:end], False)] if position < end else []


def _merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans sorted; those that overlap or touch are merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
