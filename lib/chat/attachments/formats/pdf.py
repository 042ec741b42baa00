"""PDF files: text by page, form fields, a copy with the chosen pages, pictures of pages."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from lib.chat.attachments.formats import images
from lib.chat.attachments.formats.text_limit import TextLimit
from lib.chat.attachments.page_choice import format_pages, parse_page_choice
from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile, EncryptedFile, TooManyPages
from lib.core.attachments import AttachmentLimits

# Pictures of pages that one call renders.
MAX_PREVIEWS = 40
_PREVIEW_EDGE = 320
_MAX_FIELDS = 1_000
_MAX_FIELD_CHARS = 10_000
# Characters that a page of text has at least; a scan can have a stamp or a page number.
_MIN_PAGE_CHARS = 10
_CHECKABLE = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)


def read(data: bytes, choice: str, parsed: Parsed, limits: AttachmentLimits) -> None:
    """Set the text and, for a choice of pages or a protected file, the copy that is sent.

    Raises EncryptedFile, BrokenFile, PageChoiceInvalid and TooManyPages.
    """
    document = _open(data)
    count = len(document)
    pages = parse_page_choice(choice, count)
    if len(pages) > limits.max_pages:
        raise TooManyPages(count=count, limit=limits.max_pages)
    if document.get_formtype():
        document.init_forms()
    form = document.formenv
    parsed.page_count = count
    text = TextLimit(limits.max_text_chars)
    _add_pages(document, form, pages, text, parsed)
    parsed.is_truncated = text.is_truncated
    if len(pages) < count:
        parsed.pages = pages
        parsed.data = _copy_pages(document, pages)
        parsed.note("pages_chosen", pages=format_pages(pages), count=count)
    elif pdfium.FPDF_GetSecurityHandlerRevision(document) != -1:
        # It opens without a password, but vendors refuse any encryption.
        parsed.data = _save(document, pdfium.FPDF_REMOVE_SECURITY)
        parsed.note("protection_removed")


def render_page(data: bytes) -> bytes:
    """Return a picture of the first page as WebP."""
    return _render(_open(data), 0)


def render_previews(data: bytes, choice: str, parsed: Parsed) -> None:
    """Set pictures of the chosen pages, of the first ones where they are many."""
    document = _open(data)
    parsed.page_count = len(document)
    parsed.pages = parse_page_choice(choice, len(document))[:MAX_PREVIEWS]
    parsed.previews = tuple(_render(document, page - 1) for page in parsed.pages)


def _open(data: bytes) -> pypdfium2.PdfDocument:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        is_password = getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD or "password" in str(error).lower()
        raise (EncryptedFile if is_password else BrokenFile) from None
    if not len(document):
        raise BrokenFile
    return document


def _add_pages(
    document: pypdfium2.PdfDocument, form: Any, pages: Sequence[int], text: TextLimit, parsed: Parsed
) -> None:
    """Add the text of the pages, each under its number, and note those without any."""
    blank = 0
    has_fields = False
    for number in pages:
        page = document[number - 1]
        content = _page_text(page)
        fields = list(_fields(page, form)) if form else []
        has_fields = has_fields or bool(fields)
        blank += len(content.strip()) < _MIN_PAGE_CHARS and not fields
        if content.strip() or fields:
            text.add(f"## Page {number}\n\n{content.strip()}\n")
        if fields:
            text.add("Form fields:\n\n" + "\n".join(fields) + "\n")
        page.close()
        if text.is_truncated:
            break
    if text.is_truncated:
        parsed.note("text_truncated", limit=text.limit)
    elif blank == len(pages):
        parsed.note("scanned")
    elif blank:
        parsed.note("scanned_pages", blank=blank, count=len(pages))
    if has_fields:
        parsed.note("form")
    parsed.text = text.text if blank < len(pages) else ""


def _page_text(page: pypdfium2.PdfPage) -> str:
    textpage = page.get_textpage()
    try:
        # U+FFFE marks a word that is hyphenated at the end of a line.
        return str(textpage.get_text_bounded()).replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "-")
    finally:
        textpage.close()


def _fields(page: pypdfium2.PdfPage, form: Any) -> Iterator[str]:
    """Return the filled fields of a page as a list: the text of a page does not have them."""
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page), _MAX_FIELDS)):
        annotation = pdfium.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        if pdfium.FPDFAnnot_GetSubtype(annotation) == pdfium.FPDF_ANNOT_WIDGET:
            kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
            name = _field_string(pdfium.FPDFAnnot_GetFormFieldName, form, annotation)
            if kind in _CHECKABLE:
                value = "[x]" if pdfium.FPDFAnnot_IsChecked(form, annotation) else "[ ]"
            else:
                value = _field_string(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
            if name and (value.strip() or kind == pdfium.FPDF_FORMFIELD_TEXTFIELD):
                yield f"- {name}: {value}"
        pdfium.FPDFPage_CloseAnnot(annotation)


def _field_string(function: Any, form: Any, annotation: Any) -> str:
    """Return a UTF-16 text of a field; the functions of the library tell its size first."""
    size = function(form, annotation, None, 0)
    if not 2 < size <= _MAX_FIELD_CHARS * 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    function(form, annotation, ctypes.cast(buffer, function.argtypes[2]), size)
    return " ".join(buffer.raw[:size].decode("utf-16-le", "replace").rstrip("\x00").split())


def _copy_pages(document: pypdfium2.PdfDocument, pages: Sequence[int]) -> bytes:
    copy = pypdfium2.PdfDocument.new()
    if document.get_formtype():
        # A copied page has no form, so that what its fields show becomes a part of the page.
        for number in pages:
            page = document[number - 1]
            page.flatten()
            page.close()
    copy.import_pages(document, [number - 1 for number in pages])
    return _save(copy)


def _save(document: pypdfium2.PdfDocument, flags: int = 0) -> bytes:
    stream = io.BytesIO()
    document.save(stream, flags=flags)
    return stream.getvalue()


def _render(document: pypdfium2.PdfDocument, index: int) -> bytes:
    page = document[index]
    width, height = page.get_size()
    scale = _PREVIEW_EDGE / max(width, height, 1)
    picture = page.render(scale=scale).to_pil()
    page.close()
    return images.encode_thumbnail(picture)
