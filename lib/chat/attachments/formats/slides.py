"""Presentations of PowerPoint as Markdown: titles, lists, tables, charts and notes of slides."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.package import Package

from lib.chat.attachments.formats.text_limit import TextLimit, add_table
from lib.chat.attachments.parsed import Parsed

_MAX_GROUP_DEPTH = 10


def read(data: bytes, text: TextLimit, parsed: Parsed) -> None:
    """Add the slides of a presentation, in their order."""
    presentation: Any = Package.open(io.BytesIO(data)).main_document_part.presentation
    slides = list(presentation.slides)
    parsed.page_count = len(slides)
    if "macroEnabled" in parsed.media_type:
        parsed.note("macros")
    for number, slide in enumerate(slides, 1):
        _add_slide(slide, number, text)
        if text.is_truncated:
            return


def _add_slide(slide: Any, number: int, text: TextLimit) -> None:
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None and title.has_text_frame else ""
    hidden = " (hidden)" if slide._element.get("show") == "0" else ""
    text.add(f"## Slide {number}{': ' if heading else ''}{heading}{hidden}\n")
    title_id = title.shape_id if title is not None else None
    for shape in _flatten(slide.shapes):
        if shape.shape_id != title_id:
            _add_shape(shape, text)
    if slide.has_notes_slide and (notes := _notes(slide.notes_slide)):
        text.add(f"Notes: {notes}\n")


def _notes(notes_slide: Any) -> str:
    """Return the notes; LibreOffice keeps them in a shape that is no placeholder."""
    if frame := notes_slide.notes_text_frame:
        return str(frame.text).strip()
    frames = [shape.text_frame for shape in notes_slide.shapes if shape.has_text_frame and not shape.is_placeholder]
    return "\n".join(frame.text for frame in frames).strip()


def _flatten(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    """Return shapes and those inside of groups, from top to bottom."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < _MAX_GROUP_DEPTH:
            yield from _flatten(shape.shapes, depth + 1)
        else:
            yield shape


def _add_shape(shape: Any, text: TextLimit) -> None:
    if getattr(shape, "has_table", False) and shape.has_table:
        add_table(text, ([cell.text for cell in row.cells] for row in shape.table.rows))
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        _add_chart(shape.chart, text)
    elif shape.has_text_frame and shape.text_frame.text.strip():
        paragraphs = [paragraph for paragraph in shape.text_frame.paragraphs if paragraph.text.strip()]
        is_list = len(paragraphs) > 1 or (shape.is_placeholder and paragraphs[0].level > 0)
        for paragraph in paragraphs:
            line = " ".join(paragraph.text.split())
            text.add(f"{'  ' * paragraph.level}- {line}" if is_list else line)
        text.add("")


def _add_chart(chart: Any, text: TextLimit) -> None:
    """Add the figures of a chart as a table: a row for each category."""
    for plot in chart.plots:
        series = list(plot.series)
        categories = [str(category) for category in plot.categories]
        rows = [["", *(str(item.name) for item in series)]]
        for index, category in enumerate(categories):
            values = [item.values[index] if index < len(item.values) else None for item in series]
            rows.append([category, *("" if value is None else f"{value:g}" for value in values)])
        add_table(text, rows)
