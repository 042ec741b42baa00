"""JSON of a request whose files are read and encoded one after the other while it is sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.exchanges import SentFile
from lib.core.file_content import Base64Text

# Of one write. A time limit holds for each, so that a long body on a slow connection takes the time that it needs.
_MAX_WRITE_BYTES = 65_536


class JsonBody:
    """The bytes of a JSON body, which can be iterated more than once.

    Only one file is in memory at a time. Iterating raises FileUnavailable; a request that ends before its length is
    not answered by any server.
    """

    is_form = False

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._texts: list[Base64Text] = []
        # It cannot occur in what a user wrote before.
        self._mark = secrets.token_hex(16)
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, default=self._keep)
        self._pieces = [memoryview(piece) for piece in text.encode("utf-8", "replace").split(self._mark.encode())]
        self._length = sum(map(len, self._pieces)) + sum(text.size for text in self._texts)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield from _slices(self._pieces[0])
        for text, piece in zip(self._texts, self._pieces[1:], strict=True):
            yield from text.chunks()
            yield from _slices(piece)

    @property
    def text_size(self) -> int:
        """Length in bytes without the files."""
        return sum(map(len, self._pieces))

    def describe(self) -> tuple[str, tuple[SentFile, ...]]:
        """Return the text as it is sent, with a mark in place of each file, and the files."""
        files = tuple(describe_file(text, number_mark(self._mark, number)) for number, text in enumerate(self._texts))
        pieces: list[bytes | memoryview] = [self._pieces[0]]
        for file, piece in zip(files, self._pieces[1:], strict=True):
            pieces += [file.mark.encode(), piece]
        return b"".join(pieces).decode(), files

    def _keep(self, value: object) -> str:
        """Keep the place of a file. Raises TypeError for anything else, as `json` does."""
        if not isinstance(value, Base64Text):
            raise TypeError(f"{type(value).__name__} is no JSON")
        self._texts.append(value)
        return self._mark


def number_mark(mark: str, number: int) -> str:
    """Return the mark of a file, which is not the beginning of another one's."""
    return f"{mark}{number:06}"


def describe_file(text: Base64Text, mark: str) -> SentFile:
    """Return what stands for a file in a recorded body."""
    content = text.content
    return SentFile(mark, content.digest, content.media_type, content.size, text.prefix)


def _slices(piece: memoryview) -> Iterator[bytes]:
    for start in range(0, len(piece), _MAX_WRITE_BYTES):
        yield bytes(piece[start : start + _MAX_WRITE_BYTES])
