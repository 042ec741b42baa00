"""Framing of response bodies: transfer encoding, line ends, compression, splits between writes."""

from __future__ import annotations

import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

_FIRST_OF_MANY = 0xC0  # the least byte that begins a character of more than one byte


@dataclass(frozen=True)
class Framing:
    """Unusual properties of a body. `form` is that of the answer, whatever the request asks for."""

    transfer: Literal["chunked", "close", "length"] = "chunked"
    uses_crlf: bool = False
    has_bom: bool = False
    splits_characters: bool = False
    is_compressed: bool = False
    form: Literal["requested", "whole", "stream"] = "requested"


class FramedWriter:
    """Writes one body."""

    def __init__(self, write: Callable[[bytes], object], framing: Framing) -> None:
        self._write, self._framing = write, framing
        self._zip = zlib.compressobj(wbits=31) if framing.is_compressed else None
        self._is_first = True

    def headers(self, length: int | None) -> dict[str, str]:
        """Return the framing headers; `length` is that of the body in bytes."""
        coding = {"Content-Encoding": "gzip"} if self._zip else {}
        match self._framing.transfer:
            case "chunked":
                return {"Transfer-Encoding": "chunked", **coding}
            case "length":
                return {"Content-Length": str(length), **coding}
        return coding

    def write(self, data: bytes) -> None:
        """Write a part of the body."""
        for part in self._parts(self._encode(data)):
            self._put(part)

    def write_half(self, data: bytes) -> None:
        """Announce a part of the body and write half of it."""
        data = self._encode(data)
        head = b"%x\r\n" % len(data) if self._framing.transfer == "chunked" else b""
        self._write(head + data[: len(data) // 2])

    def end(self) -> None:
        """End the body."""
        if self._zip:
            self._put(self._zip.flush())
        if self._framing.transfer == "chunked":
            self._write(b"0\r\n\r\n")

    def _encode(self, data: bytes) -> bytes:
        if self._framing.uses_crlf:
            data = data.replace(b"\n", b"\r\n")
        if self._framing.has_bom and self._is_first:
            data = BOM_UTF8 + data
        self._is_first = False
        return self._zip.compress(data) + self._zip.flush(zlib.Z_SYNC_FLUSH) if self._zip else data

    def _parts(self, data: bytes) -> Iterator[bytes]:
        if not self._framing.splits_characters:
            yield data
            return
        inside = next((at + 1 for at, byte in enumerate(data) if byte >= _FIRST_OF_MANY), len(data) // 2)
        yield data[:inside]
        yield data[inside:]

    def _put(self, data: bytes) -> None:
        if data and self._framing.transfer == "chunked":
            self._write(b"%x\r\n%b\r\n" % (len(data), data))
        elif data:
            self._write(data)
