"""Forms of a file that was read: what is stored, and the part of a message."""

from __future__ import annotations

from lib.chat.attachments import to_file_part, to_stored_file
from lib.core.attachments import Attachment
from lib.core.conversation import FilePart
from lib.core.file_storage import StoredFile, digest_of


def test_a_pdf_keeps_its_text_its_pages_and_its_notes():
    attachment = Attachment(
        *("pdf", "application/pdf", "report.pdf", b"%PDF-1.7", "The text."),
        is_truncated=True,
        page_count=12,
        pages=(1, 2, 3, 7),
        text_tokens=40,
        thumbnail=b"small",
    )
    facts = {"kind": "pdf", "is_truncated": True, "text_tokens": 40, "page_count": 12, "pages": [1, 2, 3, 7]}
    assert to_stored_file(attachment) == StoredFile("application/pdf", b"%PDF-1.7", "The text.", b"small", facts)
    assert to_file_part(attachment, ["Some pages are scans."]) == FilePart(
        digest_of(b"%PDF-1.7"),
        *("report.pdf", "application/pdf", 8, "pdf"),
        pages=12,
        selection="1-3, 7",
        notes=("Some pages are scans.",),
    )


def test_an_image_and_a_recording_have_no_pages():
    image = Attachment("image", "image/png", "photo.png", b"image", width=640, height=480)
    part = to_file_part(image)
    assert (part.width, part.height, part.pages, part.selection, part.notes) == (640, 480, None, "", ())
    assert to_stored_file(image).facts == {"kind": "image", "width": 640, "height": 480}
    recording = Attachment("audio", "audio/mpeg", "call.mp3", b"audio", duration=2.5)
    assert to_stored_file(recording).facts == {"kind": "audio", "duration": 2.5}
    assert to_file_part(recording).width is None
