"""Words to search by: a text cut into tokens, a query into terms, and what matches found again in the text.

Both are folded first (NFKC, lower case), so that wide, joined and composed letters are one and the same. A
run of Chinese, Japanese or Korean signs becomes overlapping pairs, with its last sign once more alone;
everything else is words, cut at whatever is no letter and no digit. A query's run is a phrase of pairs; its
single sign and its word are beginnings. A message matches where all terms of the query do, in any order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

# What is beyond these is not looked for: each keeps a query small, and finds rather more than less.
MAX_QUERY_CHARS = 1000  # characters
MAX_TERMS = 32
MAX_PHRASE_TOKENS = 64  # tokens; of a longer run every such part is a term of its own
MAX_WORD_CHARS = 100  # signs; longer words are told apart no further

_MAX_CLUSTER_CHARS = 32  # signs put on a letter; as many as Unicode's own limit for streams, and the letter
# Where no space stands between words: Han, kana, Bopomofo, Hangul, as they are after folding.
_CJK_CHAR = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3031-\u3035\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)
# What only chooses the look of a letter; the categories Cf and Me are left out as a whole.
_VARIATION_SELECTOR = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What is folded into itself, but for case: far the most of what is written in a chat.
_FOLD_INVARIANT = re.compile("[\x00-\x7f\u4e00-\u9fff]+")
_FOLD_INVARIANT_KINDS = {place: "w" if chr(place).isalnum() else " " for place in range(0x80)}
_FOLD_INVARIANT_KINDS |= dict.fromkeys(range(0x4E00, 0xA000), "s")
_RUN = re.compile("w+|s+")
_WHITESPACE = re.compile(r"\s+")
_WORD_BOUNDARY_MARGIN = 20  # characters that a part of a text is made shorter by, so as not to cut a word


@dataclass(frozen=True)
class Term:
    """Tokens to be found one after another; with `prefix`, the (last) one as the beginning of a token."""

    tokens: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True)
class Passage:
    """A part of a text, from `start` to before `end`, in pieces, each with whether it was searched for."""

    start: int
    end: int
    segments: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class _FoldedText:
    """A folded text: its signs, the kind of each, and where each begins and ends in the original.

    Signs and kinds may be several in one string.
    """

    chars: list[str]
    kinds: list[str]
    starts: list[int]
    ends: list[int]


def tokenize(text: str) -> list[str]:
    """The tokens of a text in their order."""
    return _tokenize_folded(_fold_text(text))[0]


def parse_query(text: str) -> tuple[Term, ...]:
    """The terms of what somebody typed, each once; () where it has no letter and no digit."""
    end = MAX_QUERY_CHARS
    while end < len(text) and _is_combining(text[end]):
        end += 1
    found: dict[Term, None] = {}
    for _, run, signs in _split_runs(_fold_text(text[:end])):
        found |= dict.fromkeys(_split_terms(run, signs))
    return tuple(found)[:MAX_TERMS]


def find_matches(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in a text: offsets (start, end) in their order, none overlapping another."""
    folded = _fold_text(text)
    known, places = _tokenize_folded(folded)
    spans: list[tuple[int, int]] = []
    for term in terms:
        # A phrase's pairs overlap: it has one sign more than tokens.
        length = len(term.tokens[0]) if term.is_prefix else len(term.tokens) + 1
        for at in _find_term(known, term):
            first = places[at]
            spans.append((folded.starts[first], folded.ends[first + length - 1]))
    return _merge_spans(spans)


def extract_passages(text: str, spans: Sequence[tuple[int, int]], context_chars: int) -> list[Passage]:
    """The parts of a text with the spans in them and about `around` characters on each side.

    Spans that are near each other share a part. Where there are none, it is the text's beginning.
    """
    spans = _merge_spans(spans)
    parts = _merge_spans(
        (max(0, start - context_chars), min(len(text), end + context_chars)) for start, end in spans
    )
    found = []
    for first, last in parts or [(0, min(len(text), 2 * context_chars))]:
        inside = [span for span in spans if first <= span[0] and span[1] <= last]
        start = _snap_start(text, first, inside[0][0] if inside else first)
        end = _snap_end(text, inside[-1][1] if inside else start, last)
        found.append(Passage(start, end, tuple(_split_segments(text, start, end, inside))))
    return found


def _split_terms(run: str, is_cjk: bool) -> Iterator[Term]:
    if not is_cjk:
        yield Term((run[:MAX_WORD_CHARS],), is_prefix=True)
    elif len(run) == 1:
        yield Term((run,), is_prefix=True)
    else:
        pairs = _bigrams(run)[:-1]
        for start in range(0, len(pairs), MAX_PHRASE_TOKENS):
            yield Term(tuple(pairs[start : start + MAX_PHRASE_TOKENS]), is_prefix=False)


def _bigrams(run: str) -> list[str]:
    """Overlapping pairs of signs, and the last sign alone: each sign begins one."""
    return [run[place : place + 2] for place in range(len(run))]


def _find_term(tokens: list[str], term: Term) -> Iterator[int]:
    """The places of the tokens at which a term begins."""
    first, length = term.tokens[0], len(term.tokens)
    if term.is_prefix:
        yield from (place for place, token in enumerate(tokens) if token.startswith(first))
    else:
        wanted = list(term.tokens)
        for place, token in enumerate(tokens):
            if token == first and tokens[place : place + length] == wanted:
                yield place


def _tokenize_folded(folded: _FoldedText) -> tuple[list[str], list[int]]:
    """The tokens of a folded text, and the place of each in it."""
    found: list[str] = []
    places: list[int] = []
    for place, run, signs in _split_runs(folded):
        if signs:
            found.extend(_bigrams(run))
            places.extend(range(place, place + len(run)))
        else:
            found.append(run[:MAX_WORD_CHARS])
            places.append(place)
    return found, places


def _split_runs(folded: _FoldedText) -> Iterator[tuple[int, str, bool]]:
    """Words and runs of signs: the place of each, itself, and whether it is signs."""
    signs, kinds = "".join(folded.chars), "".join(folded.kinds)
    for run in _RUN.finditer(kinds):
        yield run.start(), signs[run.start() : run.end()], kinds[run.start()] == "s"


def _fold_text(text: str) -> _FoldedText:
    folded = _FoldedText([], [], [], [])
    done = 0
    for plain in _FOLD_INVARIANT.finditer(text):
        _fold_range(text, done, plain.start(), folded)
        # What follows may join the last of them.
        done = plain.end() - 1
        same = text[plain.start() : done].lower()
        folded.chars.append(same)
        folded.kinds.append(same.translate(_FOLD_INVARIANT_KINDS))
        folded.starts.extend(range(plain.start(), done))
        folded.ends.extend(range(plain.start() + 1, done + 1))
    _fold_range(text, done, len(text), folded)
    return folded


def _fold_range(text: str, region_start: int, region_end: int, folded: _FoldedText) -> None:
    before = " "
    for start, end in _split_clusters(text, region_start, region_end):
        for sign, kind in _fold_cluster(text[start:end]):
            # A mark belongs to the word that it is in; elsewhere it is nothing, and parts nothing.
            if kind != "m":
                before = kind
            elif before != "w":
                continue
            folded.chars.append(sign)
            folded.kinds.append(before)
            folded.starts.append(start)
            folded.ends.append(end)


def _split_clusters(text: str, region_start: int, region_end: int) -> Iterator[tuple[int, int]]:
    """Where the text can be cut so that folding the parts is folding the whole: before what joins nothing."""
    start = region_start
    for place in range(region_start + 1, region_end):
        if not _is_combining(text[place]) or place - start >= _MAX_CLUSTER_CHARS:
            yield start, place
            start = place
    if start < region_end:
        yield start, region_end


@lru_cache(maxsize=1 << 14)
def _is_combining(char: str) -> bool:
    """Return True for a character that may compose with the one before: accents, vowel signs, Hangul jamo."""
    lead = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.category(lead)[0] == "M" or "\u1160" <= lead <= "\u11ff"


@lru_cache(maxsize=1 << 14)
def _fold_cluster(cluster: str) -> tuple[tuple[str, str], ...]:
    """The signs that a letter is folded into, with the kind of each, but for those that do not count."""
    normal = unicodedata.normalize("NFKC", cluster).casefold()
    # That can take a letter apart that was one sign: the last step puts it together again.
    kinds = ((sign, _classify_char(sign)) for sign in unicodedata.normalize("NFKC", normal))
    return tuple((sign, kind) for sign, kind in kinds if kind != "i")


def _classify_char(char: str) -> str:
    """A sign of a run "s", of a word "w", a mark "m", what does not count "i", or a break " "."""
    if _CJK_CHAR.match(char):
        return "s"
    if char.isalnum():
        return "w"
    category = unicodedata.category(char)
    if _VARIATION_SELECTOR.match(char) or category == "Me" or (category == "Cf" and char != "\u200b"):
        return "i"
    return "m" if category[0] == "M" else " "


def _snap_start(text: str, preferred: int, latest: int) -> int:
    """Where a part begins that should at `first`, and must at `most`: with a whole word, if one is near."""
    if preferred and not text[preferred - 1].isspace():
        space = _WHITESPACE.search(text, preferred, min(latest, preferred + _WORD_BOUNDARY_MARGIN))
        if space:
            return space.end()
        while preferred and _is_combining(text[preferred]):
            preferred -= 1
    return preferred


def _snap_end(text: str, earliest: int, preferred: int) -> int:
    """Where a part ends that should at `last`, and not before `least`: with a whole word, if one is near."""
    if preferred < len(text) and not text[preferred].isspace():
        spaces = list(_WHITESPACE.finditer(text, max(earliest, preferred - _WORD_BOUNDARY_MARGIN), preferred))
        if spaces:
            return spaces[-1].start()
        while preferred < len(text) and _is_combining(text[preferred]):
            preferred += 1
    return preferred


def _split_segments(
    text: str, start: int, end: int, spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, bool]]:
    at = start
    for first, last in spans:
        yield from [(text[at:first], False)] if at < first else []
        yield text[first:last], True
        at = last
    yield from [(text[at:end], False)] if at < end else []


def _merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in their order; those that overlap or touch are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
