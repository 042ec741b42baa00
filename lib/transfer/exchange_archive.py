"""Bug reports: a recorded exchange as a ZIP archive, without secrets, as docs/format.md describes it."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta, Struct

from lib.core.conversation import new_id
from lib.core.errors import TransferError
from lib.core.exchanges import HIDDEN_HEADER, KEY_PLACEHOLDER, Attempt, Chunk, Exchange, SentFile
from lib.core.file_storage import StoredFile, digest_of
from lib.core.params import ParamAdjustment
from lib.core.target import parse_target
from lib.transfer.antler_schema import Count, HeaderSchema, Number, TargetSchema, decode
from lib.transfer.archive import MAX_ARCHIVE_MEMBERS, extract_members, parse_json
from lib.transfer.file_archive import is_of_type
from lib.transfer.values import clean_line, clean_text, parse_timestamp

FORMAT = "antler-exchange"
VERSION = 1
MAX_EXCHANGE_BYTES = 64 * 1024 * 1024  # of all members of an archive
MAX_ATTEMPTS = 100
MAX_CHUNKS = 200_000  # of all attempts; each takes much more memory than in the archive
MAX_FILES = 1_000  # of one attempt; vendors take up to 600
_MAX_SEARCHED = 4_000_000_000  # product of a body's length and the number of its files
MAX_OFFSET = 24 * 3600.0  # seconds: no answer takes longer
_MAX_MEMBERS = 10_000
_MAX_HEADERS, _MAX_HEADER_CHARS = 200, 65_536

_MANIFEST = "manifest.json"
_MEMBER = re.compile(
    r"manifest\.json|attempts/[1-9]\d{0,2}/(?:request\.json|request-body\.json|response\.json|response-body\.txt"
    r"|chunks\.jsonl)|files/[0-9a-f]{64}",
    re.ASCII,
)
# The request headers of HTTP and of both wires. All others are an operator's own, and may be credentials.
_KNOWN_REQUEST_HEADERS = re.compile(
    r"accept(?:-encoding|-language)?|anthropic-(?:version|beta)|connection|content-(?:length|type)|host|transfer-encoding"
    r"|user-agent",
    re.IGNORECASE,
)
_KEY_VALUE = re.compile(rf"(?:\w+ )?{re.escape(KEY_PLACEHOLDER)}")
_SECRET_RESPONSE_HEADERS = re.compile(
    r"cookie|authoriz|authentic|secret|passw|credential|session|signature|api-?key|csrf|xsrf"
    r"|(?:^|-)(?:access|auth|bearer|id|refresh|security)-?token",
    re.IGNORECASE,
)

# Of a recording: no path, no hidden file, and the same name on every file system.
_RECORDING_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?", re.ASCII)

# Code that sends a request again is made of these: none may be an option of a command.
Method = Annotated[str, Meta(pattern=r"^[A-Z]{0,20}\Z")]
Url = Annotated[str, Meta(pattern=r"^(https?://[^\s\x00-\x1f\x7f\\]{1,4000})?\Z")]
_HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]{1,200}", re.ASCII)
_RECEIVED_HEADER_NAME = re.compile(r"[!-9;-~]{1,1000}")  # as http.client takes them

Offset = Annotated[float, Meta(ge=0, le=MAX_OFFSET)]
Mark = Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{32,64}\Z")]
FileText = Annotated[str, Meta(max_length=300)]  # that may stand in a body in place of a mark


class AdjustmentSchema(Struct, omit_defaults=True):
    """A parameter that the target does not take as it was set."""

    code: str = ""
    param_names: str = msgspec.field(default="", name="params")
    value: str = ""


class ManifestSchema(HeaderSchema, kw_only=True, omit_defaults=True):
    """The exchange as a whole; `versions` are those of the programs that recorded it."""

    format: str
    versions: dict[str, str] = {}
    target: TargetSchema
    started_at: Number = msgspec.field(default=0, name="started")
    purpose: Literal["answer", "probe", "replay"] = "answer"
    attempt_count: Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)] = msgspec.field(default=1, name="attempts")
    adjustments: list[AdjustmentSchema] = []


class SentFileSchema(Struct, omit_defaults=True):
    """A file of a request, which a mark stands for."""

    mark: Mark
    digest: FileText = ""
    media_type: FileText = ""
    size: Count = 0
    prefix: FileText = ""


class RequestSchema(Struct, omit_defaults=True):
    """A request without its body."""

    method: Method = "POST"
    url: Url = ""
    started_at: Number = msgspec.field(default=0, name="started")
    reason: Literal["first", "retry", "repair", "continuation"] = "first"
    is_form: bool = msgspec.field(default=False, name="form")
    omits_body: bool = msgspec.field(default=False, name="omitted")
    headers: dict[str, str] = {}
    files: list[SentFileSchema] = []


class ResponseSchema(Struct, omit_defaults=True):
    """A response without its body; offsets are seconds since the start of the request."""

    status: Annotated[int, Meta(ge=100, le=999)] | None = None
    connected: Offset | None = None
    responded: Offset | None = None
    ended: Offset | None = None
    error: str = ""
    omitted_bytes: Count = msgspec.field(default=0, name="omitted")
    omitted_before: Count | None = None
    withholds_key: bool = msgspec.field(default=False, name="withheld")
    headers: dict[str, str] = {}


class ChunkSchema(Struct):
    """Offset in seconds and length in bytes of a chunk of the response body."""

    offset: Offset
    length: Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class ExchangeReport:
    """An exchange of an archive, under an id of its own, with the files that it holds by digest."""

    exchange: Exchange
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, StoredFile] = field(default_factory=dict)


def write_exchange(exchange: Exchange, versions: Mapping[str, str], files: Mapping[str, bytes] | None = None) -> bytes:
    """Return the archive of an exchange; the same exchange always gives the same bytes.

    Values of headers that may be credentials are removed, as are user and password of the URL and the values of its
    query. `files` are the contents, by digest, that are put into the archive.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _iter_members(exchange, versions, files or {}):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _iter_members(
    exchange: Exchange, versions: Mapping[str, str], files: Mapping[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    adjustments = [AdjustmentSchema(item.code, item.param_names, item.value) for item in exchange.adjustments]
    yield (
        _MANIFEST,
        _encode(
            ManifestSchema(
                version=VERSION,
                format=FORMAT,
                versions=dict(versions),
                target=TargetSchema(exchange.target.model, exchange.target.wire),
                started_at=exchange.started_at,
                purpose=exchange.purpose,
                attempt_count=len(exchange.attempts),
                adjustments=adjustments,
            )
        ),
    )
    for number, attempt in enumerate(exchange.attempts, 1):
        for name, content in _iter_attempt_members(attempt):
            yield f"attempts/{number}/{name}", content
    digests = {file.digest for attempt in exchange.attempts for file in attempt.files}
    for digest in sorted(digests & files.keys()):
        yield f"files/{digest}", files[digest]


def _iter_attempt_members(attempt: Attempt) -> Iterator[tuple[str, bytes]]:
    files = [SentFileSchema(file.mark, file.digest, file.media_type, file.size, file.prefix) for file in attempt.files]
    yield (
        "request.json",
        _encode(
            RequestSchema(
                attempt.method,
                _remove_url_secrets(attempt.url),
                attempt.started_at,
                attempt.reason,
                attempt.is_form,
                attempt.omits_body,
                {name: _remove_request_secret(name, value) for name, value in attempt.headers.items()},
                files,
            )
        ),
    )
    yield "request-body.json", attempt.body.encode("utf-8", "replace")
    yield (
        "response.json",
        _encode(
            ResponseSchema(
                attempt.status,
                attempt.connected,
                attempt.responded,
                attempt.ended,
                attempt.error,
                attempt.omitted_bytes,
                attempt.omitted_before,
                attempt.withholds_key,
                {
                    name: HIDDEN_HEADER if _SECRET_RESPONSE_HEADERS.search(name) else value
                    for name, value in attempt.response_headers.items()
                },
            )
        ),
    )
    yield "response-body.txt", b"".join(chunk.data for chunk in attempt.chunks)
    lines = (json.dumps({"offset": chunk.offset, "length": len(chunk.data)}) + "\n" for chunk in attempt.chunks)
    yield "chunks.jsonl", "".join(lines).encode()


def _encode(struct: Struct) -> bytes:
    return json.dumps(msgspec.to_builtins(struct), indent=2).encode() + b"\n"


def _remove_request_secret(name: str, value: str) -> str:
    """Return the value of a header of HTTP or of the wires, and the placeholder of the key, which can be filled in."""
    return value if _KNOWN_REQUEST_HEADERS.fullmatch(name) or _KEY_VALUE.fullmatch(value) else HIDDEN_HEADER


def _remove_url_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    query = (
        "&".join(f"{item.partition('=')[0]}={HIDDEN_HEADER}" for item in parts.query.split("&")) if parts.query else ""
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def is_exchange_archive(data: bytes) -> bool:
    """Tell if a file is an archive of an exchange, of any version."""
    try:
        manifest = extract_members(data, lambda name: name == _MANIFEST, MAX_EXCHANGE_BYTES, MAX_ARCHIVE_MEMBERS)
        value = parse_json(manifest[_MANIFEST], _MANIFEST) if manifest else None
    except TransferError:
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def read_exchange(data: bytes) -> ExchangeReport:
    """Return the exchange of an archive, with an id of its own and no place in a conversation.

    Raises TransferError, with a reason and the member or field that is wrong.
    """
    members = extract_members(data, lambda name: _MEMBER.fullmatch(name) is not None, MAX_EXCHANGE_BYTES, _MAX_MEMBERS)
    if _MANIFEST not in members:
        raise TransferError("unknown")
    manifest = _decode_manifest(parse_json(members[_MANIFEST], _MANIFEST))
    target = parse_target(clean_line(manifest.target.model).strip(), manifest.target.wire)
    if target is None:
        raise TransferError("shape", "target")
    attempts, chunk_count = list[Attempt](), 0
    for number in range(1, manifest.attempt_count + 1):
        attempts.append(_read_attempt(members, number, MAX_CHUNKS - chunk_count))
        chunk_count += len(attempts[-1].chunks)
    return ExchangeReport(
        Exchange(
            new_id(),
            target,
            tuple(attempts),
            manifest.purpose,
            adjustments=tuple(ParamAdjustment(a.code, a.param_names, a.value) for a in manifest.adjustments[:100]),
        ),
        {clean_line(name): clean_line(value) for name, value in list(manifest.versions.items())[:20]},
        _read_files(members, attempts),
    )


def _read_files(members: Mapping[str, bytes], attempts: Iterable[Attempt]) -> dict[str, StoredFile]:
    """Return the files of requests that are what their digest and their media type say."""
    files: dict[str, StoredFile] = {}
    for file in (file for attempt in attempts for file in attempt.files):
        content = members.get(f"files/{file.digest}")
        if content is not None and digest_of(content) == file.digest and is_of_type(content, file.media_type):
            files[file.digest] = StoredFile(file.media_type, content)
    return files


def _decode_manifest(value: Any) -> ManifestSchema:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise TransferError("unknown")
    header = decode(value, HeaderSchema, "", Counter())
    if header.version > VERSION:
        raise TransferError("newer", str(header.version))
    return decode(value, ManifestSchema, "", Counter())


def _read_attempt(members: Mapping[str, bytes], number: int, max_chunks: int) -> Attempt:
    folder = f"attempts/{number}/"
    request = _decode_member(members, f"{folder}request.json", RequestSchema)
    response = _decode_member(members, f"{folder}response.json", ResponseSchema)
    try:
        body = clean_text(members.get(f"{folder}request-body.json", b"").decode())
    except UnicodeDecodeError:
        raise TransferError("text", f"{folder}request-body.json") from None
    if not _are_valid(request.files, body):
        raise TransferError("shape", f"{folder}request.json.files")
    return Attempt(
        started_at=parse_timestamp(request.started_at) or 0.0,
        method=request.method,
        url=request.url,
        headers=_clean_headers(request.headers, _HEADER_NAME, f"{folder}request.json"),
        body=body,
        is_form=request.is_form,
        omits_body=request.omits_body,
        files=tuple(SentFile(f.mark, f.digest, clean_line(f.media_type), f.size, f.prefix) for f in request.files),
        reason=request.reason,
        connected=response.connected,
        responded=response.responded,
        ended=response.ended,
        status=response.status,
        response_headers=_clean_headers(response.headers, _RECEIVED_HEADER_NAME, f"{folder}response.json"),
        chunks=_read_chunks(members, folder, max_chunks),
        error=clean_line(response.error, 40),
        omitted_bytes=response.omitted_bytes,
        omitted_before=response.omitted_before,
        withholds_key=response.withholds_key,
    )


def _are_valid(files: Sequence[SentFileSchema], body: str) -> bool:
    """Return False for marks that occur twice, or in what replaces them: a short body would become a very long one."""
    if len(files) > MAX_FILES or len(files) * len(body) > _MAX_SEARCHED:
        return False
    texts = "\n".join(text for file in files for text in (file.digest, file.media_type, file.prefix))
    return not any(body.count(file.mark) > 1 or file.mark in texts for file in files)


def _decode_member(members: Mapping[str, bytes], name: str, schema: Any) -> Any:
    if name not in members:
        raise TransferError("member", name)
    return decode(parse_json(members[name], name), schema, name, Counter())


def _clean_headers(headers: Mapping[str, str], names: re.Pattern[str], location: str) -> dict[str, str]:
    if len(headers) > _MAX_HEADERS or not all(map(names.fullmatch, headers)):
        raise TransferError("shape", f"{location}.headers")
    return {name: clean_line(value, _MAX_HEADER_CHARS) for name, value in headers.items()}


def _read_chunks(members: Mapping[str, bytes], folder: str, max_count: int) -> tuple[Chunk, ...]:
    """Cut the body of a response into its chunks, which have to cover it in the order of their times."""
    name, body = f"{folder}chunks.jsonl", members.get(f"{folder}response-body.txt", b"")
    lines = members.get(name, b"").splitlines()
    if len(lines) > max_count:
        raise TransferError("many")
    try:
        rows = [msgspec.json.decode(line, type=ChunkSchema) for line in lines]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TransferError("shape", name) from None
    offsets = [row.offset for row in rows]
    if sum(row.length for row in rows) != len(body) or offsets != sorted(offsets):
        raise TransferError("shape", name)
    position, chunks = 0, []
    for row in rows:
        chunks.append(Chunk(row.offset, body[position : position + row.length]))
        position += row.length
    return tuple(chunks)


def find_recording(name: str, folders: Sequence[Path]) -> ExchangeReport | None:
    """Return the recording `<name>.zip` of the first folder that has it; None for an unknown or invalid name.

    Raises TransferError for a file that is no recording.
    """
    if not _RECORDING_NAME.fullmatch(name):
        return None
    for folder in folders:
        path = folder / f"{name}.zip"
        try:
            if not path.is_file():
                continue
            if path.stat().st_size > MAX_EXCHANGE_BYTES:
                raise TransferError("size")
            return read_exchange(path.read_bytes())
        except OSError:
            continue
    return None
