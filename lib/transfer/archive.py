"""JSON documents of an uploaded file or of the files in a ZIP archive, within limits."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from lib.core.errors import TransferError
from lib.core.sanitize import replace_surrogates

# An archive also holds pictures, which are not read. Parsed JSON takes up to ten times its size in memory.
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_JSON_BYTES = 128 * 1024 * 1024  # of all JSON in a file
MAX_ARCHIVE_MEMBERS = 100_000
MAX_PARSED_MEMBERS = 1_000

_ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
# ChatGPT and Claude put their conversations into one such file, or into several with numbers.
_CONVERSATIONS_FILENAME = re.compile(r"(?:.*/)?conversations[^/]{0,40}\.json", re.IGNORECASE | re.DOTALL)
_CHUNK_BYTES = 1024 * 1024
# zipfile raises any of these for a broken archive; KeyError and IndexError are LookupErrors.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
)


def read_documents(data: bytes) -> Iterator[Any]:
    """Yield the JSON values of a file, one member of an archive at a time; nothing is written to disk.

    Raises TransferError where a limit is exceeded, or where the bytes are no JSON in UTF-8.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TransferError("size")
    if data.startswith(_ZIP_SIGNATURES):
        for filename, content in _unzip_json(data):
            yield parse_json(content, filename)
    elif len(data) > MAX_JSON_BYTES:
        raise TransferError("size")
    else:
        yield parse_json(data, "")


def _unzip_json(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the JSON files in an archive that may hold conversations."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            json_members = [member for member in members if member.filename.lower().endswith(".json")]
            named = [member for member in json_members if _CONVERSATIONS_FILENAME.fullmatch(member.filename)]
            selected = named or json_members
            if len(members) > MAX_ARCHIVE_MEMBERS or len(selected) > MAX_PARSED_MEMBERS:
                raise TransferError("many")
            remaining_bytes = MAX_JSON_BYTES
            for member in selected:
                content = _extract_member(archive, member, remaining_bytes)
                remaining_bytes -= len(content)
                yield member.filename, content
    except _ARCHIVE_ERRORS:
        raise TransferError("zip") from None


def read_members(data: bytes, names: Callable[[str], bool], max_bytes: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield names and contents of members of an archive; None for one that is damaged or larger than `max_bytes`."""
    if not data.startswith(_ZIP_SIGNATURES):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if not names(member.filename):
                continue
            try:
                yield member.filename, _extract_member(archive, member, max_bytes)
            except (TransferError, *_ARCHIVE_ERRORS):
                yield member.filename, None


def extract_members(
    data: bytes, is_wanted: Callable[[str], bool], max_bytes: int, max_members: int
) -> dict[str, bytes]:
    """Return the wanted members of an archive by name, of `max_bytes` in all; {} for a file that is no archive.

    Raises TransferError for a damaged archive, one with more than `max_members` of any name or more than `max_bytes`,
    and for two members with one name.
    """
    if not data.startswith(_ZIP_SIGNATURES):
        return {}
    contents: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > max_members:
                raise TransferError("many")
            for member in archive.infolist():
                if not is_wanted(member.filename):
                    continue
                if member.filename in contents:
                    raise TransferError("twice", member.filename)
                contents[member.filename] = _extract_member(archive, member, max_bytes)
                max_bytes -= len(contents[member.filename])
    except _ARCHIVE_ERRORS:
        raise TransferError("zip") from None
    return contents


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> bytes:
    """Extract one file of an archive, without trust in the size that its header states."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise TransferError("zip", member.filename)
    content = bytearray()
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                raise TransferError("unpacked", member.filename)
    return bytes(content)


def parse_json(data: bytes, filename: str) -> Any:
    """Parse JSON with the standard library: msgspec's parser takes no lone surrogates and no duplicate keys.

    Raises TransferError with the line and column of the first error.
    """
    try:
        text = data.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise TransferError("text", filename) from None
    try:
        return json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_build_object)
    except json.JSONDecodeError as error:
        raise TransferError("json", f"{filename}:{error.lineno}:{error.colno}".lstrip(":")) from None
    except ValueError:  # an integer of thousands of digits
        raise TransferError("number", filename) from None
    except RecursionError:
        raise TransferError("deep", filename) from None


def _reject_constant(constant: str) -> NoReturn:
    raise TransferError("number", constant)


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object with keys that UTF-8 has, without duplicates."""
    value = {replace_surrogates(key): item for key, item in pairs}
    if len(value) != len(pairs):
        counts = Counter(replace_surrogates(key) for key, _ in pairs)
        raise TransferError("twice", next(key for key, count in counts.items() if count > 1))
    return value
