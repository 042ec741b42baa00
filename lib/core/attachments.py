"""Attached files as values: kinds, limits, and the result of reading a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from lib.core.conversation import FileKind
from lib.core.images import format_size

AttachmentKind = FileKind
KINDS: tuple[AttachmentKind, ...] = get_args(AttachmentKind)

_MB = 1_000_000
# The extension of each media type that a file is kept as; texts keep the one they have.
EXTENSIONS: dict[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.ms-word.document.macroEnabled.12": "docm",
    "application/vnd.ms-excel.sheet.macroEnabled.12": "xlsm",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.12": "pptm",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-excel.sheet.binary.macroEnabled.12": "xlsb",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "audio/flac": "flac",
}
# Other extensions of the same types.
EXTENSION_ALIASES = {
    "jpeg": "jpg",
    "jpe": "jpg",
    "jfif": "jpg",
    "oga": "ogg",
    "opus": "ogg",
    "weba": "webm",
    "m4b": "m4a",
}


@dataclass(frozen=True)
class AttachmentLimits:
    """Limits of attached files; sizes are in bytes.

    `max_image_edge` is the long edge in pixels that images are scaled down to. `memory` is what reading one file may
    take beside the program itself, `seconds` the CPU time that it may take. A text ends after `max_text_chars`.
    """

    max_file_bytes: int = 20 * _MB
    max_message_bytes: int = 100 * _MB
    max_files: int = 20
    # Anthropic refuses more than 20 images in a request if one has an edge above 2,000 pixels.
    max_image_edge: int = 2000
    memory: int = 512 * _MB
    seconds: float = 30.0
    max_pixels: int = 100_000_000
    max_pages: int = 600
    max_text_chars: int = 2_000_000
    # Anthropic refuses an image of more than 5 MB in base64; OpenAI takes more.
    max_image_bytes: int = 3_900_000


@dataclass(frozen=True)
class AttachmentNote:
    """A sentence about the result that the user is to see: the text `file.note.<code>` with these values.

    A value can come from the file, such as the name of a sheet, and is not escaped.
    """

    code: str
    values: tuple[tuple[str, str | int], ...] = ()

    @property
    def key(self) -> str:
        """Return the translation key."""
        return f"file.note.{self.code}"


@dataclass(frozen=True)
class Attachment:
    """A file as it was read. `data` is what is kept and, for an image, a PDF and audio, what is sent as it is.

    `name` is safe to show; `size` is that of `data`. `text` is the extracted text, "" without one, and ends early
    where `is_truncated`. `page_count` is the number of pages, slides or sheets of the file, and `pages` are those
    in `data` and `text`, counted from 1, all of them where it is empty. `duration` is in seconds. `thumbnail` is a
    WebP image for lists, b"" without one. `text_tokens` is an estimate; `attachment_tokens` has that of the file.
    """

    kind: AttachmentKind
    media_type: str
    name: str
    data: bytes = field(repr=False)
    text: str = field(default="", repr=False)
    is_truncated: bool = False
    width: int = 0
    height: int = 0
    page_count: int = 0
    pages: tuple[int, ...] = ()
    duration: float | None = None
    text_tokens: int = 0
    thumbnail: bytes = field(default=b"", repr=False)
    notes: tuple[AttachmentNote, ...] = ()

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def has_native_form(self) -> bool:
        """Return True for a kind that wires have a part for; others are sent as text."""
        return self.kind in ("image", "pdf", "audio")

    @property
    def file_name(self) -> str:
        """Return the name with the extension of `media_type`, to send and to download."""
        stem, _, extension = self.name.rpartition(".")
        extension = EXTENSION_ALIASES.get(extension.lower(), extension.lower())
        expected = EXTENSIONS.get(self.media_type, extension)
        return self.name if extension == expected else f"{stem or self.name}.{expected}"

    def summary(self) -> str:
        """Return media type and size for a log; neither name nor content."""
        return f"{self.media_type}, {format_size(self.size)}"
