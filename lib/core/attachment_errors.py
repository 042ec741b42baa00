"""Refused files, as a tree below AttachmentError.

AttachmentError                 lib.core.errors; has the name of the file and the values of its text
├── AttachmentsDisabled         the operator allows no files
├── FileTooLarge                more bytes than one file may have
├── TooManyFiles                more files than one message may have
├── MessageFilesTooLarge        more bytes than the files of one message may have
├── EmptyFile                   a file of 0 bytes
├── FileRefused                 a kind of file that is not read
│   ├── UnknownFileKind             none that is known
│   ├── ExecutableFile              a program, whatever its name
│   ├── VideoFile                   moving pictures
│   ├── ArchiveFile                 a ZIP file and the like
│   └── LegacyOfficeFile            doc, ppt, rtf
├── BrokenFile                  damaged, or not what its first bytes say
├── EncryptedFile               a password is needed
├── PageChoiceInvalid           not pages of this file
├── FileExceedsLimits           reading it would take more than is allowed
│   ├── TooManyPages                pages; a choice of pages can be read
│   ├── TooManyPixels               pixels of an image
│   ├── FileExpandsTooMuch          unpacked size
│   ├── FileTimedOut                seconds
│   └── FileOutOfMemory             memory
├── FileNotSendable             the model takes it in no form
├── PageNotFetched              a web page that could not be attached
│   ├── PageAddressRefused          not an address of a public page
│   ├── PageUnreachable             no connection, or a broken response
│   ├── PageStatusError             another status than 200
│   ├── PageKindRefused             a media type that is not read
│   ├── PageTooLarge                bytes
│   ├── PageTimedOut                seconds
│   └── TooManyRedirects            redirects
├── FileReaderBusy              no process was free in time
└── FileReaderFailed            the reading process ended without a result

Each code is a translation key below `error.`; the text is one sentence that names the file.
"""

from __future__ import annotations

from lib.core.errors import AttachmentError


class AttachmentsDisabled(AttachmentError):
    code = "files_disabled"


class FileTooLarge(AttachmentError):
    """More bytes than one file may have; values `size` and `limit`."""

    code = "file_too_large"


class TooManyFiles(AttachmentError):
    """More files than one message may have; value `limit`."""

    code = "too_many_files"


class MessageFilesTooLarge(AttachmentError):
    """More bytes than the files of one message may have; values `size` and `limit`."""

    code = "files_too_large"


class EmptyFile(AttachmentError):
    code = "file_empty"


class FileRefused(AttachmentError):
    """A kind of file that is not read; not raised itself."""


class UnknownFileKind(FileRefused):
    code = "file_kind_unknown"


class ExecutableFile(FileRefused):
    code = "file_executable"


class VideoFile(FileRefused):
    code = "file_video"


class ArchiveFile(FileRefused):
    code = "file_archive"


class LegacyOfficeFile(FileRefused):
    code = "file_legacy_office"


class BrokenFile(AttachmentError):
    code = "file_broken"


class EncryptedFile(AttachmentError):
    code = "file_encrypted"


class PageChoiceInvalid(AttachmentError):
    """Not pages of this file; values `choice` and `count`."""

    code = "file_page_choice"


class FileExceedsLimits(AttachmentError):
    """Reading the file would take more than is allowed; not raised itself."""


class TooManyPages(FileExceedsLimits):
    """More pages than are read at once; values `count` and `limit`."""

    code = "file_too_many_pages"


class TooManyPixels(FileExceedsLimits):
    """More pixels than are decoded; values `width`, `height` and `limit` in millions."""

    code = "file_too_many_pixels"


class FileExpandsTooMuch(FileExceedsLimits):
    """A packed file whose content is too large; values `size` and `limit`."""

    code = "file_expands_too_much"


class FileTimedOut(FileExceedsLimits):
    code = "file_timed_out"


class FileOutOfMemory(FileExceedsLimits):
    code = "file_out_of_memory"


class FileNotSendable(AttachmentError):
    """A file that the chosen model takes in no form; values are the `reason` of its plan, and those of the reason."""

    code = "file_not_sendable"


class PageNotFetched(AttachmentError):
    """A web page that could not be attached; its name is that of the host. Not raised itself."""


class PageAddressRefused(PageNotFetched):
    code = "page_address"


class PageUnreachable(PageNotFetched):
    code = "page_unreachable"


class PageStatusError(PageNotFetched):
    """Another status than 200; value `status`."""

    code = "page_status"


class PageKindRefused(PageNotFetched):
    """A media type or an encoding that is not read; value `media_type`."""

    code = "page_kind"


class PageTooLarge(PageNotFetched):
    """More bytes than a page may have; value `limit`."""

    code = "page_too_large"


class PageTimedOut(PageNotFetched):
    code = "page_timed_out"


class TooManyRedirects(PageNotFetched):
    code = "page_redirects"


class FileReaderBusy(AttachmentError):
    code = "file_reader_busy"


class FileReaderFailed(AttachmentError):
    code = "file_reader_failed"


def error_types() -> dict[str, type[AttachmentError]]:
    """Return the classes of the tree by code."""
    found: dict[str, type[AttachmentError]] = {}
    waiting: list[type[AttachmentError]] = [AttachmentError]
    while waiting:
        error_type = waiting.pop()
        if "code" in vars(error_type):
            found[error_type.code] = error_type
        waiting += error_type.__subclasses__()
    return found
