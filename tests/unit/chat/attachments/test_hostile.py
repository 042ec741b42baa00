"""Hostile files: each ends with one error or a limited result, and its process stays within its memory."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import pytest

from lib.core.attachment_errors import (
    BrokenFile,
    FileExceedsLimits,
    FileExpandsTooMuch,
    FileOutOfMemory,
    FileTimedOut,
    TooManyPages,
    TooManyPixels,
    UnknownFileKind,
)
from lib.core.attachments import AttachmentLimits
from lib.core.errors import AttachmentError
from tests.unit.chat.attachments import hostile_files as hostile

MB = 1_000_000
# More than any file takes that is refused before it is unpacked or decoded.
SMALL = 40 * MB
# Pages of the libraries' own files, which count when the child touches them and not against its limit.
MAPPED = 30 * MB


@pytest.fixture
def limit_reader(reader, monkeypatch):
    """Return a function that sets limits of the reader for this test: they come with each file."""

    def limit(**limits):
        monkeypatch.setattr(reader, "_limits", AttachmentLimits(**limits))
        return reader

    return limit


def read(reader, name, data, pages=""):
    """Return the result or the error of a file, after a check of the memory that it took."""
    try:
        return reader.read(name, data, pages)
    except AttachmentError as error:
        assert error.name == name
        return error
    finally:
        assert 0 < reader.status.peak_memory < reader.limits.memory + MAPPED


def test_a_png_of_30_000_pixels_is_refused_without_decoding(reader):
    data = hostile.png(30_000, 30_000)
    assert len(data) < MB
    assert isinstance(read(reader, "large.png", data), TooManyPixels)
    assert reader.status.peak_memory < SMALL


def test_the_largest_image_fits_into_the_memory(reader):
    image = read(reader, "large.png", hostile.png(10_000, 10_000))
    assert (image.width, image.height) == (2000, 2000)


def test_a_zip_bomb_is_refused_by_its_stated_sizes(reader):
    bomb = bytearray(hostile.document("<w:p/>", repeated={"word/media/image1.png": (b"\0" * MB, 1)}))
    entry = bomb.rindex(b"PK\x01\x02", 0, bomb.rindex(b"word/media/image1.png"))
    struct.pack_into("<I", bomb, entry + 24, 4_000 * MB)
    error = read(reader, "bomb.docx", bytes(bomb))
    assert isinstance(error, FileExpandsTooMuch)
    assert error.values["limit"] == "256.0 MB"
    assert reader.status.peak_memory < SMALL


def test_an_archive_of_many_files_is_refused(reader):
    stream = io.BytesIO(hostile.document("<w:p/>"))
    with zipfile.ZipFile(stream, "a") as archive:
        for number in range(10_001):
            archive.writestr(f"x/{number}", "")
    assert isinstance(read(reader, "many.docx", stream.getvalue()), BrokenFile)


def test_a_sheet_of_a_million_rows_is_cut_and_says_so(limit_reader):
    cells = "".join(f'<c t="inlineStr"><is><t>value {column}</t></is></c>' for column in range(10))
    # Of a million rows that the sheet states, enough are there to go beyond the limit of the text.
    data = hostile.workbook(f"<row>{cells}</row>" * 1000, 40)
    limited = limit_reader(max_text_chars=200_000)
    sheet = read(limited, "million.xlsx", data)
    assert sheet.is_truncated and len(sheet.text) == 200_000
    notes = {note.code: dict(note.values) for note in sheet.notes}
    assert notes["rows_truncated"]["total"] == 1_000_000 and 1000 < notes["rows_truncated"]["rows"] < 3000
    assert notes["text_truncated"] == {"limit": 200_000}
    assert limited.status.peak_memory < SMALL


def test_a_cell_in_the_last_corner_of_a_sheet_costs_nothing(reader):
    data = hostile.workbook('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', 1, "A1:XFD1048576")
    assert read(reader, "sparse.xlsx", data).text == "## Data"
    assert reader.status.peak_memory < SMALL


def test_a_pdf_of_5_000_pages_asks_for_a_choice(reader):
    data = hostile.pdf(5000)
    error = read(reader, "long.pdf", data)
    assert isinstance(error, TooManyPages) and error.values == {"count": 5000, "limit": 600}
    chosen = read(reader, "long.pdf", data, "1-2, 5000")
    assert chosen.pages == (1, 2, 5000) and len(chosen.data) < len(data) / 50
    assert reader.status.peak_memory < SMALL


@pytest.mark.parametrize(
    "data",
    [
        hostile.document("<w:p><w:r><w:t>&a11;</w:t></w:r></w:p>", hostile.ENTITY_BOMB),
        hostile.workbook('<row><c t="inlineStr"><is><t>&a11;</t></is></c></row>', 1, doctype=hostile.ENTITY_BOMB),
        hostile.open_document(f"{hostile.ENTITY_BOMB}<x>&a11;</x>"),
        hostile.document(
            "<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        ),
    ],
    ids=["docx", "xlsx", "odt", "external"],
)
def test_entities_are_not_expanded(reader, data):
    result = read(reader, "a", data)
    assert isinstance(result, BrokenFile) or "lol" not in result.text and "root:" not in result.text
    assert reader.status.peak_memory < SMALL


@pytest.mark.parametrize(
    "data",
    [
        hostile.raw_pdf(
            f"<</Type/Catalog/Pages 2 0 R/X {'[' * 20_000}{']' * 20_000}>>",
            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        ),
        hostile.raw_pdf(
            "<</Type/Catalog/Pages 2 0 R>>",
            *(f"<</Type/Pages/Kids[{n + 3} 0 R]/Count 1/Parent {n + 1} 0 R>>" for n in range(2000)),
            "<</Type/Page/MediaBox[0 0 9 9]>>",
        ),
        hostile.raw_pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R]/Count 1000000000>>"),
        b"<html>" + b"<div>" * 20_000 + b"x" * 40_000,
        b'{"nbformat":4,"cells":[' + b"[" * 50_000 + b"]}",
        hostile.document("<w:sdt><w:sdtContent>" * 5000 + "<w:p/>" + "</w:sdtContent></w:sdt>" * 5000),
        hostile.document("<w:tbl><w:tr><w:tc>" * 60 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 60),
        hostile.open_document(
            '<o:x xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><o:body><o:text>'
            + "<a>" * 20_000
            + "</a>" * 20_000
            + "</o:text></o:body></o:x>"
        ),
    ],
    ids=["pdf-arrays", "pdf-pages", "pdf-cycle", "html", "notebook", "docx", "docx-tables", "odt"],
)
def test_deep_nesting_ends(reader, data):
    result = read(reader, "deep", data)
    assert not isinstance(result, AttachmentError) or isinstance(result, BrokenFile | FileExceedsLimits)
    # The next file is read as if nothing had been.
    assert reader.read("next.txt", b"fine").text == "fine"


def test_bytes_of_no_kind_are_refused(reader):
    assert isinstance(read(reader, "noise.pdf", os.urandom(MB)), UnknownFileKind)


def test_a_file_that_needs_more_memory_is_refused(limit_reader):
    limited = limit_reader(memory=15 * MB)
    paragraphs = "<w:p><w:r><w:t>text</w:t></w:r></w:p>" * 60_000
    assert isinstance(read(limited, "large.docx", hostile.document(paragraphs)), FileOutOfMemory)
    assert isinstance(read(limited, "large.png", hostile.png(9_000, 9_000)), FileOutOfMemory)
    # A bomb whose archive states a small size.
    bomb = bytearray(hostile.document("<w:p/>" * 4_000_000))
    entry = bomb.rindex(b"PK\x01\x02", 0, bomb.rindex(b"word/document.xml"))
    struct.pack_into("<I", bomb, entry + 24, 1000)
    assert isinstance(read(limited, "bomb.docx", bytes(bomb)), FileOutOfMemory | BrokenFile)
    assert limited.read("next.txt", b"fine").text == "fine"


def test_a_file_that_needs_more_time_is_refused(limit_reader):
    # Rows that the sheet leaves out are counted one by one.
    data = hostile.workbook('<row r="999999999"><c r="A999999999"><v>1</v></c></row>', 1)
    limited = limit_reader(seconds=1.0)
    with pytest.raises(FileTimedOut):
        limited.read("endless.xlsx", data, seconds=230)  # by the clock, on a machine with much else to do
    assert 0.5 < limited.status.cpu_seconds < 10
    assert limited.read("next.txt", b"fine").text == "fine"
