"""The text of an HTML page as Markdown; of a very large one as plain lines."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup
from lxml import etree
from markdownify import MarkdownConverter

_WITHOUT_TEXT = [
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "canvas",
    "img",
    "video",
    "audio",
]
_BLOCKS = frozenset(
    ["address", "article", "aside", "blockquote", "br", "dd", "div", "dt", "figcaption", "footer", "form", "h1", "h2"]
    + ["h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "title", "tr"]
    + ["ul"]
)
# A tree of objects takes two seconds and 50 MB for each million characters.
_MAX_MARKDOWN_SOURCE = 1_500_000
_BLANK_LINES = re.compile(r"\n{3,}")


def to_markdown(html: str) -> str:
    """Return headings, paragraphs, lists, links and tables of a page; no scripts, styles and images."""
    if len(html) > _MAX_MARKDOWN_SOURCE:
        return _tidy(str(etree.fromstring(html, etree.HTMLParser(target=_TextTarget()))))
    soup = BeautifulSoup(html, "lxml")
    for tag in soup(_WITHOUT_TEXT):
        tag.decompose()
    for link in soup("a", href=re.compile(r"^\s*(?:data|javascript):", re.I)):
        link.unwrap()
    try:
        text = MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(soup)
    except RecursionError:  # a page of hundreds of nested elements
        text = soup.get_text("\n", strip=True)
    return _tidy(str(text))


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in text.splitlines())).strip()


class _TextTarget:
    """Collector of the text of a page while it is parsed, without a tree."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._skipped = 0

    def start(self, tag: str, _attributes: Any) -> None:
        """Begin an element: a block begins a line."""
        self._skipped += tag in _WITHOUT_TEXT
        if tag in _BLOCKS:
            self._parts.append("\n")

    def end(self, tag: str) -> None:
        """End an element: a block ends its line, and a cell is set apart from the next one."""
        self._skipped -= tag in _WITHOUT_TEXT
        if tag in _BLOCKS:
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts.append("\t")

    def data(self, text: str) -> None:
        """Add text, with blanks as the page shows them."""
        if not self._skipped:
            self._parts.append(re.sub(r"\s+", " ", text))

    def close(self) -> str:
        """Return the text."""
        return "".join(self._parts)
