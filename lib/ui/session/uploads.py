"""Files of a question that is being written: those in its tray, and uploads that are not read yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from lib.chat.attachments import AttachmentJob
from lib.core.conversation import FilePart
from lib.core.errors import AntlerError


class UploadedContent(Protocol):
    """A file that the browser has uploaded, as `st.file_uploader` returns it."""

    name: str
    size: int
    file_id: str

    def getvalue(self) -> bytes: ...


@dataclass(frozen=True)
class TrayFile:
    """A file of the tray: its part of the message, or the error because of which there is none.

    `source` is the digest of the whole file, of which `part` may be chosen pages. Where only a part can be read, no
    whole file is stored, and `data` has its bytes. `role` is that of its facts: `MASK_ROLE`, or "". While a `job` makes
    it, it has neither part nor error; `note` is one that its part gets.
    """

    id: str
    name: str
    part: FilePart | None = None
    error: AntlerError | None = None
    source: str = ""
    data: bytes = field(default=b"", repr=False)
    role: str = ""
    job: AttachmentJob | None = None
    note: str = ""


@dataclass(frozen=True)
class Upload:
    """A file that waits to be read into the tray of `slot`."""

    slot: str
    content: UploadedContent


@dataclass
class UploadQueue:
    """Uploads in their order. One run of the session reads at a time: a click ends a run only after its file.

    `taken` are the ids of all uploads that were ever in it.
    """

    waiting: list[Upload] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)
