"""A file to read and the result of reading it, inside the reading process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lib.chat.attachments.formats.text_limit import TextLimit
from lib.core.attachments import AttachmentKind, AttachmentLimits


@dataclass(frozen=True)
class ReadRequest:
    """A file to read: its sanitized name, its bytes, a choice of pages such as "1-3, 7" ("" for all) and the limits.

    With `previews` the thumbnails of the chosen pages are made, and nothing else. Of a page of the web, the text is
    wanted, however short its code is.
    """

    name: str
    data: bytes = field(repr=False)
    choice: str
    limits: AttachmentLimits
    previews: bool = False
    is_page: bool = False


@dataclass
class Parsed:
    """The result of reading a file. `data` is None where the file is kept as it came."""

    kind: AttachmentKind
    media_type: str
    data: bytes | None = None
    text: str = ""
    is_truncated: bool = False
    width: int = 0
    height: int = 0
    page_count: int = 0
    pages: tuple[int, ...] = ()
    duration: float | None = None
    notes: list[tuple[str, dict[str, str | int]]] = field(default_factory=list)
    previews: tuple[bytes, ...] = ()

    def note(self, code: str, **values: str | int) -> None:
        """Add a note for the user, once."""
        if (code, values) not in self.notes:
            self.notes.append((code, values))

    def take_text(self, text: TextLimit) -> None:
        """Take an extracted text, and note it where it ends early."""
        self.text, self.is_truncated = text.text, text.is_truncated
        if self.is_truncated:
            self.note("text_truncated", limit=text.limit)
        if not self.text.strip():
            self.note("no_text")

    def header(self) -> dict[str, Any]:
        """Return everything but the binary parts, as JSON values."""
        return {
            "kind": self.kind,
            "media_type": self.media_type,
            "is_converted": self.data is not None,
            "is_truncated": self.is_truncated,
            "width": self.width,
            "height": self.height,
            "page_count": self.page_count,
            "pages": self.pages,
            "duration": self.duration,
            "notes": self.notes,
        }

    @property
    def parts(self) -> list[bytes]:
        """Return the text, the converted file, then previews."""
        return [self.text.encode("utf-8", "replace"), self.data or b"", *self.previews]
