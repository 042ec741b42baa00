"""Kinds of files by their content; a name only tells one text from another.

The kinds that are read are told apart by their own structure, which their readers then check as a whole. What is
refused is named with the signatures of puremagic.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass

import puremagic

from lib.chat.attachments.formats import archives, plain_text
from lib.chat.attachments.names import extension_of
from lib.core.attachment_errors import (
    ArchiveFile,
    BrokenFile,
    EncryptedFile,
    ExecutableFile,
    LegacyOfficeFile,
    UnknownFileKind,
    VideoFile,
)
from lib.core.attachments import EXTENSION_ALIASES, EXTENSIONS, AttachmentKind
from lib.core.voice import audio_type

_OOXML = "application/vnd.openxmlformats-officedocument."
_HEAD = 4096


@dataclass(frozen=True)
class Detected:
    """A kind, its media type and its reader; `wrong_extension` is one of the name that means another kind."""

    kind: AttachmentKind
    media_type: str
    reader: str
    wrong_extension: str = ""


# Programs. Scripts are text, and are attached as that.
_EXECUTABLES = (
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\x00asm",
    b"dex\n",
    b"L\x00\x00\x00\x01\x14\x02\x00",  # a Windows shortcut
)
_IMAGES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.S), "image/webp"),
    (re.compile(rb"(?:II\x2a\x00|MM\x00\x2a|II\x2b\x00|MM\x00\x2b)"), "image/tiff"),
    (re.compile(rb"BM.{4}\x00{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00{3}", re.S), "image/bmp"),
    (re.compile(rb"....ftyp(?:avif|avis)", re.S), "image/avif"),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.S), "image/heic"),
)
_HANDLER = re.compile(rb"hdlr.{8}(vide|soun)", re.S)
_MATROSKA_CODEC = re.compile(rb"\x86[\x81-\xbf]([AV])_[A-Z]")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_OLD_WORKBOOK = "Workbook".encode("utf-16-le")
_OGG_VIDEO = re.compile(rb"\x80theora|BBCD|\x01video")
_ARCHIVE_TYPE = re.compile(r"zip|compress|archive|rar|7z|tar|gzip|bzip|xz|zstd|cab|iso9660|disk", re.I)
_OFFICE_PARTS = (
    ("word/document.xml", "document", "word", "wordprocessingml.document", "ms-word.document"),
    ("xl/workbook.xml", "spreadsheet", "sheets", "spreadsheetml.sheet", "ms-excel.sheet"),
    ("ppt/presentation.xml", "presentation", "slides", "presentationml.presentation", "ms-powerpoint.presentation"),
)
_ODF_KINDS: dict[str, AttachmentKind] = {
    "application/vnd.oasis.opendocument.text": "document",
    "application/vnd.oasis.opendocument.spreadsheet": "spreadsheet",
    "application/vnd.oasis.opendocument.presentation": "presentation",
}
# Extensions that promise another kind than text.
_BINARY_EXTENSIONS = {*EXTENSIONS.values(), *EXTENSION_ALIASES, "gif", "heic", "heif", "avif", "bmp", "tif", "tiff"}
_SAME_KIND = {"heif": "heic", "tif": "tiff", "hif": "heic", "m4a": "mp4"}
_DETECTED_EXTENSIONS = {**EXTENSIONS, "image/gif": "gif", "image/heic": "heic", "image/avif": "avif"} | {
    "image/bmp": "bmp",
    "image/tiff": "tiff",
}


def detect(data: bytes, name: str) -> Detected:
    """Return the kind of a file. Raises FileRefused, EncryptedFile and BrokenFile."""
    head = data[:_HEAD]
    _refuse_programs(head)
    kind, media_type, reader = (
        _detect_image(head)
        or _detect_container(data, head)
        or _detect_audio(data, head)
        or _detect_text(data, name)
        or _refuse(data)
    )
    return Detected(kind, media_type, reader, _wrong_extension(name, kind, media_type))


_Kind = tuple[AttachmentKind, str, str]


def _refuse_programs(head: bytes) -> None:
    if head.startswith(_EXECUTABLES) or (head.startswith(b"MZ") and b"\x00" in head):
        raise ExecutableFile
    if head.startswith(b"{\\rtf"):
        raise LegacyOfficeFile


def _detect_image(head: bytes) -> _Kind | None:
    for pattern, media_type in _IMAGES:
        if pattern.match(head):
            return "image", media_type, "image"
    return None


def _detect_container(data: bytes, head: bytes) -> _Kind | None:
    # The specification allows other bytes before the header; a text that quotes one has no end of a PDF file.
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"%PDF-") or (
        b"%PDF-" in head[:1024] and b"startxref" in data[-2048:]
    ):
        return "pdf", "application/pdf", "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_office(data)
    if head.startswith(_OLE):
        if _ENCRYPTED_OFFICE in data:
            raise EncryptedFile
        if _OLD_WORKBOOK in data:
            return "spreadsheet", "application/vnd.ms-excel", "old_sheets"
        raise LegacyOfficeFile
    return None


def _detect_office(data: bytes) -> _Kind:
    with archives.open_archive(data) as archive:
        names = set(archive.namelist())
        for part, kind, reader, media_type, macro_type in _OFFICE_PARTS:
            if part in names:
                folder = part.partition("/")[0]
                has_macros = f"{folder}/vbaProject.bin" in names
                type_with_macros = f"application/vnd.{macro_type}.macroEnabled.12"
                return kind, type_with_macros if has_macros else f"{_OOXML}{media_type}", reader  # type: ignore[return-value]
        if "xl/workbook.bin" in names:
            return "spreadsheet", "application/vnd.ms-excel.sheet.binary.macroEnabled.12", "sheets"
        if odf := _ODF_KINDS.get(media_type := _read_mimetype(archive, names)):
            return odf, media_type, "opendocument"
    raise ArchiveFile


def _read_mimetype(archive: zipfile.ZipFile, names: set[str]) -> str:
    if "mimetype" not in names or archive.getinfo("mimetype").file_size > 100:
        return ""
    try:
        return archive.read("mimetype").decode("ascii", "replace").strip()
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError):
        raise BrokenFile from None


def _detect_audio(data: bytes, head: bytes) -> _Kind | None:
    media_type = audio_type(head)
    if media_type == "audio/mp4":
        _refuse_mp4_video(data)
    elif media_type == "audio/webm":
        _refuse_matroska_video(data)
    elif media_type == "audio/ogg" and _OGG_VIDEO.search(head):
        raise VideoFile
    return ("audio", media_type, "audio") if media_type else None


def _refuse_mp4_video(data: bytes) -> None:
    """Raise VideoFile for an MP4 file with more than sound."""
    handlers = set(_HANDLER.findall(data))
    if data[8:12] not in (b"M4A ", b"M4B ", b"F4A ") and handlers != {b"soun"}:
        raise VideoFile


def _refuse_matroska_video(data: bytes) -> None:
    """Raise VideoFile for a WebM file with more than sound, which a browser's recording has."""
    if set(_MATROSKA_CODEC.findall(data[: 1024 * 1024])) != {b"A"}:
        raise VideoFile


def _detect_text(data: bytes, name: str) -> _Kind | None:
    media_type = plain_text.detect_type(data, name)
    return ("text", media_type, "text") if media_type else None


def _refuse(data: bytes) -> _Kind:
    """Raise the error that says the most about a file of another kind."""
    try:
        matches = puremagic.magic_string(data[: 64 * 1024])
    except (puremagic.PureError, ValueError):
        raise UnknownFileKind from None
    best = matches[0] if matches else None
    label = f"{best.mime_type} {best.name}" if best else ""
    if best and best.mime_type.startswith("video/"):
        raise VideoFile
    if _ARCHIVE_TYPE.search(label):
        raise ArchiveFile
    if re.search(r"executable|dosexec|\bDLL\b", label, re.I):
        raise ExecutableFile
    raise UnknownFileKind


def _wrong_extension(name: str, kind: AttachmentKind, media_type: str) -> str:
    """Return the extension of a name that means another kind or format; "" for one that fits or means nothing."""
    extension = extension_of(name)
    normal = EXTENSION_ALIASES.get(extension, _SAME_KIND.get(extension, extension))
    if extension not in _BINARY_EXTENSIONS and kind == "text":
        return ""
    expected = _DETECTED_EXTENSIONS.get(media_type, "")
    expected = _SAME_KIND.get(expected, expected)
    if not extension or normal == expected:
        return ""
    is_known = extension in _BINARY_EXTENSIONS or plain_text.is_text_extension(extension)
    return extension if is_known else ""
