"""Citation marks in ChatGPT's texts: replaced by their links, by the words inside them, or removed.

A mark stands between U+E200 and U+E201, its items between U+E202: a name, then what the name needs, as in
`cite, turn0search1` or `entity, ["people", "Ada Example", 0]`. U+E203 to U+E206 surround the words that a mark
belongs to. `content_references` of the message's metadata holds for each mark, and for the older 【1†source】,
its text and `alt`, a Markdown link.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lib.core.sanitize import get_objects
from lib.transfer.values import clean_text, get_text

_MARK = re.compile("\ue200(?P<items>[^\ue200\ue201]{0,2000})\ue201|【[^【】\n]{1,200}】")
_PRIVATE_SIGNS = re.compile("[\ue200-\ue206]")
_SEPARATOR = "\ue202"
_TITLE_NAMES = ("url", "link_title", "link")


@dataclass
class CitationLinks:
    """The links of a message's marks, in order; `dropped_count` counts the marks that left nothing."""

    links: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    dropped_count: int = 0

    def replace_marks(self, text: str) -> str:
        """Return a text with a link or words in the place of each mark."""
        if not _PRIVATE_SIGNS.search(text) and not self.links:
            return text
        return _PRIVATE_SIGNS.sub("", _MARK.sub(self._replace_mark, text))

    def _replace_mark(self, match: re.Match[str]) -> str:
        links = self.links.get(match[0])
        if links is not None:
            # A mark that comes more often than its references has the last one's link.
            return links.popleft() if len(links) > 1 else links[0]
        if match["items"] is None:
            return match[0]
        words = _find_words(match["items"].split(_SEPARATOR))
        self.dropped_count += not words
        return words


def read_links(metadata: dict[str, Any]) -> CitationLinks:
    """Read the links of `content_references`; a reference without one leaves its mark to the mark's own words."""
    citations = CitationLinks()
    for reference in get_objects(metadata, "content_references"):
        mark, link = get_text(reference, "matched_text"), get_text(reference, "alt").strip()
        if link and _MARK.fullmatch(mark):
            citations.links[mark].append(link)
    return citations


def _find_words(items: Iterable[str]) -> str:
    """Return the words that a reader of the original saw in a mark; "" for a mark that only refers to a source."""
    name, *rest = items
    if name == "entity" and rest:
        try:
            values = json.loads(rest[0])
        except ValueError:
            return ""
        return clean_text(values[1]) if isinstance(values, list) and len(values) > 1 else ""
    return rest[0] if name in _TITLE_NAMES and rest else ""
