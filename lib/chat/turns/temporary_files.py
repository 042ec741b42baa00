"""Files of a temporary chat, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import RLock

from lib.core.conversation import FilePart
from lib.core.errors import AttachmentNotFound, FileQuotaExceeded
from lib.core.file_storage import MAX_TEMPORARY_BYTES, FileFacts, StoredFile


class TemporaryFiles:
    """The files of one chat, with the methods of `AttachmentStore`; it shares the lock of its chat.

    They are kept until `clear`, also those of deleted messages, which can be restored.
    """

    def __init__(self, lock: RLock, owner: str, max_bytes: int = MAX_TEMPORARY_BYTES) -> None:
        self._lock = lock
        self._owner = owner
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def put(self, owner: str, attachment: StoredFile) -> None:
        """Keep a file in memory. Raises FileQuotaExceeded."""
        if owner != self._owner:
            return
        with self._lock:
            if known := self._files.get(attachment.digest):
                if attachment.text and not known.text:
                    self._files[attachment.digest] = attachment
                return
            if self.total_bytes(owner) + attachment.size > self._max_bytes:
                raise FileQuotaExceeded(self._max_bytes)
            self._files[attachment.digest] = attachment

    def get(self, owner: str, digest: str) -> StoredFile | None:
        return self._select(owner, [digest]).get(digest)

    def contents(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        return {digest: file.data for digest, file in self._select(owner, digests).items()}

    def texts(self, owner: str, digests: Sequence[str]) -> dict[str, str]:
        return {digest: file.text for digest, file in self._select(owner, digests).items()}

    def thumbnails(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        return {digest: file.thumbnail for digest, file in self._select(owner, digests).items() if file.thumbnail}

    def facts(self, owner: str, digests: Sequence[str]) -> dict[str, FileFacts]:
        files = self._select(owner, digests)
        return {digest: FileFacts(file.media_type, file.size, file.facts) for digest, file in files.items()}

    def total_bytes(self, owner: str) -> int:
        with self._lock:
            return sum(file.size for file in self._files.values()) if owner == self._owner else 0

    def touch(self, owner: str, digests: Sequence[str]) -> None:
        """Do nothing: no file expires."""

    def ensure_stored(self, files: Iterable[FilePart]) -> None:
        """Raise AttachmentNotFound for the first of these files that is not kept."""
        with self._lock:
            for part in files:
                if part.digest not in self._files:
                    raise AttachmentNotFound(part.name)

    def _select(self, owner: str, digests: Sequence[str]) -> dict[str, StoredFile]:
        with self._lock:
            files = self._files if owner == self._owner else {}
            return {digest: files[digest] for digest in dict.fromkeys(digests) if digest in files}
