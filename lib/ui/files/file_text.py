"""Texts about attached files: names, sizes, pages, errors."""

from __future__ import annotations

from lib.core.conversation import FilePart
from lib.core.errors import AntlerError, AttachmentError
from lib.core.images import format_size
from lib.ui.text import t
from lib.ui.widgets.errors import error_message

_SHOWN_START, _SHOWN_END = 18, 12  # characters of a long name
ICONS = {
    "image": "image",
    "pdf": "picture_as_pdf",
    "document": "description",
    "spreadsheet": "table_chart",
    "presentation": "slideshow",
    "text": "article",
    "audio": "audio_file",
}


def short_name(name: str) -> str:
    """Return a name without its middle if it is long: its end tells files apart."""
    if len(name) <= _SHOWN_START + _SHOWN_END + 1:
        return name
    return f"{name[:_SHOWN_START]}…{name[-_SHOWN_END:]}"


def describe_file(part: FilePart) -> str:
    """Return size and pages of a file as plain text."""
    facts = [format_size(part.size)] if part.size else []
    if part.selection:
        facts.append(t("files.pages_of", pages=part.selection, count=part.pages or 0))
    elif part.pages:
        facts.append(t(f"files.{_page_word(part)}", count=part.pages))
    elif part.width and part.height:
        facts.append(f"{part.width} × {part.height}")
    return " · ".join(facts)


def file_error(name: str, error: AntlerError) -> str:
    """Return the sentence about a file that was not attached, as plain text."""
    message = error_message(error)
    return message if isinstance(error, AttachmentError) and error.name else f"{name}: {message}"


def _page_word(part: FilePart) -> str:
    words = {"spreadsheet": "sheets", "presentation": "slides"}
    return words.get(part.kind, "pages")
