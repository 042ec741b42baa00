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
QUERY_MAX = 1000  # characters
TERMS_MAX = 32
PHRASE_MAX = 64  # tokens; of a longer run every such part is a term of its own
WORD_MAX = 100  # signs; longer words are told apart no further

_JOINED_MAX = 32  # signs put on a letter; as many as Unicode's own limit for streams, and the letter
# Where no space stands between words: Han, kana, Bopomofo, Hangul, as they are after folding.
_SIGNS = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3031-\u3035\u303b\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)
# What only chooses the look of a letter; the categories Cf and Me are left out as a whole.
_UNSEEN = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What is folded into itself, but for case: far the most of what is written in a chat.
_PLAIN = re.compile("[\x00-\x7f\u4e00-\u9fff]+")
_PLAIN_KINDS = {place: "w" if chr(place).isalnum() else " " for place in range(0x80)}
_PLAIN_KINDS |= dict.fromkeys(range(0x4E00, 0xA000), "s")
_RUN = re.compile("w+|s+")
_SPACE = re.compile(r"\s+")
_NEAR = 20  # characters that a part of a text is made shorter by, so as not to cut a word


@dataclass(frozen=True)
class Term:
    """Tokens to be found one after another; with `prefix`, the (last) one as the beginning of a token."""

    tokens: tuple[str, ...]
    prefix: bool


@dataclass(frozen=True)
class Passage:
    """A part of a text, from `start` to before `end`, in pieces, each with whether it was searched for."""

    start: int
    end: int
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class _Folded:
    """A folded text: its signs, the kind of each, and where each begins and ends in the original.

    Signs and kinds may be several in one string.
    """

    signs: list[str]
    kinds: list[str]
    starts: list[int]
    ends: list[int]


def tokens(text: str) -> list[str]:
    """The tokens of a text in their order."""
    return _tokens(_folded(text))[0]


def query(words: str) -> tuple[Term, ...]:
    """The terms of what somebody typed, each once; () where it has no letter and no digit."""
    end = QUERY_MAX
    while end < len(words) and _joins(words[end]):
        end += 1
    found: dict[Term, None] = {}
    for _, run, signs in _runs(_folded(words[:end])):
        found |= dict.fromkeys(_terms(run, signs))
    return tuple(found)[:TERMS_MAX]


def find(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in a text: offsets (start, end) in their order, none overlapping another."""
    folded = _folded(text)
    known, places = _tokens(folded)
    spans: list[tuple[int, int]] = []
    for term in terms:
        # A phrase's pairs overlap: it has one sign more than tokens.
        length = len(term.tokens[0]) if term.prefix else len(term.tokens) + 1
        for at in _matches(known, term):
            first = places[at]
            spans.append((folded.starts[first], folded.ends[first + length - 1]))
    return _merged(spans)


def passages(text: str, spans: Sequence[tuple[int, int]], around: int) -> list[Passage]:
    """The parts of a text with the spans in them and about `around` characters on each side.

    Spans that are near each other share a part. Where there are none, it is the text's beginning.
    """
    spans = _merged(spans)
    parts = _merged((max(0, start - around), min(len(text), end + around)) for start, end in spans)
    found = []
    for first, last in parts or [(0, min(len(text), 2 * around))]:
        inside = [span for span in spans if first <= span[0] and span[1] <= last]
        start = _start(text, first, inside[0][0] if inside else first)
        end = _end(text, inside[-1][1] if inside else start, last)
        found.append(Passage(start, end, tuple(_pieces(text, start, end, inside))))
    return found


def _terms(run: str, signs: bool) -> Iterator[Term]:
    if not signs:
        yield Term((run[:WORD_MAX],), prefix=True)
    elif len(run) == 1:
        yield Term((run,), prefix=True)
    else:
        pairs = _pairs(run)[:-1]
        for start in range(0, len(pairs), PHRASE_MAX):
            yield Term(tuple(pairs[start : start + PHRASE_MAX]), prefix=False)


def _pairs(run: str) -> list[str]:
    """Overlapping pairs of signs, and the last sign alone: each sign begins one."""
    return [run[place : place + 2] for place in range(len(run))]


def _matches(found: list[str], term: Term) -> Iterator[int]:
    """The places of the tokens at which a term begins."""
    first, length = term.tokens[0], len(term.tokens)
    if term.prefix:
        yield from (place for place, token in enumerate(found) if token.startswith(first))
    else:
        wanted = list(term.tokens)
        for place, token in enumerate(found):
            if token == first and found[place : place + length] == wanted:
                yield place


def _tokens(folded: _Folded) -> tuple[list[str], list[int]]:
    """The tokens of a folded text, and the place of each in it."""
    found: list[str] = []
    places: list[int] = []
    for place, run, signs in _runs(folded):
        if signs:
            found.extend(_pairs(run))
            places.extend(range(place, place + len(run)))
        else:
            found.append(run[:WORD_MAX])
            places.append(place)
    return found, places


def _runs(folded: _Folded) -> Iterator[tuple[int, str, bool]]:
    """Words and runs of signs: the place of each, itself, and whether it is signs."""
    signs, kinds = "".join(folded.signs), "".join(folded.kinds)
    for run in _RUN.finditer(kinds):
        yield run.start(), signs[run.start() : run.end()], kinds[run.start()] == "s"


def _folded(text: str) -> _Folded:
    folded = _Folded([], [], [], [])
    done = 0
    for plain in _PLAIN.finditer(text):
        _fold_letters(text, done, plain.start(), folded)
        # What follows may join the last of them.
        done = plain.end() - 1
        same = text[plain.start() : done].lower()
        folded.signs.append(same)
        folded.kinds.append(same.translate(_PLAIN_KINDS))
        folded.starts.extend(range(plain.start(), done))
        folded.ends.extend(range(plain.start() + 1, done + 1))
    _fold_letters(text, done, len(text), folded)
    return folded


def _fold_letters(text: str, first: int, last: int, folded: _Folded) -> None:
    before = " "
    for start, end in _letters(text, first, last):
        for sign, kind in _fold(text[start:end]):
            # A mark belongs to the word that it is in; elsewhere it is nothing, and parts nothing.
            if kind != "m":
                before = kind
            elif before != "w":
                continue
            folded.signs.append(sign)
            folded.kinds.append(before)
            folded.starts.append(start)
            folded.ends.append(end)


def _letters(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Where the text can be cut so that folding the parts is folding the whole: before what joins nothing."""
    start = first
    for place in range(first + 1, last):
        if not _joins(text[place]) or place - start >= _JOINED_MAX:
            yield start, place
            start = place
    if start < last:
        yield start, last


@lru_cache(maxsize=1 << 14)
def _joins(sign: str) -> bool:
    """Whether a sign may become one with that before it: accents, vowel signs, Hangul's vowels and finals."""
    lead = unicodedata.normalize("NFKD", sign)[0]
    return unicodedata.category(lead)[0] == "M" or "\u1160" <= lead <= "\u11ff"


@lru_cache(maxsize=1 << 14)
def _fold(letter: str) -> tuple[tuple[str, str], ...]:
    """The signs that a letter is folded into, with the kind of each, but for those that do not count."""
    normal = unicodedata.normalize("NFKC", letter).casefold()
    # That can take a letter apart that was one sign: the last step puts it together again.
    kinds = ((sign, _kind(sign)) for sign in unicodedata.normalize("NFKC", normal))
    return tuple((sign, kind) for sign, kind in kinds if kind != "i")


def _kind(sign: str) -> str:
    """A sign of a run "s", of a word "w", a mark "m", what does not count "i", or a break " "."""
    if _SIGNS.match(sign):
        return "s"
    if sign.isalnum():
        return "w"
    category = unicodedata.category(sign)
    if _UNSEEN.match(sign) or category == "Me" or (category == "Cf" and sign != "\u200b"):
        return "i"
    return "m" if category[0] == "M" else " "


def _start(text: str, first: int, most: int) -> int:
    """Where a part begins that should at `first`, and must at `most`: with a whole word, if one is near."""
    if first and not text[first - 1].isspace():
        space = _SPACE.search(text, first, min(most, first + _NEAR))
        if space:
            return space.end()
        while first and _joins(text[first]):
            first -= 1
    return first


def _end(text: str, least: int, last: int) -> int:
    """Where a part ends that should at `last`, and not before `least`: with a whole word, if one is near."""
    if last < len(text) and not text[last].isspace():
        spaces = list(_SPACE.finditer(text, max(least, last - _NEAR), last))
        if spaces:
            return spaces[-1].start()
        while last < len(text) and _joins(text[last]):
            last += 1
    return last


def _pieces(text: str, start: int, end: int, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    at = start
    for first, last in spans:
        yield from [(text[at:first], False)] if at < first else []
        yield text[first:last], True
        at = last
    yield from [(text[at:end], False)] if at < end else []


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in their order; those that overlap or touch are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
