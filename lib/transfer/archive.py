"""Bytes to JSON documents: a file, or the files of a ZIP archive, within limits."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, NoReturn

from lib.core.errors import TransferError

MAX_BYTES = 512 * 1024 * 1024  # of the file as it comes: an archive holds pictures too, which are not read
MAX_JSON = 128 * 1024 * 1024  # of all JSON in it; read, it takes up to ten times as much memory
MAX_ENTRIES = 100_000  # files in an archive
MAX_READ = 1_000  # files of an archive that are read

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# ChatGPT and Claude put their conversations into one such file, or into several with numbers.
_CONVERSATIONS = re.compile(r"(?:.*/)?conversations[^/]{0,40}\.json", re.IGNORECASE | re.DOTALL)
_CHUNK = 1024 * 1024
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    KeyError,
)


def documents(data: bytes) -> Iterator[Any]:
    """The JSON values of a file, one of an archive at a time; nothing is ever written to a disk.

    Raises TransferError where there are too many bytes, or where they are no JSON in UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise TransferError("size")
    if not data.startswith(_ZIP):
        if len(data) > MAX_JSON:
            raise TransferError("size")
        yield _parsed(data, "")
        return
    for name, content in _unpacked(data):
        yield _parsed(content, name)


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the JSON files in an archive that may hold conversations."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise TransferError("many")
            files = [entry for entry in entries if entry.filename.lower().endswith(".json")]
            named = [entry for entry in files if _CONVERSATIONS.fullmatch(entry.filename)]
            wanted = named or files
            if len(wanted) > MAX_READ:
                raise TransferError("many")
            left = MAX_JSON
            for entry in wanted:
                content = _content(archive, entry, left)
                left -= len(content)
                yield entry.filename, content
    except _BROKEN:
        raise TransferError("zip") from None


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """One file of the archive. What its header says of its size is not believed."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise TransferError("zip", entry.filename)
    content = bytearray()
    with archive.open(entry) as packed:
        while chunk := packed.read(_CHUNK):
            content += chunk
            if len(content) > most:
                raise TransferError("unpacked", entry.filename)
    return bytes(content)


def _parsed(data: bytes, name: str) -> Any:
    try:
        text = data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise TransferError("text", name) from None
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise TransferError("json", f"{name}:{error.lineno}:{error.colno}".lstrip(":")) from None
    except ValueError:  # a whole number of thousands of digits
        raise TransferError("number", name) from None
    except RecursionError:
        raise TransferError("deep", name) from None


def _refuse(constant: str) -> NoReturn:
    raise TransferError("number", constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise TransferError("twice", next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found
