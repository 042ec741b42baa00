"""Files in the store: their content, facts about them, and the settings of their storage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

UPLOAD_RETENTION_SECONDS = 24 * 3600.0  # of a file that no message uses, from its last upload on
DIGEST_PATTERN = re.compile(r"[0-9a-f]{64}", re.ASCII)
MAX_TEMPORARY_BYTES = 64 * 1024 * 1024  # of all files of a temporary chat, which are in memory


# The fact of a file that was stored as it came, because only chosen pages of it can be read: no message has it.
UNREAD = "is_unread"
# The fact "role" of an image that is transparent where an image model is to change the one before it.
MASK_ROLE = "mask"


@dataclass(frozen=True)
class FileStorage:
    """Place and limits of the bytes of files.

    `url` is that of a folder (`file:///path`) or of a bucket (`s3://bucket/prefix`); "" keeps them in the database, in
    which a file may have `max_database_bytes`. All files of a user may have `max_user_bytes`.
    """

    url: str = ""
    max_database_bytes: int = 64_000_000
    max_user_bytes: int = 2_000_000_000


@dataclass(frozen=True)
class StoredFile:
    """A file as it is kept: its bytes, its text, a small image of it, and facts in JSON.

    `text` is what its search and a model without support for its type read; "" where it has none.
    """

    media_type: str
    data: bytes = field(repr=False)
    text: str = field(default="", repr=False)
    thumbnail: bytes = field(default=b"", repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        return digest_of(self.data)

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class FileFacts:
    """The facts of a file without its content; `size` is in bytes."""

    media_type: str
    size: int
    facts: Mapping[str, Any] = field(default_factory=dict)


def digest_of(data: bytes) -> str:
    """Return the SHA-256 digest of bytes in hexadecimal digits, by which a user's file is stored once."""
    return hashlib.sha256(data).hexdigest()
