"""Choices of pages as users write them: "1-3, 7"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from lib.core.attachment_errors import PageChoiceInvalid

_SEPARATORS = re.compile(r"[,;，、；\s]+")
_DASHES = str.maketrans(dict.fromkeys("–—−－～~至到", "-"))
_ITEM = re.compile(r"(?P<first>\d{0,6})(?P<dash>-)?(?P<last>\d{0,6})", re.ASCII)


def parse_page_choice(choice: str, count: int) -> tuple[int, ...]:
    """Return the chosen pages in their order in the file, from 1; all of them for "". "5-" means up to the last one.

    Raises PageChoiceInvalid for anything else, and for pages that the file of `count` pages does not have.
    """
    if not choice.strip():
        return tuple(range(1, count + 1))
    pages: set[int] = set()
    # A blank beside a dash separates nothing.
    text = re.sub(r"\s*-\s*", "-", unicodedata.normalize("NFKC", choice).translate(_DASHES))
    for item in filter(None, _SEPARATORS.split(text)):
        match = _ITEM.fullmatch(item)
        if match is None or item == "-" or not (match["first"] or match["last"]):
            raise PageChoiceInvalid(choice=choice[:80], count=count)
        first = int(match["first"] or 1)
        last = int(match["last"] or count) if match["dash"] else first
        if not 1 <= first <= last <= count:
            raise PageChoiceInvalid(choice=choice[:80], count=count)
        pages.update(range(first, last + 1))
    if not pages:
        raise PageChoiceInvalid(choice=choice[:80], count=count)
    return tuple(sorted(pages))


def format_pages(pages: Sequence[int]) -> str:
    """Return pages as a choice: "1-3, 7"."""
    ranges: list[list[int]] = []
    for page in pages:
        if ranges and page == ranges[-1][1] + 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)
