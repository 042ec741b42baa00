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

MAX_FILE_BYTES = (
    512 * 1024 * 1024
)  # of the file as it comes: an archive holds pictures too, which are not read
MAX_JSON_BYTES = 128 * 1024 * 1024  # of all JSON in it; read, it takes up to ten times as much memory
MAX_ARCHIVE_MEMBERS = 100_000  # files in an archive
MAX_PARSED_MEMBERS = 1_000  # files of an archive that are read

_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
# ChatGPT and Claude put their conversations into one such file, or into several with numbers.
_CONVERSATIONS_FILENAME = re.compile(r"(?:.*/)?conversations[^/]{0,40}\.json", re.IGNORECASE | re.DOTALL)
_CHUNK_BYTES = 1024 * 1024
_ARCHIVE_ERRORS = (
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


def read_documents(data: bytes) -> Iterator[Any]:
    """The JSON values of a file, one of an archive at a time; nothing is ever written to a disk.

    Raises TransferError where there are too many bytes, or where they are no JSON in UTF-8.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TransferError("size")
    if not data.startswith(_ZIP_SIGNATURES):
        if len(data) > MAX_JSON_BYTES:
            raise TransferError("size")
        yield _parse_json(data, "")
        return
    for name, content in _unzip_json(data):
        yield _parse_json(content, name)


def _unzip_json(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the JSON files in an archive that may hold conversations."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARCHIVE_MEMBERS:
                raise TransferError("many")
            files = [entry for entry in entries if entry.filename.lower().endswith(".json")]
            named = [entry for entry in files if _CONVERSATIONS_FILENAME.fullmatch(entry.filename)]
            wanted = named or files
            if len(wanted) > MAX_PARSED_MEMBERS:
                raise TransferError("many")
            left = MAX_JSON_BYTES
            for entry in wanted:
                content = _extract_member(archive, entry, left)
                left -= len(content)
                yield entry.filename, content
    except _ARCHIVE_ERRORS:
        raise TransferError("zip") from None


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """One file of the archive. What its header says of its size is not believed."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise TransferError("zip", member.filename)
    content = bytearray()
    with archive.open(member) as packed:
        while chunk := packed.read(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                raise TransferError("unpacked", member.filename)
    return bytes(content)


def _parse_json(data: bytes, filename: str) -> Any:
    try:
        text = data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise TransferError("text", filename) from None
    try:
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_build_object)
    except json.JSONDecodeError as error:
        raise TransferError("json", f"{filename}:{error.lineno}:{error.colno}".lstrip(":")) from None
    except ValueError:  # a whole number of thousands of digits
        raise TransferError("number", filename) from None
    except RecursionError:
        raise TransferError("deep", filename) from None


def _reject_constant(constant: str) -> NoReturn:
    raise TransferError("number", constant)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise TransferError("twice", next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found
