"""Detection by content: mislabelled files, programs, archives and kinds of text."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from PIL import Image

from lib.chat.attachments.detect import detect
from lib.core.attachment_errors import (
    ArchiveFile,
    BrokenFile,
    EncryptedFile,
    ExecutableFile,
    LegacyOfficeFile,
    UnknownFileKind,
    VideoFile,
)
from tests.unit.chat.attachments import hostile_files as files


def encoded(image_format: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, image_format)
    return stream.getvalue()


def packed(**parts: str) -> bytes:
    return files.archive({name.replace("__", "/").replace("_xml", ".xml"): text for name, text in parts.items()})


ELF = b"\x7fELF\x02\x01\x01" + bytes(60)
EXE = b"MZ\x90\x00\x03" + bytes(200) + b"PE\0\0"
PROGRAMS = [ELF, EXE, b"\xcf\xfa\xed\xfe" + bytes(60), b"\xca\xfe\xba\xbe\0\0\0\x34", b"\0asm\1\0\0\0"]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize("name", ["photo.png", "report.pdf", "notes.txt", "table.xlsx", "x"])
@pytest.mark.parametrize(
    "data", [ELF, EXE, b"\xcf\xfa\xed\xfe" + bytes(60), b"\xca\xfe\xba\xbe\0\0\0\x34", b"\0asm\1\0\0\0"]
)
def test_a_program_is_refused_under_any_name(data, name):
    with pytest.raises(ExecutableFile):
        detect(data, name)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (packed(a="text"), ArchiveFile),
        (packed(word__other_xml="<x/>"), ArchiveFile),
        (b"Rar!\x1a\x07\x01\x00" + bytes(60), ArchiveFile),
        (b"7z\xbc\xaf\x27\x1c" + bytes(60), ArchiveFile),
        (b"\x1f\x8b\x08\x00" + bytes(60), ArchiveFile),
        (b"PK\x03\x04" + bytes(60), BrokenFile),
        (OLE, LegacyOfficeFile),
        (OLE + "EncryptedPackage".encode("utf-16-le"), EncryptedFile),
        (b"{\\rtf1\\ansi text}", LegacyOfficeFile),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00" + b"hdlr" + bytes(8) + b"vide" + bytes(60), VideoFile),
        (b"\x00\x00\x00\x14ftypqt  " + bytes(60), VideoFile),
        (b"OggS\x00\x02" + bytes(22) + b"\x80theora", VideoFile),
        (b"SQLite format 3\x00" + bytes(200), UnknownFileKind),
        (bytes(range(256)) * 20, UnknownFileKind),
    ],
)
def test_other_kinds_are_refused_by_their_reason(data, error):
    with pytest.raises(error):
        detect(data, "report.pdf")


@pytest.mark.parametrize(
    ("name", "data", "kind", "media_type", "wrong"),
    [
        ("photo.png", encoded("JPEG"), "image", "image/jpeg", "png"),
        ("photo.JPEG", encoded("JPEG"), "image", "image/jpeg", ""),
        ("photo", encoded("PNG"), "image", "image/png", ""),
        ("photo.tif", encoded("TIFF"), "image", "image/tiff", ""),
        ("photo.pdf", encoded("GIF"), "image", "image/gif", "pdf"),
        ("notes.txt", files.pdf(1), "pdf", "application/pdf", "txt"),
        ("report.docx", files.pdf(1), "pdf", "application/pdf", "docx"),
        ("report.PDF", files.pdf(1), "pdf", "application/pdf", ""),
        ("table.docx", files.workbook("", 1), "spreadsheet", "sheet", "docx"),
        ("table.xlsx", files.workbook("", 1), "spreadsheet", "sheet", ""),
        ("template.dotx", files.document(""), "document", "wordprocessingml.document", ""),
        ("photo.jpg", b"just text", "text", "text/plain", "jpg"),
        ("song.mp3", b"just text", "text", "text/plain", "mp3"),
        ("notes.md", b"# Title", "text", "text/markdown", ""),
    ],
)
def test_a_mislabelled_file_is_taken_as_what_it_is(name, data, kind, media_type, wrong):
    detected = detect(data, name)
    assert (detected.kind, detected.wrong_extension) == (kind, wrong)
    assert detected.media_type.endswith(media_type)


@pytest.mark.parametrize(
    ("name", "text", "media_type"),
    [
        ("a.txt", "plain", "text/plain"),
        ("a.py", "print('MZ and PK')", "text/x-python"),
        ("a.ts", "let x = 1", "text/plain"),
        ("Makefile", "all:\n\techo", "text/plain"),
        ("a.csv", "a,b\n1,2", "text/csv"),
        ("a.json", '{"a": 1}', "application/json"),
        ("a.xml", "<a/>", "application/xml"),
        ("a.txt", "<!DOCTYPE html><html></html>", "text/html"),
        ("a", '<?xml version="1.0"?>\n<!-- made -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        ("a.ipynb", json.dumps({"cells": [], "nbformat": 4}), "application/x-ipynb+json"),
        ("a.json", json.dumps({"cells": [], "nbformat": 4}), "application/x-ipynb+json"),
        ("a.json", json.dumps({"cells": 3}), "application/json"),
        ("a.py", 'PDF = b"%PDF-1.7"\n', "text/x-python"),
        ("a.sh", "#!/bin/sh\necho", "text/x-sh"),
        ("a.log", "\x1b[31mred\x1b[0m", "text/plain"),
        ("MZ.txt", "MZ is a text", "text/plain"),
        ("a.txt", "BM is no image", "text/plain"),
    ],
)
def test_texts_are_told_apart_by_structure_and_name(name, text, media_type):
    detected = detect(text.encode(), name)
    # Python's table of types differs between its versions for scripts.
    allowed = {media_type, "text/plain"} if media_type == "text/x-sh" else {media_type}
    assert detected.kind == "text" and detected.media_type in allowed


def test_a_pdf_may_have_other_bytes_in_front():
    data = b"\r\n\xef\xbb\xbf" + b"HTTP header\r\n\r\n" + files.pdf(1)
    assert detect(data, "a.pdf").kind == "pdf"


@pytest.mark.parametrize(
    ("part", "kind", "media_type"),
    [
        ("word", "document", "application/vnd.ms-word.document.macroEnabled.12"),
        ("xl", "spreadsheet", "application/vnd.ms-excel.sheet.macroEnabled.12"),
        ("ppt", "presentation", "application/vnd.ms-powerpoint.presentation.macroEnabled.12"),
    ],
)
def test_a_file_with_macros_has_its_own_type(part, kind, media_type):
    main = {"word": "document", "xl": "workbook", "ppt": "presentation"}[part]
    data = files.archive({f"{part}/{main}.xml": "<x/>", f"{part}/vbaProject.bin": "x"})
    assert (detect(data, "a").kind, detect(data, "a").media_type) == (kind, media_type)


def test_a_document_with_a_password_is_refused(parse):
    stream = io.BytesIO(files.document("<w:p/>"))
    with zipfile.ZipFile(stream) as archive:
        flags = [entry.header_offset for entry in archive.infolist()]
    data = bytearray(stream.getvalue())
    assert flags
    position = -1
    while (position := data.find(b"PK\x01\x02", position + 1)) >= 0:
        data[position + 8] |= 1
    with pytest.raises(EncryptedFile):
        parse("a.docx", bytes(data))
    manifest = "<manifest><encryption-data/></manifest>"
    odt = files.archive({"mimetype": "application/vnd.oasis.opendocument.text", "META-INF/manifest.xml": manifest})
    with pytest.raises(EncryptedFile):
        parse("a.odt", odt)
