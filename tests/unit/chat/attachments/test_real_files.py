"""Files made by other programs, read as users attach them; tests/data/files/README.md names the programs."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from PIL import Image

from lib.core.attachment_errors import EncryptedFile, VideoFile

MARKDOWN = """# Quarterly report

An introduction with [the plan](https://example.org/plan) and a tab.

## Goals

- First goal
   - Nested goal
- Second goal

1. Step one
2. Step two

## Figures

| Region | Sales \\| net |
| --- | --- |
| North | 1200 |
| South 南方 | 800 |

结论：一切正常。"""
SHEET = """## sheet

| Name | Date | Amount | Paid |
| --- | --- | --- | --- |
| Ann \\| Co | 2026-03-01 | 1234.5 | TRUE |
| 李四 | 2026-04-15 | 99 | FALSE |"""
SLIDES = ["## Slide 1", "Launch plan", "- Prepare", "- Invite testers", "- Release", "Notes: Thank the team first."] + [
    "## Slide 2",
    "预算",
    "| Item | Cost |",
    "| Servers | 300 |",
]


def note_codes(attachment):
    return [note.code for note in attachment.notes]


@pytest.mark.parametrize("name", ["doc.docx", "doc.odt"])
def test_a_document_is_read_as_markdown(reader, load, name):
    attachment = reader.read(name, load(name))
    assert attachment.kind == "document"
    assert attachment.text == MARKDOWN
    assert attachment.data == load(name)
    assert not attachment.has_native_form and not attachment.is_truncated
    assert attachment.text_tokens > 50


def test_footnotes_line_breaks_and_wide_cells_are_kept(reader, load):
    text = reader.read("notes.docx", load("notes.docx")).text
    assert "The vote[^1] passed." in text and "[^1]: Held on Monday." in text
    assert "Tab\tand   blanks\nsecond line" in text
    assert "| Wide |  |\n| --- | --- |\n| a b | c |" in text
    assert "The vote (Held on Monday.) passed." in reader.read("notes.odt", load("notes.odt")).text


@pytest.mark.parametrize("name", ["sheet.xlsx", "sheet.ods"])
def test_a_spreadsheet_is_read_as_tables(reader, load, name):
    attachment = reader.read(name, load(name))
    assert (attachment.kind, attachment.page_count, attachment.text) == ("spreadsheet", 1, SHEET)


@pytest.mark.parametrize("name", ["pres.pptx", "pres.odp"])
def test_a_presentation_is_read_slide_by_slide(reader, load, name):
    attachment = reader.read(name, load(name))
    assert (attachment.kind, attachment.page_count) == ("presentation", 2)
    lines = [line.strip() for line in attachment.text.splitlines()]
    assert [line for line in lines if line in SLIDES] == SLIDES


def test_a_pdf_has_its_text_by_page_and_a_thumbnail(reader, load):
    attachment = reader.read("report.pdf", load("three.pdf"))
    assert (attachment.kind, attachment.page_count, attachment.pages) == ("pdf", 3, ())
    assert (
        attachment.text
        == "## Page 1\n\nFirst page text\n\n## Page 2\n\nSecond page text\n\n## Page 3\n\nThird page text"
    )
    assert attachment.data == load("three.pdf")
    with Image.open(io.BytesIO(attachment.thumbnail)) as thumbnail:
        assert (thumbnail.format, max(thumbnail.size)) == ("WEBP", 320)
    text = reader.read("doc.pdf", load("doc.pdf")).text
    assert "South 南方 800" in text and "结论：一切正常。" in text


def test_chosen_pages_are_the_file_and_the_text(reader, load):
    attachment = reader.read("report.pdf", load("three.pdf"), "3, 1")
    assert (attachment.page_count, attachment.pages) == (3, (1, 3))
    assert attachment.text == "## Page 1\n\nFirst page text\n\n## Page 3\n\nThird page text"
    copy = pypdfium2.PdfDocument(attachment.data)
    assert [page.get_textpage().get_text_bounded() for page in copy] == ["First page text", "Third page text"]
    assert note_codes(attachment) == ["pages_chosen"]


def test_pages_have_previews(reader, load):
    previews = reader.previews("report.pdf", load("three.pdf"), "2-3")
    assert list(previews) == [2, 3]
    for preview in previews.values():
        with Image.open(io.BytesIO(preview)) as image:
            assert image.format == "WEBP"
            assert image.convert("L").getextrema()[0] < 100  # the text of the page


def test_a_scanned_pdf_says_that_it_has_no_text(reader, load):
    attachment = reader.read("scan.pdf", load("scan.pdf"))
    assert (attachment.text, attachment.text_tokens) == ("", 0)
    assert note_codes(attachment) == ["scanned"]


def test_the_fields_of_a_form_are_in_its_text_and_in_a_copy(reader, load):
    attachment = reader.read("form.pdf", load("form-filled.pdf"))
    assert "- city: Hamburg\n- agree: [x]" in attachment.text
    assert note_codes(attachment) == ["form"]
    copy = pypdfium2.PdfDocument(reader.read("form.pdf", load("form-filled.pdf"), "1").data)
    assert len(copy) == 1


def test_a_pdf_with_a_password_is_refused_and_one_that_is_protected_is_not(reader, load):
    with pytest.raises(EncryptedFile) as refused:
        reader.read("secret.pdf", load("encrypted.pdf"))
    assert refused.value.name == "secret.pdf"
    attachment = reader.read("protected.pdf", load("protected.pdf"))
    assert "Quarterly report" in attachment.text
    assert b"/Encrypt" in load("protected.pdf") and b"/Encrypt" not in attachment.data
    assert note_codes(attachment) == ["protection_removed"]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.webm", "clip.avi", "clip.mkv"])
def test_a_video_is_refused(reader, load, name):
    with pytest.raises(VideoFile):
        reader.read(name, load(name))


def test_a_workbook_of_old_excel_is_read_too(reader, load):
    attachment = reader.read("sheet.xls", load("sheet.xls"))
    assert (attachment.kind, attachment.media_type) == ("spreadsheet", "application/vnd.ms-excel")
    # The old format of LibreOffice has numbers for truth values.
    assert attachment.text == SHEET.replace("TRUE", "1").replace("FALSE", "0")
    assert attachment.notes == () and attachment.file_name == "sheet.xls"


@pytest.mark.parametrize(
    ("name", "media_type", "seconds"),
    [
        ("tone.wav", "audio/wav", 1.0),
        ("tone.mp3", "audio/mpeg", 1.15),
        ("tone.m4a", "audio/mp4", 1.0),
        ("tone.ogg", "audio/ogg", 1.0),
        ("tone.flac", "audio/flac", 1.0),
        ("tone.webm", "audio/webm", None),
        ("tone.aac", "audio/aac", None),
    ],
)
def test_audio_is_kept_with_its_duration(reader, load, name, media_type, seconds):
    attachment = reader.read(name, load(name))
    assert (attachment.kind, attachment.media_type) == ("audio", media_type)
    assert attachment.data == load(name)
    assert attachment.duration == (pytest.approx(seconds, abs=0.1) if seconds else None)
