"""Documents, spreadsheets and presentations of LibreOffice as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from lib.chat.attachments.formats.archives import open_archive
from lib.chat.attachments.formats.text_limit import TextLimit, add_table
from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile, EncryptedFile

_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"


def _name(prefix: str, local: str) -> str:
    return f"{{{_NAMESPACE.format(prefix)}}}{local}"


_BODY, _PAGE, _TABLE = _name("office", "body"), _name("drawing", "page"), _name("table", "table")
_H, _PARAGRAPH, _LIST, _ITEM = _name("text", "h"), _name("text", "p"), _name("text", "list"), _name("text", "list-item")
_ROW, _CELL, _COVERED = _name("table", "table-row"), _name("table", "table-cell"), _name("table", "covered-table-cell")
_NOTES, _NOTE_BODY = _name("presentation", "notes"), _name("text", "note-body")
_DELETED, _ANNOTATION = _name("text", "tracked-changes"), _name("office", "annotation")
_REPEAT_ROW, _REPEAT_CELL = _name("table", "number-rows-repeated"), _name("table", "number-columns-repeated")
_MAX_REPEATED_CELLS, _MAX_REPEATED_ROWS = 1_000, 10_000
_MAX_DEPTH = 50


def read(data: bytes, text: TextLimit, parsed: Parsed) -> None:
    """Add the content of a file of one of the three kinds. Raises EncryptedFile and BrokenFile."""
    with open_archive(data) as archive:
        names = set(archive.namelist())
        manifest = archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
        if b"encryption-data" in manifest or "encrypted-package" in names:
            raise EncryptedFile
        if "content.xml" not in names:
            raise BrokenFile
        content = archive.read("content.xml")
    try:
        document = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise BrokenFile from None
    body = document.find(_BODY)
    if body is None or not len(body):
        raise BrokenFile
    root, blocks = body[0], _Blocks(document, text)
    if parsed.kind == "spreadsheet":
        _add_sheets(root, text, parsed)
    elif parsed.kind == "presentation":
        _add_slides(root, text, parsed, blocks)
    else:
        blocks.add(root)


def _add_sheets(root: Element, text: TextLimit, parsed: Parsed) -> None:
    tables = root.findall(_TABLE)
    parsed.page_count = len(tables)
    for table in tables:
        title = table.get(_name("table", "name"), "")
        text.add(f"## {title}\n")
        count = add_table(text, _rows(table))
        if text.is_truncated:
            parsed.note("sheets_truncated", sheet=title)
            parsed.note("rows_truncated", sheet=title, rows=count, total=sum(1 for _ in _rows(table)))
            return


def _add_slides(root: Element, text: TextLimit, parsed: Parsed, blocks: _Blocks) -> None:
    pages = root.findall(_PAGE)
    parsed.page_count = len(pages)
    for number, page in enumerate(pages, 1):
        text.add(f"## Slide {number}\n")
        for shape in page:
            if shape.tag == _NOTES:
                notes = " ".join(filter(None, (_inline(p) for p in shape.iter(_PARAGRAPH)))).strip()
                if notes:
                    text.add(f"Notes: {notes}\n")
            else:
                blocks.add(shape)
        if text.is_truncated:
            return


class _Blocks:
    """Headings, paragraphs, lists and tables of a document."""

    def __init__(self, document: Element, text: TextLimit) -> None:
        self._text = text
        self._numbered = {
            style.get(_name("style", "name"), "")
            for style in document.iter(_name("text", "list-style"))
            if len(style) and style[0].tag == _name("text", "list-level-style-number")
        }

    def add(self, parent: Element, depth: int = 0) -> None:
        """Add the blocks of an element, also those inside of sections and frames."""
        blocks = list(parent)
        for index, block in enumerate(blocks):
            if self._text.is_truncated or depth > _MAX_DEPTH:
                return
            if block.tag == _LIST:
                self._add_list(block, 0, block.get(_name("text", "style-name"), ""))
                # Presentations hold each level in a list of its own.
                if not any(map(_is_nested, blocks[index + 1 : index + 2])):
                    self._text.add("")
            elif block.tag in (_H, _PARAGRAPH, _TABLE):
                self._add_block(block)
            elif block.tag not in (_DELETED, _ANNOTATION):
                self.add(block, depth + 1)

    def _add_block(self, block: Element) -> None:
        if block.tag == _TABLE:
            add_table(self._text, _rows(block))
        elif content := _inline(block).strip():
            level = block.get(_name("text", "outline-level"), "1") if block.tag == _H else ""
            heading = f"{'#' * min(6, int(level) if level.isdecimal() else 1)} " if level else ""
            self._text.add(f"{heading}{content}\n")

    def _add_list(self, parent: Element, level: int, style: str) -> None:
        is_numbered = style in self._numbered
        number = 0
        for item in parent.iter(_ITEM) if level > _MAX_DEPTH else parent.findall(_ITEM):
            for block in item:
                if block.tag == _LIST and level <= _MAX_DEPTH:
                    self._add_list(block, level + 1, block.get(_name("text", "style-name"), style))
                elif content := _inline(block).strip():
                    number += 1
                    self._text.add(f"{'   ' * level}{f'{number}.' if is_numbered else '-'} {content}")


def _is_nested(block: Element) -> bool:
    """Return True for a list that begins one level below."""
    return block.tag == _LIST and len(block) > 0 and len(block[0]) > 0 and block[0][0].tag == _LIST


def _rows(table: Element) -> Iterator[list[str]]:
    """Return the rows of a table without empty ones; repeated cells and rows are written out, with a limit."""
    for row in table.iter(_ROW):
        cells: list[str] = []
        for cell in row:
            if cell.tag not in (_CELL, _COVERED):
                continue
            lines = (_inline(paragraph) for paragraph in cell.iter(_PARAGRAPH))
            content = " ".join(filter(None, lines)) if cell.tag == _CELL else ""
            cells += [content] * _repeat(cell, _REPEAT_CELL, _MAX_REPEATED_CELLS)
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            for _ in range(_repeat(row, _REPEAT_ROW, _MAX_REPEATED_ROWS)):
                yield cells


def _repeat(element: Element, attribute: str, limit: int) -> int:
    value = element.get(attribute, "1")
    return min(limit, int(value)) if value.isdecimal() else 1


def _inline(element: Any, depth: int = 0) -> str:
    """Return the text of a paragraph with its tabs, line breaks, repeated blanks and notes."""
    parts = [element.text or ""]
    for child in element:
        local = child.tag.rpartition("}")[2]
        if local == "s":
            count = child.get(_name("text", "c"), "1")
            parts.append(" " * (min(200, int(count)) if count.isdecimal() else 1))
        elif local in ("tab", "line-break"):
            parts.append("\t" if local == "tab" else "\n")
        elif local == "note":
            note = child.find(_NOTE_BODY)
            parts.append(f" ({' '.join(note.itertext()).strip()})" if note is not None else "")
        elif local == "a" and depth < _MAX_DEPTH:
            label, target = _inline(child, depth + 1), child.get("{http://www.w3.org/1999/xlink}href", "")
            is_shown = target.startswith(("http://", "https://", "mailto:")) and label.strip() not in ("", target)
            parts.append(f"[{label}]({target})" if is_shown else label)
        elif child.tag != _ANNOTATION and depth < _MAX_DEPTH:
            parts.append(_inline(child, depth + 1))
        parts.append(child.tail or "")
    return "".join(parts)
