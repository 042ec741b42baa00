"""The sources of an answer, numbered as the marks in its text refer to them."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, urlsplit

from lib.core.conversation import SourcePart, TextPart
from lib.core.images import is_web_url
from lib.core.sanitize import replace_surrogates

MAX_SOURCES = 200  # of one answer
MAX_QUOTE_LENGTH = 1_000  # characters
_MAX_TITLE_LENGTH = 500
_MAX_MARKS = 20  # at one place of a text
_MAX_URL_LENGTH = 4_000


class SourceList:
    """Sources in the order of their numbers, then those without one.

    A page that is cited more than once is one source, with all that is known about it: gateways repeat the list in
    every chunk, and send it under several names.
    """

    def __init__(self, sources: tuple[SourcePart, ...] = ()) -> None:
        self._numbered: dict[int, SourcePart] = {}
        self._others: dict[str, SourcePart] = {}
        self._highest_number = 0
        for source in sources:
            self.add(source, source.number)

    def add(self, source: SourcePart, number: int = 0) -> str:
        """Add a source, and return the key that `number_of` knows it by; "" for an empty one."""
        source = SourcePart(
            replace_surrogates(source.url.strip())[:_MAX_URL_LENGTH],
            replace_surrogates(" ".join(source.title.split()))[:_MAX_TITLE_LENGTH],
            replace_surrogates(" ".join(source.quote.split()))[:MAX_QUOTE_LENGTH],
        )
        key = source.url or f"{source.title}\n{source.quote}"
        if not key.strip():
            return ""
        known = next((n for n, other in self._numbered.items() if source.url and other.url == source.url), 0)
        if known:
            self._numbered[known] = _merge(self._numbered[known], source)
        elif 0 < number <= MAX_SOURCES and number not in self._numbered:
            self._numbered[number] = _merge(self._others.pop(key, source), source)
            self._highest_number = max(self._highest_number, number)
        elif key in self._others:
            self._others[key] = _merge(self._others[key], source)
        elif len(self._others) + len(self._numbered) < MAX_SOURCES:
            self._others[key] = source
        return key

    def number_of(self, key: str) -> int:
        """Return the number of a source without one of its own: its position; 0 where others have numbers, too."""
        return 0 if self._numbered else next((n for n, other in enumerate(self._others, 1) if other == key), 0)

    def parts(self) -> tuple[SourcePart, ...]:
        """Return the sources. Where a number is missing, each has its own: its position says nothing then."""
        numbered = sorted(self._numbered.items())
        has_gap = len(numbered) < self._highest_number
        return (
            *(replace(source, number=number if has_gap else 0) for number, source in numbered),
            *self._others.values(),
        )


def cited_text(part: TextPart) -> str:
    """Return a text with marks of the sources that it cites at its end: [1][2]."""
    if not part.cited:
        return part.text
    text = part.text.rstrip()
    # A word joiner keeps a bracket behind the marks from making a link of the last one.
    marks = "".join(mark for number in part.cited[:_MAX_MARKS] if (mark := f"[{number}]") not in text)
    if not marks:
        return part.text
    return f"{text} {marks}\u2060{part.text[len(text) :]}"


def _merge(first: SourcePart, second: SourcePart) -> SourcePart:
    """Return a source with the first title, and both quotes if they differ."""
    quote = first.quote
    if second.quote and second.quote not in quote:
        quote = f"{quote} … {second.quote}" if quote else second.quote
    return replace(first, title=first.title or second.title, quote=quote[:MAX_QUOTE_LENGTH])


def link_destination(url: str) -> str:
    """Return an http or https URL as it can stand in Markdown, between angle brackets or not; "" for any other."""
    return quote(url, safe="/:?#@!&'+,;=%~.-_") if is_web_url(url) else ""


def host_of(url: str) -> str:
    """Return the host of a URL without "www."; "" without one."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
