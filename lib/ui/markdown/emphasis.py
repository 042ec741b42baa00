"""Emphasis next to Chinese, Japanese and Korean text, which has no spaces around it.

CommonMark lets a run of stars close emphasis after punctuation only before white space or punctuation, and open it
before punctuation only after one of both (section 6.2, flanking delimiter runs): `**重点：**内容` stays as stars.
The rule here is that of the "CJK-friendly" amendment: one CJK character beside the run is enough. A letter outside
a closing run is written as a character reference, whose signs count as punctuation for the renderer, and an opening
run follows an empty directive: neither changes a text that was shown while it arrived, and both copy as it was
written. A run of underscores still never begins inside a word, as in a file's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lib.ui.markdown.edits import OTHER, PUNCTUATION, Edit, classify, is_cjk

_MAX_OPEN_RUNS = 50
_SEPARATOR = ":color[]"


@dataclass(frozen=True)
class DelimiterRun:
    """A run of one of the characters `*`, `_` and `~`, from `start` to `end`."""

    char: str
    start: int
    end: int


def add_emphasis_edits(content: str, runs: Sequence[DelimiterRun], edits: list[Edit], *, is_row: bool) -> list[Edit]:
    """Separate runs from letters, so that each opens or closes emphasis as it was meant to.

    `edits` are those of the rules, which also change what stands beside a run.
    """
    return _merge_edits(edits, _find_additions(content, runs, edits, is_row)) if runs else edits


def _find_additions(content: str, runs: Iterable[DelimiterRun], edits: list[Edit], is_row: bool) -> list[Edit]:
    additions: list[Edit] = []
    last_chars = {stop: replacement[-1:] for _, stop, replacement in edits}
    first_chars = {start: replacement[:1] for start, _, replacement in edits}
    openers: dict[str, list[int]] = {"*": [], "_": [], "~": []}  # lengths of the runs that are open
    position = 0
    for run in runs:
        if is_row and "|" in content[position : run.start]:
            openers = {"*": [], "_": [], "~": []}  # each cell is a text of its own
        position = run.end
        lengths = openers[run.char]
        previous = last_chars.get(run.start) or content[max(0, run.start - 1) : run.start]
        following = first_chars.get(run.end) or content[run.end : run.end + 1]
        before, after = classify(previous), classify(following)
        can_open = after == OTHER or (after == PUNCTUATION and before != OTHER)
        can_close = before == OTHER or (before == PUNCTUATION and after != OTHER)
        if is_cjk(previous) or is_cjk(following):
            has_partner = _find_partner(lengths, run.end - run.start) is not None
            if not can_close and before == PUNCTUATION and has_partner:
                additions.append((run.end, run.end + 1, f"&#{ord(following)};"))
                can_close = True
            elif not can_open and after == PUNCTUATION and run.char != "_" and not has_partner:
                additions.append((run.start, run.start, _SEPARATOR))
                can_open = True
        rest = run.end - run.start
        while can_close and rest and (partner := _find_partner(lengths, rest)) is not None:
            used = min(rest, lengths[partner])
            rest -= used
            lengths[partner:] = [lengths[partner] - used] if lengths[partner] > used else []
        if can_open and rest:
            lengths.append(rest)
            del lengths[:-_MAX_OPEN_RUNS]
    return additions


def _find_partner(lengths: list[int], length: int) -> int | None:
    """Find the open run that a run of this length closes: a lone star is none for two."""
    for index in range(len(lengths) - 1, -1, -1):
        if lengths[index] == length or 3 in (lengths[index], length) or lengths[index] > 3:
            return index
    return None


def _merge_edits(edits: list[Edit], additions: list[Edit]) -> list[Edit]:
    """Add edits of single letters and places, without those of letters that are edited already."""
    merged: list[Edit] = []
    index = 0
    for addition in additions:
        while index < len(edits) and edits[index][1] <= addition[0]:
            merged.append(edits[index])
            index += 1
        is_edited = index < len(edits) and edits[index][0] < addition[1]
        if not is_edited and (not merged or merged[-1][1] <= addition[0]):
            merged.append(addition)
    return merged + edits[index:]
