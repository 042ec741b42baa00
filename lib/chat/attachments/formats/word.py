"""Documents of Word as Markdown: headings, lists, tables, links, footnotes and comments."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docx.opc.part import PartFactory
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart

from lib.chat.attachments.formats.text_limit import TextLimit, add_table
from lib.chat.attachments.parsed import Parsed

_P, _TBL, _SDT = qn("w:p"), qn("w:tbl"), qn("w:sdt")
_TEXT, _TAB, _BREAK, _RETURN, _NO_BREAK_HYPHEN = qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")
_HYPERLINK, _FOOTNOTE, _ENDNOTE = qn("w:hyperlink"), qn("w:footnoteReference"), qn("w:endnoteReference")
_DELETED, _FALLBACK = qn("w:del"), "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_VAL, _ID, _RELATION = qn("w:val"), qn("w:id"), qn("r:id")
_HEADING_NAME = re.compile(r"(?:heading|title|标题)\s*(\d)?", re.I)
_MAX_LEVEL = 6
# The library opens documents alone; templates and documents with macros have the same content.
_CONTENT_TYPES = (
    "application/vnd.ms-word.document.macroEnabled.main+xml",
    "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
)
PartFactory.part_type_for.update(dict.fromkeys(_CONTENT_TYPES, DocumentPart))
_MAX_TABLE_DEPTH = 8


@dataclass(frozen=True)
class _Style:
    """A paragraph style: its heading level and its list, 0 and "" for none."""

    level: int = 0
    list_id: str = ""
    list_level: int = 0


def read(data: bytes, text: TextLimit, parsed: Parsed) -> None:
    """Add the body of a document, then its footnotes. Changes that were deleted are left out."""
    document: Any = Package.open(io.BytesIO(data)).main_document_part.document
    if "macroEnabled" in parsed.media_type:
        parsed.note("macros")
    reader = _Reader(document, text)
    reader.add_blocks(document.element.body)
    if not text.is_truncated:
        reader.add_footnotes()


class _Reader:
    """One pass through a document, with its styles, lists and links looked up once."""

    def __init__(self, document: Any, text: TextLimit) -> None:
        self._text = text
        self._part = document.part
        self._links = {key: relation.target_ref for key, relation in document.part.rels.items() if relation.is_external}
        self._formats = _list_formats(document.part)
        self._styles = _styles(document)
        self._counters: dict[tuple[str, int], int] = {}
        self._notes: list[tuple[str, str]] = []
        self._list_id = ""

    def add_blocks(self, parent: Any) -> None:
        """Add paragraphs and tables in their order, also those inside of content controls."""
        for block in _blocks(parent):
            if self._text.is_truncated:
                return
            if block.tag == _P:
                self._add_paragraph(block)
            else:
                self._end_list()
                add_table(self._text, self._table_rows(block))

    def add_footnotes(self) -> None:
        """Add the footnotes and endnotes that the body refers to."""
        texts: dict[tuple[str, str], str] = {}
        for relation in self._part.rels.values():
            kind = relation.reltype.rpartition("/")[2]
            if kind in ("footnotes", "endnotes") and not relation.is_external:
                root = parse_xml(relation.target_part.blob)
                for note in root:
                    lines = (self._inline(paragraph) for paragraph in note.iter(_P))
                    texts[kind, note.get(_ID, "")] = " ".join(filter(None, lines)).strip()
        for number, reference in enumerate(self._notes, 1):
            self._text.add(f"[^{number}]: {texts.get(reference, '')}")

    def _add_paragraph(self, paragraph: Any) -> None:
        content = self._inline(paragraph).strip()
        if not content:
            return
        properties = paragraph.pPr
        style_id = properties.pStyle.val if properties is not None and properties.pStyle is not None else ""
        style = self._styles.get(style_id, _Style())
        list_id, list_level = _numbering(properties, style)
        if style.level:
            self._end_list()
            self._text.add(f"{'#' * style.level} {' '.join(content.split())}\n")
        elif list_id in self._formats:
            if list_id != self._list_id and not list_level:
                self._end_list()
            self._list_id = self._list_id or list_id
            self._text.add(f"{'   ' * list_level}{self._marker(list_id, list_level)} {content}")
        else:
            self._end_list()
            self._text.add(f"{content}\n")

    def _marker(self, list_id: str, level: int) -> str:
        for key in [key for key in self._counters if key[0] == list_id and key[1] > level]:
            del self._counters[key]
        number = self._counters[list_id, level] = self._counters.get((list_id, level), 0) + 1
        return "-" if self._formats[list_id].get(level, "bullet") in ("bullet", "none") else f"{number}."

    def _end_list(self) -> None:
        if self._list_id:
            self._text.add("")
        self._list_id = ""

    def _inline(self, element: Any) -> str:
        """Return the text of a paragraph or a run with links and references to notes."""
        parts: list[str] = []
        for child in element:
            tag = child.tag
            if tag == _TEXT:
                parts.append(child.text or "")
            elif tag in (_TAB, _BREAK, _RETURN):
                parts.append("\t" if tag == _TAB else "\n")
            elif tag == _NO_BREAK_HYPHEN:
                parts.append("-")
            elif tag in (_FOOTNOTE, _ENDNOTE):
                self._notes.append(("footnotes" if tag == _FOOTNOTE else "endnotes", child.get(_ID, "")))
                parts.append(f"[^{len(self._notes)}]")
            elif tag == _HYPERLINK:
                label, target = self._inline(child), self._links.get(child.get(_RELATION, ""), "")
                is_shown = target.startswith(("http://", "https://", "mailto:")) and label.strip() != target
                parts.append(f"[{label}]({target})" if is_shown and label.strip() else label)
            elif isinstance(tag, str) and tag not in (_DELETED, _FALLBACK, _P, _TBL):
                parts.append(self._inline(child))
            elif tag in (_P, _TBL):  # a text box inside of the paragraph
                parts.append(f"\n{' '.join(self._inline(inner) for inner in child.iter(_P)) or self._inline(child)}\n")
        return "".join(parts)

    def _table_rows(self, table: Any, depth: int = 0) -> Iterator[list[str]]:
        """Return the rows of a table; a cell over several columns stands in the first of them."""
        for row in table.tr_lst:
            cells: list[str] = []
            for cell in row.tc_lst:
                is_continued = cell.vMerge == "continue"
                cells.append("" if is_continued else self._cell_text(cell, depth))
                cells += [""] * (cell.grid_span - 1)
            yield cells

    def _cell_text(self, cell: Any, depth: int) -> str:
        parts = []
        for block in _blocks(cell):
            if block.tag == _P:
                parts.append(self._inline(block))
            elif depth < _MAX_TABLE_DEPTH:
                parts += [" / ".join(filter(None, row)) for row in self._table_rows(block, depth + 1)]
        return "\n".join(parts)


def _blocks(parent: Any) -> Iterator[Any]:
    for child in parent:
        if child.tag in (_P, _TBL):
            yield child
        elif child.tag == _SDT:
            content = child.find(qn("w:sdtContent"))
            yield from _blocks(content) if content is not None else ()


def _numbering(properties: Any, style: _Style) -> tuple[str, int]:
    """Return the list of a paragraph and its level: its own, else that of its style."""
    if properties is None or properties.numPr is None:
        return style.list_id, style.list_level
    own = properties.numPr
    list_id = str(own.numId.val) if own.numId is not None else style.list_id
    return list_id, own.ilvl.val if own.ilvl is not None else style.list_level


def _styles(document: Any) -> dict[str, _Style]:
    """Return the paragraph styles that are headings or lists, with what they inherit."""
    elements = {style.styleId: style for style in document.styles.element.style_lst}
    return {style_id: _style(style_id, elements) for style_id in elements}


def _style(style_id: str, elements: dict[str, Any]) -> _Style:
    level, list_id, list_level = 0, "", 0
    seen: set[str] = set()
    while style_id in elements and style_id not in seen:
        seen.add(style_id)
        element = elements[style_id]
        name, outline = element.name_val or "", element.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if not level and (match := _HEADING_NAME.fullmatch(name.strip())):
            level = int(match[1] or 1)
        if not level and outline is not None and (outline.get(_VAL) or "9") in "01234567":
            level = int(outline.get(_VAL)) + 1
        numbering = element.pPr.numPr if element.pPr is not None else None
        if not list_id and numbering is not None and numbering.numId is not None:
            list_id = str(numbering.numId.val)
            list_level = numbering.ilvl.val if numbering.ilvl is not None else 0
        style_id = element.basedOn_val or ""
    return _Style(min(level, _MAX_LEVEL), list_id, list_level)


def _list_formats(part: Any) -> dict[str, dict[int, str]]:
    """Return the number format of each level of each list; {} for a document without lists."""
    numbering = next(
        (relation.target_part for relation in part.rels.values() if relation.reltype.endswith("/numbering")), None
    )
    if numbering is None:
        return {}
    root = parse_xml(numbering.blob)
    abstract = {
        item.get(qn("w:abstractNumId")): {
            int(level.get(qn("w:ilvl"), "0")): next((f.get(_VAL) for f in level.iter(qn("w:numFmt"))), "bullet")
            for level in item.iter(qn("w:lvl"))
        }
        for item in root.iter(qn("w:abstractNum"))
    }
    formats: dict[str, dict[int, str]] = {}
    for item in root.iter(qn("w:num")):
        reference = item.find(qn("w:abstractNumId"))
        levels = abstract.get(reference.get(_VAL)) if reference is not None else None
        formats[item.get(qn("w:numId"))] = levels or {0: "bullet"}
    return formats
