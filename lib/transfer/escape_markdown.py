"""What somebody said, so that it cannot change the Markdown document around it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
_CODE_FENCE = re.compile(r"(?P<quote> {0,3}> ?)?(?P<indent> *)(?P<fence>`{3,}(?=[^`]*\Z)|~{3,})")
_LIST_ITEM = re.compile(r" *(?P<mark>[-*+]|\d{1,9}[.)])(?P<gap> +|\Z)")
_THEMATIC_BREAK = re.compile(r" *([-*_])(?: *\1){2,} *")
# What ends a list without a blank line, if it is not inside it.
_BLOCK_START = re.compile(r" *(?:#{1,6}(?: |\Z)|>|`{3}|~{3})")
_ATX_HEADING = re.compile(r"(?P<before>(?:[ >]|[-*+][ \t]|\d{1,9}[.)][ \t])*)(?P<marks>#{1,6})(?=[ \t]|\Z)")
_SETEXT_UNDERLINE = re.compile(r"[ \t]*(?:=+|-+)[ \t]*")
_HTML_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:https?|mailto):[^\s<>]*>)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])\1(?!`)")
_HEADING_SHIFT = 2  # the document itself has headings of the first two levels
_MAX_BACKTICKS = 400  # in a line whose code spans are looked for


def embed_markdown(text: str) -> str:
    """The text with headings two levels deeper, and with tags that show as text; its code is left alone.

    A code block that is open at the end is closed. Where it cannot be seen for certain that something is
    code, it is taken for text.
    """
    lines: list[str] = []
    said: list[str] = []  # the lines since the last blank one or code block
    place = _BlockScanner()
    for line in _LINE_END.split(text.strip("\r\n")):
        if place.continue_code_block(line):
            lines.append(line)
            continue
        code = place.open_code_block(line)
        if line.strip() and not code:
            said.append(line)
            continue
        lines += [*_escape_paragraph(said), line]
        said = []
    return "\n".join([*lines, *_escape_paragraph(said), *place.closing_lines()])


@dataclass(frozen=True)
class _CodeBlock:
    """A code block that is open: in a quotation, or at this column, with this fence."""

    is_quoted: bool
    column: int
    fence: str

    def strip_container(self, line: str) -> str | None:
        """The line inside what the block is in; None where that has ended, and the block with it."""
        if self.is_quoted:
            start = line[:4].lstrip(" ")
            return line.lstrip(" ")[1:].removeprefix(" ") if start.startswith(">") else None
        return line[self.column :] if not line[: self.column].strip() else None

    def is_closed_by(self, content: str) -> bool:
        marks = content.strip()
        near = len(content) - len(content.lstrip(" ")) < 4
        return near and len(marks) >= len(self.fence) and not marks.strip(self.fence[0])


class _BlockScanner:
    """Where a line stands: in which lists, and in which code block."""

    def __init__(self) -> None:
        self._list_columns: list[int] = []  # where the text of the open lists' items begins
        self._code_block: _CodeBlock | None = None
        self._is_after_blank = True

    def continue_code_block(self, line: str) -> bool:
        """Whether the line belongs to the code block that is open, its end included."""
        if self._code_block is None:
            return False
        inner = self._code_block.strip_container(line.expandtabs(4))
        if inner is None:
            self._code_block = None
            self._is_after_blank = True
            return False
        if self._code_block.is_closed_by(inner):
            self._code_block = None
            self._is_after_blank = True
        return True

    def open_code_block(self, line: str) -> bool:
        """Whether the line opens a code block; else note what it says of the lists."""
        line = line.expandtabs(4)
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            self._is_after_blank = True
            return False
        rule = _THEMATIC_BREAK.fullmatch(line) is not None
        item = None if rule else _LIST_ITEM.match(line)
        if item and not self._can_start_list(line, item):
            item = None
        if item or rule or self._is_after_blank or _BLOCK_START.match(line):
            self._close_lists(indent)
        self._code_block = self._match_code_block(line)
        if item:
            self._push_list_items(line, indent)
        self._is_after_blank = False
        return self._code_block is not None

    def closing_lines(self) -> list[str]:
        """What ends the code block that is open at the end."""
        if self._code_block is None:
            return []
        return [
            ("> " if self._code_block.is_quoted else " " * self._code_block.column) + self._code_block.fence
        ]

    def _can_start_list(self, line: str, item: re.Match[str]) -> bool:
        """Whether a list may begin here: in a paragraph, only with a bullet or a 1, and with words."""
        if self._is_after_blank or self._list_columns:
            return True
        return item["mark"] in ("-", "*", "+", "1.", "1)") and bool(line[item.end() :].strip())

    def _close_lists(self, indent: int) -> None:
        while self._list_columns and indent < self._list_columns[-1]:
            self._list_columns.pop()

    def _match_code_block(self, line: str) -> _CodeBlock | None:
        found = _CODE_FENCE.match(line)
        if found is None:
            return None
        column = self._list_columns[-1] if self._list_columns else 0
        if found["quote"]:
            # Only right behind the sign: further right it may be in a list inside the quotation.
            return _CodeBlock(True, 0, found["fence"]) if not column and not found["indent"] else None
        return _CodeBlock(False, column, found["fence"]) if len(found["indent"]) - column < 4 else None

    def _push_list_items(self, line: str, indent: int) -> None:
        """Note the items that begin on the line, which may stand in each other."""
        at = 0
        while item := _LIST_ITEM.match(line[at:]):
            before = item.start("mark")
            if indent - (self._list_columns[-1] if self._list_columns else 0) > 3 or before > 3 and at:
                return
            gap = len(item["gap"])
            rest = line[at + item.end() :]
            at += item.end("mark") + (gap if rest and gap < 5 else 1)
            self._list_columns.append(at)
            indent = at


def _escape_paragraph(paragraph: list[str]) -> list[str]:
    """Lines of one paragraph, a list or a table, without a heading of the document's levels or a tag."""
    spans = all(_has_closed_spans(line) for line in paragraph)
    lines: list[str] = []
    for number, line in enumerate(paragraph):
        if number and _SETEXT_UNDERLINE.fullmatch(line):
            lines.append("")  # else it would make a heading of the line before
        heading = _ATX_HEADING.match(line)
        if heading:
            marks = "#" * min(6, len(heading["marks"]) + _HEADING_SHIFT)
            line = heading["before"] + marks + line[heading.end() :]
        lines.append(_escape_tags_outside_code(line) if spans else _HTML_TAG.sub("&lt;", line))
    return lines


def _has_closed_spans(line: str) -> bool:
    """Whether every code span of the line ends in it, as far as is easily seen."""
    return "\\`" not in line and line.count("`") <= _MAX_BACKTICKS and "`" not in _CODE_SPAN.sub("", line)


def _escape_tags_outside_code(line: str) -> str:
    """The line with its tags as text, but for those in code spans."""
    found, end = "", 0
    for span in _CODE_SPAN.finditer(line):
        found += _HTML_TAG.sub("&lt;", line[end : span.start()]) + span[0]
        end = span.end()
    return found + _HTML_TAG.sub("&lt;", line[end:])
