"""Reading of one file, in the reading process: detect its kind, then extract and convert."""

from __future__ import annotations

from collections.abc import Callable

from lib.chat.attachments import detect
from lib.chat.attachments.formats import archives, audio, images, opendocument, pdf, plain_text, sheets, slides, word
from lib.chat.attachments.formats.text_limit import TextLimit
from lib.chat.attachments.parsed import Parsed, ReadRequest

# CPU seconds for the thumbnail of a file that has been read.
THUMBNAIL_SECONDS = 5.0


def read_file(request: ReadRequest) -> Parsed:
    """Return what a file is and holds. Raises AttachmentError, and anything that libraries raise at damaged files."""
    detected = detect.detect(request.data, request.name)
    parsed = Parsed(detected.kind, detected.media_type)
    if detected.wrong_extension:
        parsed.note("mislabelled", extension=detected.wrong_extension)
    _READERS[detected.reader](request, parsed)
    return parsed


def render_thumbnail(request: ReadRequest, parsed: Parsed) -> bytes:
    """Return a small WebP image of a file, b"" for kinds without a picture."""
    if request.previews:
        return b""
    if parsed.kind == "image" and parsed.data:
        return images.thumbnail(parsed.data)
    if parsed.kind == "pdf":
        return pdf.render_page(parsed.data or request.data)
    return b""


def _read_image(request: ReadRequest, parsed: Parsed) -> None:
    images.read(request.data, parsed, request.limits)


def _read_pdf(request: ReadRequest, parsed: Parsed) -> None:
    if request.previews:
        pdf.render_previews(request.data, request.choice, parsed)
    else:
        pdf.read(request.data, request.choice, parsed, request.limits)


def _read_text(request: ReadRequest, parsed: Parsed) -> None:
    plain_text.read(request.data, request.name, parsed, request.limits, is_page=request.is_page)


def _read_audio(request: ReadRequest, parsed: Parsed) -> None:
    audio.read(request.data, parsed)


def _read_old_sheets(request: ReadRequest, parsed: Parsed) -> None:
    text = TextLimit(request.limits.max_text_chars)
    sheets.read_whole(request.data, text, parsed)
    parsed.take_text(text)


def _office_reader(
    read: Callable[[bytes, TextLimit, Parsed], None],
) -> Callable[[ReadRequest, Parsed], None]:
    """Return a reader of a packed document: its unpacked size is checked before anything is unpacked."""

    def read_office(request: ReadRequest, parsed: Parsed) -> None:
        archives.check_size(request.data)
        text = TextLimit(request.limits.max_text_chars)
        read(request.data, text, parsed)
        parsed.take_text(text)

    return read_office


_READERS: dict[str, Callable[[ReadRequest, Parsed], None]] = {
    "image": _read_image,
    "pdf": _read_pdf,
    "text": _read_text,
    "audio": _read_audio,
    "word": _office_reader(word.read),
    "old_sheets": _read_old_sheets,
    "sheets": _office_reader(sheets.read),
    "slides": _office_reader(slides.read),
    "opendocument": _office_reader(opendocument.read),
}
