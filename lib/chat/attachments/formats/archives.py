"""ZIP archives of office documents: checked before anything is unpacked."""

from __future__ import annotations

import io
import zipfile

from lib.core.attachment_errors import BrokenFile, EncryptedFile, FileExpandsTooMuch
from lib.core.images import format_size

# Parts that libraries load as a whole. Rows of sheets are read one by one, up to the limit of the text.
_MAX_UNPACKED_BYTES = 256_000_000
_MAX_SHEET_BYTES = 4_000_000_000
_MAX_ENTRIES = 10_000


def open_archive(data: bytes) -> zipfile.ZipFile:
    """Return an opened archive. Raises BrokenFile."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise BrokenFile from None


def check_size(data: bytes) -> None:
    """Refuse an archive by the sizes that it states; the limit of memory stops one that states too little.

    Raises FileExpandsTooMuch, EncryptedFile and BrokenFile.
    """
    with open_archive(data) as archive:
        entries = archive.infolist()
    is_sheet = [entry.filename.startswith("xl/worksheets/") for entry in entries]
    loaded = sum(entry.file_size for entry, sheet in zip(entries, is_sheet, strict=True) if not sheet)
    sheets = sum(entry.file_size for entry, sheet in zip(entries, is_sheet, strict=True) if sheet)
    if loaded > _MAX_UNPACKED_BYTES or sheets > _MAX_SHEET_BYTES:
        raise FileExpandsTooMuch(size=format_size(loaded + sheets), limit=format_size(_MAX_UNPACKED_BYTES))
    if len(entries) > _MAX_ENTRIES:
        raise BrokenFile
    if any(entry.flag_bits & 1 for entry in entries):
        raise EncryptedFile
