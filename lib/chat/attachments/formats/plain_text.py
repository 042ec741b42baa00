"""Texts: source code, Markdown, CSV, JSON, notebooks, HTML and SVG."""

from __future__ import annotations

import json
import mimetypes
import re

from lib.chat.attachments.formats import encodings, html_text, notebook
from lib.chat.attachments.formats.text_limit import TextLimit
from lib.chat.attachments.names import extension_of
from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile
from lib.core.attachments import AttachmentLimits

NOTEBOOK, HTML, SVG = "application/x-ipynb+json", "text/html", "image/svg+xml"
# A page of this size is code that someone wrote; a larger one is a saved page, whose text is wanted.
_MAX_HTML_SOURCE = 30_000
_TYPES = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "md": "text/markdown",
    "markdown": "text/markdown",
    "json": "application/json",
    "ipynb": NOTEBOOK,
    "html": HTML,
    "htm": HTML,
    "svg": SVG,
    "xml": "application/xml",
    "txt": "text/plain",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
_GUESS = mimetypes.MimeTypes(filenames=())
_HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html[\s>])", re.I | re.S)
_SVG = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype\s+svg[^>]*>\s*)?<svg[\s>]", re.I | re.S)
_NOTEBOOK = re.compile(r'\s*\{.*"(?:cells|nbformat)"\s*:', re.S)
_STRUCTURE_HEAD = 64 * 1024


def is_text_extension(extension: str) -> bool:
    """Return True for an extension that promises text."""
    return extension in _TYPES or (_GUESS.guess_type(f"file.{extension}")[0] or "").startswith("text/")


def detect_type(data: bytes, name: str) -> str:
    """Return the media type of a text, "" for bytes that are none: by its structure, else by its name."""
    decoded = encodings.decode(data)
    if decoded is None:
        return ""
    head, extension = decoded.text[:_STRUCTURE_HEAD], extension_of(name)
    if _HTML.match(head):
        return HTML
    if _SVG.match(head):
        return SVG
    if head.lstrip().startswith("{") and (extension == "ipynb" or _NOTEBOOK.match(head)) and _is_notebook(decoded.text):
        return NOTEBOOK
    media_type = _TYPES.get(extension) or _GUESS.guess_type(f"file.{extension}")[0] or ""
    return media_type if media_type.startswith("text/") or extension in _TYPES else "text/plain"


def _is_notebook(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get("cells"), list) and "nbformat" in value


def read(data: bytes, name: str, parsed: Parsed, limits: AttachmentLimits, *, is_page: bool = False) -> None:
    """Set the text of a text file; notebooks, pages of the web and large HTML files are converted."""
    decoded = encodings.decode(data)
    if decoded is None:
        raise BrokenFile
    text = TextLimit(limits.max_text_chars)
    if parsed.media_type == NOTEBOOK and _is_notebook(decoded.text):
        notebook.read(json.loads(decoded.text), text)
        parsed.note("notebook_as_text")
    elif parsed.media_type == HTML and (is_page or len(decoded.text) > _MAX_HTML_SOURCE):
        text.add(html_text.to_markdown(decoded.text))
        parsed.note("html_as_text")
    else:
        text.add(decoded.text, end="")
    if parsed.media_type == SVG:
        parsed.note("svg_as_text")
    parsed.take_text(text)
    if decoded.encoding not in ("utf-8", "utf-16", "utf-32"):
        parsed.note("encoding", encoding=decoded.encoding.upper())
    if decoded.is_lossy:
        parsed.note("encoding_lossy")
