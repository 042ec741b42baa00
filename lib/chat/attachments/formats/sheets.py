"""Spreadsheets of Excel as Markdown tables, row by row up to the limit of the text."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import openpyxl
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from lib.chat.attachments.formats.text_limit import TextLimit, add_table
from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile, EncryptedFile

_MAX_COLUMNS = 1_000


def read(data: bytes, text: TextLimit, parsed: Parsed) -> None:
    """Add the sheets of a workbook as tables of the values that Excel calculated last."""
    if "macroEnabled" in parsed.media_type:
        parsed.note("macros")
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except MemoryError:
        raise
    # openpyxl reads row by row, but refuses files with unusual styles, and the binary format.
    except Exception:  # noqa: BLE001
        read_whole(data, text, parsed)
        return
    sheets = workbook.worksheets
    parsed.page_count = len(sheets)
    for sheet in sheets:
        total = sheet.max_row or 0
        # The stated size would fill each row with empty cells up to its end.
        sheet.reset_dimensions()
        _add_sheet(sheet.title, sheet.sheet_state != "visible", sheet.iter_rows(values_only=True), total, text, parsed)
        if text.is_truncated:
            return


def read_whole(data: bytes, text: TextLimit, parsed: Parsed) -> None:
    """Add the sheets of a workbook in any format of Excel, each loaded as a whole. Raises EncryptedFile."""
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError:
        raise EncryptedFile from None
    except CalamineError:
        raise BrokenFile from None
    names = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    parsed.page_count = len(names)
    for name in names:
        sheet = workbook.get_sheet_by_name(name.name)
        is_hidden = name.visible != SheetVisibleEnum.Visible
        _add_sheet(name.name, is_hidden, sheet.iter_rows(), sheet.total_height, text, parsed)
        if text.is_truncated:
            return


def _add_sheet(
    title: str, is_hidden: bool, values: Iterable[Sequence[Any]], total: int, text: TextLimit, parsed: Parsed
) -> None:
    text.add(f"## {title}{' (hidden)' if is_hidden else ''}\n")
    count = add_table(text, _rows(values))
    if text.is_truncated:
        parsed.note("rows_truncated", sheet=title, rows=count, total=max(total, count))
        parsed.note("sheets_truncated", sheet=title)


def _rows(sheet_rows: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    """Return rows of texts without empty ones, at least as wide as those before."""
    width = 0
    for values in sheet_rows:
        cells = [_cell(value) for value in values[:_MAX_COLUMNS]]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            width = max(width, len(cells))
            yield cells + [""] * (width - len(cells))


def _cell(value: Any) -> str:
    """Return a value as it reads: dates in ISO 8601, whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(round(value, 10))
    if isinstance(value, datetime.datetime):
        is_date = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if is_date else value.isoformat(" ", "seconds")
    return str(value)
