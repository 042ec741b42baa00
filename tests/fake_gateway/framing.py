"""How the bytes of an answer travel: framing, line ends, compression, cuts between writes."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

_FIRST_OF_MANY = 0xC0  # The least byte that begins a letter of more than one.


@dataclass(frozen=True)
class Dress:
    """What is not usual about it. `form` is what comes, whatever was asked for."""

    framing: Literal["chunked", "close", "length"] = "chunked"
    crlf: bool = False
    bom: bool = False
    halved: bool = False
    zipped: bool = False
    form: Literal["asked", "whole", "stream"] = "asked"


class Sender:
    """Writes one answer, dressed."""

    def __init__(self, write: Callable[[bytes], object], dress: Dress) -> None:
        self._write, self._dress = write, dress
        self._zip = zlib.compressobj(wbits=31) if dress.zipped else None
        self._first = True

    def headers(self, length: int | None) -> dict[str, str]:
        """Return the headers that tell how the body is framed; `length` is of the bytes before they go."""
        coding = {"Content-Encoding": "gzip"} if self._zip else {}
        match self._dress.framing:
            case "chunked":
                return {"Transfer-Encoding": "chunked", **coding}
            case "length":
                return {"Content-Length": str(length), **coding}
        return coding

    def send(self, data: bytes) -> None:
        """Write data, at once and all of it."""
        for part in self._parts(self._dressed(data)):
            self._put(part)

    def tear(self, data: bytes) -> None:
        """Promise data, and write half of it."""
        data = self._dressed(data)
        head = b"%x\r\n" % len(data) if self._dress.framing == "chunked" else b""
        self._write(head + data[: len(data) // 2])

    def end(self) -> None:
        """Write what says that this was all."""
        if self._zip:
            self._put(self._zip.flush())
        if self._dress.framing == "chunked":
            self._write(b"0\r\n\r\n")

    def _dressed(self, data: bytes) -> bytes:
        if self._dress.crlf:
            data = data.replace(b"\n", b"\r\n")
        if self._dress.bom and self._first:
            data = BOM_UTF8 + data
        self._first = False
        return self._zip.compress(data) + self._zip.flush(zlib.Z_SYNC_FLUSH) if self._zip else data

    def _parts(self, data: bytes) -> Iterator[bytes]:
        if not self._dress.halved:
            yield data
            return
        inside = next((at + 1 for at, byte in enumerate(data) if byte >= _FIRST_OF_MANY), len(data) // 2)
        yield data[:inside]
        yield data[inside:]

    def _put(self, data: bytes) -> None:
        if data and self._dress.framing == "chunked":
            self._write(b"%x\r\n%b\r\n" % (len(data), data))
        elif data:
            self._write(data)
