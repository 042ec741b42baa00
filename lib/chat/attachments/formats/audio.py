"""Audio files: kept as they are, with their duration where a header states it."""

from __future__ import annotations

import io

from tinytag import TinyTag, TinyTagException

from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile
from lib.core.attachments import EXTENSIONS

_MAX_SECONDS = 7 * 24 * 3600
_WITHOUT_DURATION = ("audio/webm", "audio/aac")  # browsers write recordings without one


def read(data: bytes, parsed: Parsed) -> None:
    """Set the duration. Raises BrokenFile where an audio format has no readable header."""
    if parsed.media_type in _WITHOUT_DURATION:
        return
    try:
        # The name chooses the parser; the content has been detected.
        tag = TinyTag.get(f"file.{EXTENSIONS[parsed.media_type]}", io.BytesIO(data), tags=False)
    except TinyTagException:
        raise BrokenFile from None
    if tag.duration is not None and 0 < tag.duration < _MAX_SECONDS:
        parsed.duration = round(float(tag.duration), 2)
    elif parsed.media_type == "audio/mpeg":
        # Text and other data can begin like a frame of MPEG audio, but not like several.
        raise BrokenFile
