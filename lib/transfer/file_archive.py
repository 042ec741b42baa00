"""Archives of conversations with the content of their files."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lib.core import tokens
from lib.core.attachments import EXTENSIONS
from lib.core.comparisons import Comparison
from lib.core.errors import AttachmentTooLarge, FileQuotaExceeded
from lib.core.file_storage import FileFacts, StoredFile, digest_of
from lib.core.images import IMAGE_TYPES, media_type_of
from lib.core.projects import Project
from lib.core.prompts import Prompt
from lib.core.sanitize import replace_surrogates, sanitize_json
from lib.transfer.antler_schema import StoredFileSchema
from lib.transfer.antler_writer import write_export
from lib.transfer.archive import read_members
from lib.transfer.result import ConversationRecord, ImportResult

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024  # of all files in an archive, which is built in memory
MAX_IMPORTED_BYTES = 100 * 1024 * 1024  # of one file
_MAX_THUMBNAIL_BYTES = 256 * 1024
_JSON_NAME = "conversations.json"
# A text stands before its file.
_MEMBER = re.compile(r"(?P<folder>files|texts)/(?P<digest>[0-9a-f]{64})(?:\.\w{1,8})?", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z]+/[\w.+-]{1,100}", re.ASCII)
_PDF_SIGNATURE = b"%PDF-"


class FileSource(Protocol):
    """Storage that files are read from; each method may raise StoreError."""

    def facts(self, owner: str, digests: Sequence[str]) -> Mapping[str, FileFacts]: ...
    def texts(self, owner: str, digests: Sequence[str]) -> Mapping[str, str]: ...
    def thumbnails(self, owner: str, digests: Sequence[str]) -> Mapping[str, bytes]: ...
    def contents(self, owner: str, digests: Sequence[str]) -> Mapping[str, bytes]: ...


class FileSink(Protocol):
    """Storage that files are imported into; each method may raise StoreError."""

    def put(self, owner: str, file: StoredFile) -> None: ...
    def facts(self, owner: str, digests: Sequence[str]) -> Mapping[str, FileFacts]: ...


def write_archive(
    source: FileSource,
    owner: str,
    records: Iterable[ConversationRecord],
    prompts: Iterable[Prompt] = (),
    projects: Iterable[Project] = (),
    max_bytes: int = MAX_ARCHIVE_BYTES,
    comparisons: Iterable[Comparison] = (),
    columns: Iterable[ConversationRecord] = (),
    members: Iterable[tuple[str, bytes]] = (),
) -> bytes:
    """Return a ZIP archive of an export, the files that its messages name, each once, and further members.

    Files beyond `max_bytes` in all are only named in it, the last ones first. The same conversations and files always
    give the same bytes. Raises StoreError.
    """
    digests: dict[str, None] = {}
    selected: list[StoredFileSchema] = []

    def collect(records: Iterable[ConversationRecord]) -> Iterator[ConversationRecord]:
        for conversation, nodes in records:
            visible = (node for node in nodes if node.deleted_at is None)
            digests.update(dict.fromkeys(part.digest for node in visible for part in node.message.files))
            yield conversation, nodes

    def describe() -> Iterator[StoredFileSchema]:
        selected.extend(_describe(source, owner, list(digests), max_bytes))
        yield from selected

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        with archive.open(_member(_JSON_NAME), "w", force_zip64=True) as document:
            for chunk in write_export(collect(records), prompts, projects, describe(), comparisons, collect(columns)):
                document.write(chunk)
        for file in selected:
            _write_file(archive, source, owner, file)
        for name, content in members:
            archive.writestr(_member(name, is_compressed=False), content)
    return stream.getvalue()


def _write_file(archive: zipfile.ZipFile, source: FileSource, owner: str, file: StoredFileSchema) -> None:
    """Write text and content of one file: no more than one is in memory beside the archive."""
    data = source.contents(owner, [file.digest]).get(file.digest)
    if data is None:
        return
    if text := source.texts(owner, [file.digest]).get(file.digest):
        archive.writestr(_member(f"texts/{file.digest}.txt"), replace_surrogates(text).encode())
    extension = EXTENSIONS.get(file.media_type, "txt" if file.media_type.startswith("text/") else "bin")
    member = _member(f"files/{file.digest}.{extension}", is_compressed=file.media_type not in EXTENSIONS)
    archive.writestr(member, data)


def import_files(data: bytes, result: ImportResult, sink: FileSink, owner: str) -> ImportResult:
    """Store the files of an archive that its messages name, and return the result with what was left out counted.

    A file that does not have its digest, is not of its media type, or is larger than a limit is left out; so is one
    that the archive does not have. Raises StoreError.
    """
    named = {part.digest for _, nodes in result.conversations for node in nodes for part in node.message.files}
    described = {file.digest: file for file in result.files if file.digest in named}
    issues: Counter[str] = Counter(result.report.issues)

    def is_wanted(name: str) -> bool:
        match = _MEMBER.fullmatch(name)
        return match is not None and match["digest"] in described

    refused: set[str] = set()
    texts: dict[str, str] = {}
    for name, content in read_members(data, is_wanted, MAX_IMPORTED_BYTES) if described else ():
        folder, digest = name.split("/")[0], name.split("/")[1][:64]
        if folder == "texts":
            texts[digest] = replace_surrogates((content or b"").decode(errors="replace"))
        elif not _put(sink, owner, described[digest], content, texts.pop(digest, "")):
            refused.add(digest)
    missing = named - set(sink.facts(owner, sorted(named)))
    issues["damaged_file"] += len(missing & refused)
    issues["missing_file"] += len(missing - refused)
    counts = {code: count for code, count in sorted(issues.items()) if count}
    return replace(result, report=replace(result.report, issues=counts))


def _describe(source: FileSource, owner: str, digests: Sequence[str], max_bytes: int) -> Iterator[StoredFileSchema]:
    """Yield the stored files among these that have room."""
    facts = source.facts(owner, digests)
    for digest in digests:
        if digest not in facts or facts[digest].size > max_bytes:
            continue
        max_bytes -= facts[digest].size
        yield StoredFileSchema(
            digest=digest,
            media_type=facts[digest].media_type,
            thumbnail=base64.b64encode(source.thumbnails(owner, [digest]).get(digest, b"")).decode(),
            # Sorted, because the order of the keys depends on the database.
            facts=json.loads(json.dumps(dict(facts[digest].facts), sort_keys=True)),
        )


def _put(sink: FileSink, owner: str, schema: StoredFileSchema, content: bytes | None, text: str) -> bool:
    """Store a file; returns False for one that is refused."""
    if content is None or digest_of(content) != schema.digest or not is_of_type(content, schema.media_type):
        return False
    # Limits reserve what a text takes, so that its tokens are counted here.
    facts = {name: value for name, value in sanitize_json(schema.facts).items() if name != "text_tokens"}
    if text:
        facts["text_tokens"] = tokens.estimate(text)
    file = StoredFile(schema.media_type, content, text, _read_thumbnail(schema.thumbnail), facts)
    try:
        sink.put(owner, file)
    except (AttachmentTooLarge, FileQuotaExceeded):
        return False
    return True


def is_of_type(content: bytes, media_type: str) -> bool:
    """Check the types that are shown, and sent to models as they are."""
    if media_type.startswith("image/"):
        return _image_type(content) == media_type
    if media_type == "application/pdf":
        return _PDF_SIGNATURE in content[:1024]
    return bool(_MEDIA_TYPE.fullmatch(media_type))


def _image_type(content: bytes) -> str:
    detected = media_type_of(base64.b64encode(content[:24]).decode())
    return detected if detected in IMAGE_TYPES else ""


def _read_thumbnail(encoded: str) -> bytes:
    """Return a thumbnail; b"" for anything but a small image."""
    try:
        thumbnail = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return thumbnail if len(thumbnail) <= _MAX_THUMBNAIL_BYTES and _image_type(thumbnail) else b""


def _member(name: str, *, is_compressed: bool = True) -> zipfile.ZipInfo:
    """Return the entry of a member, without a time: the same content gives the same bytes."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED if is_compressed else zipfile.ZIP_STORED
    return info
