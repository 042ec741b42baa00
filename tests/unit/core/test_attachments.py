"""Attachments as values: names, token estimates by the vendors' rules, errors and their texts."""

from __future__ import annotations

import re

import pytest

from lib.core import attachment_errors
from lib.core.attachment_errors import FileExceedsLimits, FileRefused, PageNotFetched, error_types
from lib.core.attachment_tokens import estimate_image, estimate_native
from lib.core.attachments import Attachment, AttachmentNote
from lib.core.errors import AttachmentError
from lib.ui.text.i18n import TRANSLATIONS, translate

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
VALUES = dict.fromkeys(("size", "limit", "choice", "width", "height"), "1") | {
    "count": 3,
    "reason": "Why.",
    "status": 404,
    "media_type": "x",
}


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("photo.heic", "image/jpeg", "photo.jpg"),
        ("photo.jpeg", "image/jpeg", "photo.jpeg"),
        ("photo", "image/png", "photo.png"),
        ("scan.jpg", "application/pdf", "scan.pdf"),
        ("report.v2.pdf", "application/pdf", "report.v2.pdf"),
        ("main.py", "text/x-python", "main.py"),
        ("Makefile", "text/plain", "Makefile"),
        ("letter.docx", DOCX, "letter.docx"),
        ("voice.opus", "audio/ogg", "voice.opus"),
    ],
)
def test_a_file_is_sent_under_a_name_that_fits_its_content(name, media_type, expected):
    assert Attachment("text", media_type, name, b"").file_name == expected


def test_an_attachment_shows_its_content_in_no_log():
    attachment = Attachment("pdf", "application/pdf", "secret.pdf", b"bytes", text="words", thumbnail=b"picture")
    assert "bytes" not in repr(attachment) and "words" not in repr(attachment) and "picture" not in repr(attachment)
    assert attachment.summary() == "application/pdf, 1 kB"


# Sizes and counts from the vendors' own pages, where they give examples.
@pytest.mark.parametrize(
    ("model", "width", "height", "expected"),
    [
        ("gpt-4o", 1024, 1024, 765),  # 4 tiles of 170, and 85
        ("gpt-4o", 2048, 4096, 1105),  # scaled to 768 × 1536: 6 tiles
        ("gpt-4.1", 512, 512, 255),
        ("gpt-5.1", 1024, 1024, 630),
        ("o3", 512, 512, 225),
        ("gpt-4o-mini", 512, 512, 2833 + 5667),
        ("gpt-4.1-mini", 1024, 1024, 1659),  # 1,024 patches × 1.62
        ("gpt-4.1-mini", 1800, 2400, 2489),  # at most 1,536 patches
        ("gpt-5-nano", 32, 32, 3),
        ("gpt-5.5", 1024, 1024, 1229),
        ("gpt-6-astra", 1920, 1080, 2448),
        ("claude-sonnet-4-5", 1092, 1092, 1521),
        ("claude-haiku-4-5", 4000, 3000, 1568),
        ("anthropic/claude-opus-4.7", 1092, 1092, 1521),
        ("claude-opus-5-5", 1920, 1080, 2691),
        ("claude-opus-5-5", 4000, 3000, 4784),
        ("gemini-2.5-pro", 384, 384, 258),
        ("gemini-2.5-pro", 1536, 768, 516),
        ("gemini-3-pro", 4000, 3000, 1120),
        ("qwen-vl-max", 640, 320, 240),
    ],
)
def test_an_image_is_estimated_by_the_rules_of_its_vendor(model, width, height, expected):
    assert estimate_image(width, height, model) == expected


def test_a_pdf_counts_its_chosen_pages_and_its_text():
    pdf = Attachment("pdf", "application/pdf", "a.pdf", b"", page_count=10, pages=(1, 2), text_tokens=500)
    assert estimate_native(pdf, "claude-sonnet-4-5") == 500 + 2 * 1568
    assert estimate_native(pdf, "gemini-3-pro") == 2 * 258
    whole = Attachment("pdf", "application/pdf", "a.pdf", b"", page_count=10)
    assert estimate_native(whole, "gpt-4o") == 10 * estimate_image(1024, 1448, "gpt-4o")


def test_audio_counts_its_seconds_and_other_kinds_have_no_such_form():
    assert estimate_native(Attachment("audio", "audio/wav", "a.wav", b"", duration=2.05), "gpt-audio") == 21
    assert estimate_native(Attachment("audio", "audio/wav", "a.wav", b"", duration=2.0), "gemini-3-pro") == 64
    assert estimate_native(Attachment("audio", "audio/webm", "a.webm", b""), "gpt-audio") == 0
    assert estimate_native(Attachment("document", DOCX, "a.docx", b"", text_tokens=9), "gpt-4o") == 0
    assert estimate_native(Attachment("image", "image/png", "a.png", b"", width=512, height=512), "gpt-4o") == 255


def test_the_documented_tree_of_errors_is_that_of_the_classes():
    lines = re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?: {2,}|$)", attachment_errors.__doc__ or "", re.MULTILINE)
    parents: dict[int, str] = {}
    documented = {}
    for indent, name in lines:
        parents[len(indent) // 4] = name
        documented[name] = parents.get(len(indent) // 4 - 1, "AntlerError")
    classes = [*error_types().values(), FileRefused, FileExceedsLimits, PageNotFetched]
    assert documented == {error_type.__name__: error_type.__base__.__name__ for error_type in classes}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_refusal_is_a_sentence_that_names_the_file(language):
    without_name = {"files_disabled", "files_too_large"}
    for code, error_type in error_types().items():
        error = error_type("report.pdf", **VALUES)
        text = translate(language, f"error.{code}", name=error.name, **error.values)
        assert ("report.pdf" in text) == (code not in without_name), code
        assert "{" not in text and text[-1] in ".。"


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_every_note_has_a_text(language):
    values = {"limit": 1, "rows": 1, "total": 2, "blank": 1, "count": 2, "width": 1, "height": 1}
    texts = dict.fromkeys(("extension", "source", "target", "pages", "sheet", "encoding"), "x")
    keys = [key for key in TRANSLATIONS[language] if key.startswith("file.note.")]
    assert len(keys) > 15
    for key in keys:
        note = AttachmentNote(key.removeprefix("file.note."), tuple({**values, **texts}.items()))
        assert translate(language, note.key, **dict(note.values))[-1] in ".。"


def test_an_error_has_its_values_in_its_message():
    error = AttachmentError("a.pdf", count=3)
    assert (error.name, error.values, str(error)) == ("a.pdf", {"count": 3}, "file {'count': 3}")
