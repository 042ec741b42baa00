"""Attachments from the answers of the reading process, whose every field is checked."""

from __future__ import annotations

import logging
import signal
from typing import Any

from lib.chat.attachments.process import Exchange
from lib.chat.attachments.protocol import Message
from lib.core import tokens
from lib.core.attachment_errors import (
    BrokenFile,
    FileOutOfMemory,
    FileReaderFailed,
    FileTimedOut,
    error_types,
)
from lib.core.attachments import KINDS, Attachment, AttachmentLimits, AttachmentNote
from lib.core.errors import AttachmentError
from lib.core.sanitize import get_list, get_object, replace_surrogates

log = logging.getLogger(__name__)
_MAX_NOTES, _MAX_VALUE_CHARS = 20, 200
# A process that crashed with this share of its memory in use has run out of it.
_MEMORY_SHARE = 0.6
_MAX_NUMBER = 2**53


def build_attachment(name: str, data: bytes, exchange: Exchange, limits: AttachmentLimits) -> Attachment:
    """Return the attachment that an exchange is about. Raises AttachmentError."""
    result = _first_result(name, exchange, limits)
    header, text_bytes, converted = result.header, result.parts[0], result.parts[1]
    text = replace_surrogates(text_bytes.decode("utf-8", "replace"))[: limits.max_text_chars]
    kind = header.get("kind")
    media_type = header.get("media_type")
    if kind not in KINDS or not isinstance(media_type, str) or len(media_type) > 100:
        raise FileReaderFailed(name)
    return Attachment(
        kind=kind,
        media_type=media_type,
        name=name,
        data=converted if header.get("is_converted") is True else data,
        text=text,
        is_truncated=header.get("is_truncated") is True,
        width=_number(header, "width"),
        height=_number(header, "height"),
        page_count=_number(header, "page_count"),
        pages=tuple(page for page in get_list(header, "pages") if isinstance(page, int)),
        duration=_duration(header.get("duration")),
        text_tokens=tokens.estimate(text),
        thumbnail=_thumbnail(exchange.messages[1:]),
        notes=tuple(_notes(header)),
    )


def build_previews(name: str, exchange: Exchange, limits: AttachmentLimits) -> dict[int, bytes]:
    """Return pictures of pages by page number. Raises AttachmentError."""
    result = _first_result(name, exchange, limits)
    pages = [page for page in get_list(result.header, "pages") if isinstance(page, int)]
    return {page: part for page, part in zip(pages, result.parts[2:], strict=False) if _is_webp(part)}


def _first_result(name: str, exchange: Exchange, limits: AttachmentLimits) -> Message:
    if not exchange.messages:
        raise _failure(name, exchange, limits)
    result = exchange.messages[0]
    if "error" in result.header:
        raise _refusal(name, result.header, exchange, limits)
    if len(result.parts) < 2:
        raise FileReaderFailed(name)
    return result


def _refusal(name: str, header: dict[str, Any], exchange: Exchange, limits: AttachmentLimits) -> AttachmentError:
    if reason := header.get("reason"):
        log.warning("A file could not be read: %s, %d bytes of memory.", _clean(reason), exchange.peak_memory)
        # Some libraries say nothing of memory when they get none.
        if _is_out_of_memory(exchange, limits):
            return FileOutOfMemory(name)
    error_type = error_types().get(str(header.get("error")), BrokenFile)
    return error_type(name, **dict(_values(get_object(header, "values"))))


def _failure(name: str, exchange: Exchange, limits: AttachmentLimits) -> AttachmentError:
    """Return the error for a process that ended without a result."""
    if exchange.has_timed_out or exchange.exit_code in (-signal.SIGXCPU, -signal.SIGALRM):
        return FileTimedOut(name)
    log.warning("The reading process ended with %s, with a peak of %d bytes.", exchange.exit_code, exchange.peak_memory)
    if _is_out_of_memory(exchange, limits):
        return FileOutOfMemory(name)
    # A signal is the file's doing, an exit code the program's.
    return BrokenFile(name) if (exchange.exit_code or 0) < 0 else FileReaderFailed(name)


def _is_out_of_memory(exchange: Exchange, limits: AttachmentLimits) -> bool:
    return exchange.peak_memory > limits.memory * _MEMORY_SHARE


def _notes(header: dict[str, Any]) -> list[AttachmentNote]:
    notes = []
    for entry in get_list(header, "notes")[:_MAX_NOTES]:
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict):
            notes.append(AttachmentNote(_clean(entry[0]), tuple(_values(entry[1]))))
    return notes


def _values(values: dict[str, Any]) -> list[tuple[str, str | int]]:
    return [
        (_clean(key), value if isinstance(value, int) and abs(value) < _MAX_NUMBER else _clean(value))
        for key, value in values.items()
    ]


def _clean(value: Any) -> str:
    return replace_surrogates(str(value))[:_MAX_VALUE_CHARS]


def _number(header: dict[str, Any], key: str) -> int:
    value = header.get(key)
    return value if isinstance(value, int) and 0 <= value < _MAX_NUMBER else 0


def _duration(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value < _MAX_NUMBER else None


def _thumbnail(messages: tuple[Message, ...]) -> bytes:
    parts = [part for message in messages if "thumbnail" in message.header for part in message.parts]
    return parts[0] if parts and _is_webp(parts[0]) else b""


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"
