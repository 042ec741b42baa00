"""Contents of files in a request: they are read and encoded while the request is sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lib.core.errors import AnswerError

_CHUNK_BYTES = 3 * 16_384  # of the file; a multiple of three needs no padding


class FileUnavailable(AnswerError):
    """A file of the request is not stored any more, or its storage is not reachable; the gateway got no request."""

    code = "file_unavailable"
    retryable = True


@dataclass(frozen=True)
class FileContent:
    """The content of a stored file: `size` bytes of `media_type`, which `load` returns. `role` is MASK_ROLE for a mask.

    `load` raises FileUnavailable. Contents with the same digest are equal.
    """

    digest: str
    media_type: str = field(compare=False)
    size: int = field(compare=False)
    load: Callable[[], bytes] = field(compare=False, repr=False)
    role: str = field(default="", compare=False)

    @property
    def base64(self) -> Base64Text:
        return Base64Text(self)

    @property
    def data_url(self) -> Base64Text:
        return Base64Text(self, f"data:{self.media_type};base64,")


@dataclass(frozen=True)
class Base64Text:
    """A string of a request: a prefix and the base64 of a file, in place of which only the file is kept."""

    content: FileContent
    prefix: str = ""

    @property
    def size(self) -> int:
        """Return the length in bytes."""
        return len(self.prefix) + base64_size(self.content.size)

    def chunks(self) -> Iterator[bytes]:
        """Yield the string in pieces, with the file in memory meanwhile. Raises FileUnavailable."""
        data = memoryview(self.content.load())
        if len(data) != self.content.size:
            raise FileUnavailable
        yield self.prefix.encode()
        for start in range(0, len(data), _CHUNK_BYTES):
            yield base64.b64encode(data[start : start + _CHUNK_BYTES])


def base64_size(size: int) -> int:
    """Return the length of so many bytes in base64."""
    return 4 * -(-size // 3)
