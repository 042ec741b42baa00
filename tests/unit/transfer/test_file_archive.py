"""Archives with files: a round trip is lossless, and what is damaged is left out and counted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from threading import RLock

import pytest

from lib import transfer
from lib.chat.turns.temporary_files import TemporaryFiles
from lib.core.conversation import Conversation, FilePart, Message, Node, TextPart
from lib.core.errors import TransferError
from lib.core.file_storage import StoredFile
from lib.transfer import archive as zip_archive
from lib.transfer import file_archive

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
REPORT = StoredFile(
    "application/pdf",
    b"%PDF-1.7 tides \0\xff",
    "The quokka 海 report.",
    PNG,
    {"pages": 3, "a": [1.5, None], "text_tokens": 7},
)
PHOTO = StoredFile("image/png", PNG)
NOTES = StoredFile("text/markdown", b"# Notes" * 50, "# Notes" * 50, facts={"text_tokens": 98})


def part(file: StoredFile, **fields) -> FilePart:
    kind = {"application/pdf": "pdf", "image/png": "image"}.get(file.media_type, "text")
    return FilePart(file.digest, "report.pdf", file.media_type, file.size, kind, **fields)


def record(*files: StoredFile) -> transfer.ConversationRecord:
    node = Node("q", None, Message("user", (*map(part, files), TextPart("Why?"))), 1.0)
    return Conversation("c", "Why?", 2.0, "q", created_at=1.0), [node]


def memory(*files: StoredFile, max_bytes: int = 10_000_000) -> TemporaryFiles:
    store = TemporaryFiles(RLock(), "ann", max_bytes)
    for file in files:
        store.put("ann", file)
    return store


def write(*files: StoredFile, **limits: int) -> bytes:
    return transfer.write_archive(memory(REPORT, PHOTO, NOTES), "ann", [record(*files)], **limits)


def read(data: bytes, store: TemporaryFiles) -> transfer.ImportResult:
    return transfer.import_files(data, transfer.parse_export(data), store, "ann")


def rewrite(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """Return an archive with other contents of its members; None leaves one out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
    return stream.getvalue()


def test_files_come_back_with_their_texts_thumbnails_and_facts():
    data = write(REPORT, PHOTO, NOTES, PHOTO)
    store = memory()
    result = read(data, store)
    assert result.conversations == [record(REPORT, PHOTO, NOTES, PHOTO)]
    assert result.report.issues == {}
    assert [store.get("ann", file.digest) for file in (REPORT, PHOTO, NOTES)] == [REPORT, PHOTO, NOTES]
    assert transfer.write_archive(store, "ann", result.conversations) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [
            "conversations.json",
            *(f"texts/{REPORT.digest}.txt", f"files/{REPORT.digest}.pdf", f"files/{PHOTO.digest}.png"),
            *(f"texts/{NOTES.digest}.txt", f"files/{NOTES.digest}.txt"),
        ]
        document = json.loads(archive.read("conversations.json"))
    assert (document["version"], len(document["files"])) == (2, 3)


def test_an_export_without_contents_is_one_readable_text_that_earlier_versions_read():
    data = b"".join(transfer.write_export([record(REPORT)]))
    assert json.loads(data)["version"] == 1
    result = read(data, memory())
    assert result.conversations == [record(REPORT)]
    assert result.report.issues == {"missing_file": 1}
    # Nothing is missing where its owner has the file.
    assert read(data, memory(REPORT)).report.issues == {}


def test_the_tokens_of_texts_are_counted_again():
    def lie(name: str, content: bytes) -> bytes:
        return content.replace(b'"text_tokens":7', b'"text_tokens":1') if name.endswith(".json") else content

    def without_texts(name: str, content: bytes) -> bytes | None:
        return None if name.startswith("texts/") else content

    data, store = write(REPORT), memory()
    read(rewrite(data, lie), store)
    assert store.facts("ann", [REPORT.digest])[REPORT.digest].facts["text_tokens"] == 7
    read(rewrite(data, without_texts), store := memory())
    assert "text_tokens" not in store.facts("ann", [REPORT.digest])[REPORT.digest].facts


def test_files_beyond_the_limit_of_an_archive_are_only_named():
    data = write(REPORT, NOTES, PHOTO, max_bytes=REPORT.size + PHOTO.size)
    store = memory()
    assert read(data, store).report.issues == {"missing_file": 1}
    assert set(store.facts("ann", [REPORT.digest, NOTES.digest, PHOTO.digest])) == {REPORT.digest, PHOTO.digest}


def test_files_that_no_message_names_are_neither_written_nor_imported():
    assert f"files/{PHOTO.digest}.png" not in zipfile.ZipFile(io.BytesIO(write(REPORT))).namelist()
    data = rewrite(
        write(REPORT, PHOTO), lambda _, content: content.replace(PHOTO.digest.encode(), REPORT.digest.encode())
    )
    store = memory()
    read(data, store)
    assert store.get("ann", PHOTO.digest) is None


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        (lambda name, content: content + b"x" if name.startswith("files/") else content, "damaged_file"),
        (lambda name, content: b"" if name.startswith("files/") else content, "damaged_file"),
        (lambda name, content: None if name.startswith("files/") else content, "missing_file"),
        (lambda name, content: content.replace(b"application/pdf", b"image/png"), "damaged_file"),
        (lambda name, content: content.replace(b"application/pdf", b"text/<html>"), "damaged_file"),
    ],
)
def test_a_damaged_file_is_left_out_and_the_rest_is_imported(change, issue):
    store = memory()
    result = read(rewrite(write(REPORT), change), store)
    assert result.report.issues == {issue: 1}
    assert result.conversations[0][0] == record(REPORT)[0]
    assert store.total_bytes("ann") == 0


def test_a_file_larger_than_the_store_takes_is_left_out(monkeypatch):
    store = memory(max_bytes=NOTES.size)
    assert read(write(NOTES, REPORT), store).report.issues == {"damaged_file": 1}
    assert store.get("ann", NOTES.digest) == NOTES
    monkeypatch.setattr(file_archive, "MAX_IMPORTED_BYTES", NOTES.size - 1)
    assert read(write(NOTES, REPORT), memory()).report.issues == {"damaged_file": 1}


def test_a_broken_member_damages_only_its_own_file():
    data = write(PHOTO, REPORT)
    broken = data.replace(PHOTO.data, PHOTO.data[:-1] + b"!", 1)
    store = memory()
    assert read(broken, store).report.issues == {"damaged_file": 1}
    assert store.get("ann", REPORT.digest) == REPORT


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"digest": "../../etc/passwd"}, None),
        ({"digest": "AB" * 32}, None),
        ({"kind": "virus"}, "document"),
        ({"kind": "image", "media_type": "image/svg+xml"}, "document"),
        ({"kind": "image", "media_type": "image/png"}, "image"),
    ],
)
def test_parts_of_an_imported_file_are_checked(fields, expected):
    document = json.loads(b"".join(transfer.write_export([record(REPORT)])))
    document["conversations"][0]["nodes"][0]["parts"][0] |= fields
    ((_, (node,)),) = transfer.parse_export(json.dumps(document).encode()).conversations
    assert [file.kind for file in node.message.files] == ([expected] if expected else [])


def test_a_thumbnail_that_is_no_small_image_is_dropped():
    data = rewrite(write(REPORT), lambda _, content: content.replace(b"iVBORw0KGgo", b"PHNjcmlwdD4"))
    store = memory()
    read(data, store)
    assert store.get("ann", REPORT.digest).thumbnail == b""


def test_a_field_of_another_type_is_an_error():
    data = rewrite(write(REPORT), lambda _, content: content.replace(b'"files": [', b'"files": [7,'))
    with pytest.raises(TransferError) as error:
        transfer.parse_export(data)
    assert error.value.location == "files[0]"


def test_members_are_read_from_archives_only():
    assert list(zip_archive.read_members(b"{}", lambda _: True, 10)) == []
