"""What somebody said, so that it cannot change the Markdown document around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
_FENCE = re.compile(r"(?P<quote> {0,3}> ?)?(?P<indent> *)(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})")
_ITEM = re.compile(r" *(?P<mark>[-*+]|\d{1,9}[.)])(?P<gap> +|\Z)")
_RULE = re.compile(r" *([-*_])(?: *\1){2,} *")
# What ends a list without a blank line, if it is not inside it.
_INTERRUPTS = re.compile(r" *(?:#{1,6}(?: |\Z)|>|`{3}|~{3})")
_HEADING = re.compile(r"(?P<before>(?:[ >]|[-*+][ \t]|\d{1,9}[.)][ \t])*)(?P<marks>#{1,6})(?=[ \t]|\Z)")
_UNDERLINE = re.compile(r"[ \t]*(?:=+|-+)[ \t]*")
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?|mailto):[^\s<>]*>)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_DEEPER = 2  # the document itself has headings of the first two levels
_MOST_TICKS = 400  # in a line whose code spans are looked for


def contained(text: str) -> str:
    """The text with headings two levels deeper, and with tags that show as text; its code is left alone.

    A code block that is open at the end is closed. Where it cannot be seen for certain that something is
    code, it is taken for text.
    """
    lines: list[str] = []
    said: list[str] = []  # the lines since the last blank one or code block
    place = _Place()
    for line in _LINE_END.split(text.strip("\r\n")):
        if place.goes_on(line):
            lines.append(line)
            continue
        code = place.enters(line)
        if line.strip() and not code:
            said.append(line)
            continue
        lines += [*_tame(said), line]
        said = []
    return "\n".join([*lines, *_tame(said), *place.closing()])


@dataclass(frozen=True)
class _Code:
    """A code block that is open: in a quotation, or at this column, with this fence."""

    quoted: bool
    column: int
    fence: str

    def inner(self, line: str) -> str | None:
        """The line inside what the block is in; None where that has ended, and the block with it."""
        if self.quoted:
            start = line[:4].lstrip(" ")
            return line.lstrip(" ")[1:].removeprefix(" ") if start.startswith(">") else None
        return line[self.column :] if not line[: self.column].strip() else None

    def closed_by(self, inner: str) -> bool:
        marks = inner.strip()
        near = len(inner) - len(inner.lstrip(" ")) < 4
        return near and len(marks) >= len(self.fence) and not marks.strip(self.fence[0])


class _Place:
    """Where a line stands: in which lists, and in which code block."""

    def __init__(self) -> None:
        self._columns: list[int] = []  # where the text of the open lists' items begins
        self._code: _Code | None = None
        self._blank = True

    def goes_on(self, line: str) -> bool:
        """Whether the line belongs to the code block that is open, its end included."""
        if self._code is None:
            return False
        inner = self._code.inner(line.expandtabs(4))
        if inner is None:
            self._code = None
            self._blank = True
            return False
        if self._code.closed_by(inner):
            self._code = None
            self._blank = True
        return True

    def enters(self, line: str) -> bool:
        """Whether the line opens a code block; else note what it says of the lists."""
        line = line.expandtabs(4)
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            self._blank = True
            return False
        rule = _RULE.fullmatch(line) is not None
        item = None if rule else _ITEM.match(line)
        if item and not self._may_begin(line, item):
            item = None
        if item or rule or self._blank or _INTERRUPTS.match(line):
            self._leave(indent)
        self._code = self._opened(line)
        if item:
            self._items(line, indent)
        self._blank = False
        return self._code is not None

    def closing(self) -> list[str]:
        """What ends the code block that is open at the end."""
        if self._code is None:
            return []
        return [("> " if self._code.quoted else " " * self._code.column) + self._code.fence]

    def _may_begin(self, line: str, item: re.Match[str]) -> bool:
        """Whether a list may begin here: in a paragraph, only with a bullet or a 1, and with words."""
        if self._blank or self._columns:
            return True
        return item["mark"] in ("-", "*", "+", "1.", "1)") and bool(line[item.end() :].strip())

    def _leave(self, indent: int) -> None:
        while self._columns and indent < self._columns[-1]:
            self._columns.pop()

    def _opened(self, line: str) -> _Code | None:
        found = _FENCE.match(line)
        if found is None:
            return None
        column = self._columns[-1] if self._columns else 0
        if found["quote"]:
            # Only right behind the sign: further right it may be in a list inside the quotation.
            return _Code(True, 0, found["fence"]) if not column and not found["indent"] else None
        return _Code(False, column, found["fence"]) if len(found["indent"]) - column < 4 else None

    def _items(self, line: str, indent: int) -> None:
        """Note the items that begin on the line, which may stand in each other."""
        at = 0
        while item := _ITEM.match(line[at:]):
            before = item.start("mark")
            if indent - (self._columns[-1] if self._columns else 0) > 3 or before > 3 and at:
                return
            gap = len(item["gap"])
            rest = line[at + item.end() :]
            at += item.end("mark") + (gap if rest and gap < 5 else 1)
            self._columns.append(at)
            indent = at


def _tame(said: list[str]) -> list[str]:
    """Lines of one paragraph, a list or a table, without a heading of the document's levels or a tag."""
    spans = all(_paired(line) for line in said)
    lines: list[str] = []
    for number, line in enumerate(said):
        if number and _UNDERLINE.fullmatch(line):
            lines.append("")  # else it would make a heading of the line before
        heading = _HEADING.match(line)
        if heading:
            marks = "#" * min(6, len(heading["marks"]) + _DEEPER)
            line = heading["before"] + marks + line[heading.end() :]
        lines.append(_outside(line) if spans else _TAG.sub("&lt;", line))
    return lines


def _paired(line: str) -> bool:
    """Whether every code span of the line ends in it, as far as is easily seen."""
    return "\\`" not in line and line.count("`") <= _MOST_TICKS and "`" not in _SPAN.sub("", line)


def _outside(line: str) -> str:
    """The line with its tags as text, but for those in code spans."""
    found, end = "", 0
    for span in _SPAN.finditer(line):
        found += _TAG.sub("&lt;", line[end : span.start()]) + span[0]
        end = span.end()
    return found + _TAG.sub("&lt;", line[end:])
