"""Files of users: their bytes, texts and thumbnails, their use by messages, and their removal with the last one.

The bytes are in the database, or outside of it under random names. No transaction covers both, so an object is noted in
`stray_object` before it is written, and when its file is deleted. The transaction that inserts the file removes the
note, and `sweep` deletes what is noted: a crash leaves no file without bytes, and no object for longer than a sweep.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import new_id
from lib.core.errors import (
    AttachmentTooLarge,
    FileQuotaExceeded,
    FileStorageFull,
    FileStoreError,
    StoreError,
)
from lib.core.file_storage import UNREAD, FileFacts, FileStorage, StoredFile, digest_of
from lib.storage.database.engine import Aggregate, insert
from lib.storage.files.blobs import BlobStore, new_key
from lib.storage.files.uses import encode_text
from lib.storage.rows import batches
from lib.storage.schema.files import attachment as attachments
from lib.storage.schema.files import attachment_data as contents
from lib.storage.schema.files import attachment_use as uses
from lib.storage.schema.files import queued_attachment as queued_uses
from lib.storage.schema.files import stray_object as strays

WRITE_TIMEOUT = 3600.0  # seconds, after which an object that no file refers to is not being written any more
_MAX_SWEPT = 500  # objects in one sweep, which a page may wait for
_PARALLEL = 8  # requests to a bucket at once
_SLICE_BYTES = 4_000_000
_POSTGRES_DISK_FULL = "53100"
log = logging.getLogger(__name__)


class Attachments(Aggregate):
    """The files of one owner at a time, by the digest of their bytes.

    Equal files of two owners are two rows: nobody can tell by a digest that somebody else has a file. Each method may
    raise FileStoreError, and FileStorageFull where it writes.
    """

    def __init__(self, engine: sa.Engine, storage: FileStorage) -> None:
        super().__init__(engine)
        self._storage = storage
        self._blobs = BlobStore(storage.url) if storage.url else None

    def put(self, owner: str, attachment: StoredFile) -> None:
        """Store a file, or renew the time of the stored one, for at least UPLOAD_RETENTION_SECONDS.

        Raises AttachmentTooLarge and FileQuotaExceeded.
        """
        with _translate_errors():
            if self._renew(owner, attachment):
                return
            if self._blobs is None and attachment.size > self._storage.max_database_bytes:
                raise AttachmentTooLarge(self._storage.max_database_bytes)
            self._check_quota(self.total_bytes(owner), attachment)
            # Before the transaction: the lock of the database is not held while a bucket or the tokenizer works.
            tokens = encode_text(attachment.text)
            key = self._write_object(owner, attachment.data)
            with self._write(owner) as connection:
                self._check_quota(_sum_sizes(connection, owner), attachment)
                self._insert(connection, owner, attachment, tokens, key)

    def get(self, owner: str, digest: str) -> StoredFile | None:
        """Return a file with its content; None if it is missing or another owner's."""
        with self._read() as connection:
            row = connection.execute(sa.select(attachments).where(_owned(owner, [digest]))).first()
            data = _read_bytes(connection, row) if row and not row.object else None
        data = self._check_data(row, data) if row else None
        if row is None or data is None:
            return None
        return StoredFile(row.media_type, data, row.text, row.thumbnail or b"", row.facts)

    def contents(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the bytes of files by digest; missing ones are left out."""
        query = sa.select(attachments.c.id, attachments.c.digest, attachments.c.object, attachments.c.size)
        rows = self._select(owner, digests, query)
        stored: dict[str, bytes | None] = {}
        with self._read() as connection:
            stored = {row.id: _read_bytes(connection, row) for row in rows if not row.object}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            loaded = list(pool.map(lambda row: self._check_data(row, stored.pop(row.id, None)), rows))
        return {row.digest: data for row, data in zip(rows, loaded, strict=True) if data is not None}

    def texts(self, owner: str, digests: Sequence[str]) -> dict[str, str]:
        """Return the texts of files by digest, "" for one without text; missing files are left out."""
        query = sa.select(attachments.c.digest, attachments.c.text)
        return {row.digest: row.text for row in self._select(owner, digests, query)}

    def thumbnails(self, owner: str, digests: Sequence[str]) -> dict[str, bytes]:
        """Return the thumbnails of files by digest; files without one are left out."""
        query = sa.select(attachments.c.digest, attachments.c.thumbnail).where(attachments.c.thumbnail.is_not(None))
        return {row.digest: row.thumbnail for row in self._select(owner, digests, query)}

    def facts(self, owner: str, digests: Sequence[str]) -> dict[str, FileFacts]:
        """Return the facts of files by digest; missing files are left out. No content is read."""
        columns = (attachments.c.digest, attachments.c.media_type, attachments.c.size, attachments.c.facts)
        rows = self._select(owner, digests, sa.select(*columns))
        return {row.digest: FileFacts(row.media_type, row.size, row.facts) for row in rows}

    def total_bytes(self, owner: str) -> int:
        """Return the size of all files of an owner."""
        with self._read() as connection:
            return _sum_sizes(connection, owner)

    def touch(self, owner: str, digests: Sequence[str]) -> None:
        """Keep uploads of a draft for another UPLOAD_RETENTION_SECONDS."""
        with self._write(owner) as connection:
            touch_files(connection, owner, digests)

    def copy(self, owner_from: str, owner_to: str, digests: Sequence[str]) -> list[str]:
        """Copy files to another owner, and return the digests of those that were there.

        Only callers that have checked the new owner's permission to read them may call it. Raises as `put`.
        """
        copied = []
        for digest in dict.fromkeys(digests):
            # One after the other, so that no more than one is in memory.
            if attachment := self.get(owner_from, digest):
                self.put(owner_to, attachment)
                copied.append(digest)
        return copied

    def sweep(self) -> None:
        """Delete the objects of deleted files and of interrupted uploads; never raises, the next sweep tries again."""
        if self._blobs is None:
            return
        try:
            if not (keys := self._claim_strays()):
                return
            with ThreadPoolExecutor(_PARALLEL) as pool:
                results = zip(keys, pool.map(self._delete_object, keys), strict=True)
                deleted = [key for key, is_deleted in results if is_deleted]
            with self._write() as connection:
                for batch in batches(deleted):
                    connection.execute(sa.delete(strays).where(strays.c.object.in_(batch)))
        except StoreError as error:
            log.warning("objects of deleted files could not be swept: %s", error)

    def _select(self, owner: str, digests: Sequence[str], query: sa.Select[Any]) -> list[sa.Row[Any]]:
        rows: list[sa.Row[Any]] = []
        with self._read() as connection:
            for batch in batches(digests):
                rows += connection.execute(query.where(_owned(owner, batch))).all()
        return rows

    def _check_data(self, row: sa.Row[Any], data: bytes | None) -> bytes | None:
        """Return the bytes of a file, also those of an object; None for lost or damaged ones, which are logged."""
        if row.object:
            if self._blobs is None:
                raise FileStoreError("The bytes of a file are outside of the database, and no place for them is set.")
            data = self._blobs.read(row.object)
        if data is None or digest_of(data) != row.digest:
            log.error("the bytes of a file are %s: object %r", "lost" if data is None else "damaged", row.object)
            return None
        return data

    def _delete_object(self, key: str) -> bool:
        """Delete an object; returns False if it may still be there."""
        try:
            if self._blobs:
                self._blobs.delete(key)
        except StoreError as error:
            log.warning("an object of a deleted file is still there: %s", error)
            return False
        return True

    def _renew(self, owner: str, attachment: StoredFile) -> bool:
        """Renew the time of a stored file; returns False without one.

        A text that it lacks is added, and what is known of it once it could be read.
        """
        with self._read() as connection:
            length = sa.func.length(attachments.c.text).label("length")
            query = sa.select(attachments.c.id, attachments.c.facts, length)
            row = connection.execute(query.where(_owned(owner, [attachment.digest]))).first()
        if row is None:
            return False
        columns: dict[str, Any] = {"touched": time.time()}
        is_read_now = bool(row.facts.get(UNREAD)) and not attachment.facts.get(UNREAD)
        if is_read_now or (attachment.text and not row.length and not attachment.facts.get(UNREAD)):
            columns |= {
                "text": attachment.text,
                "tokens": encode_text(attachment.text),
                "facts": dict(attachment.facts),
            }
            columns |= {"thumbnail": attachment.thumbnail} if attachment.thumbnail else {}
        with self._write(owner) as connection:
            update = sa.update(attachments).where(attachments.c.id == row.id).values(columns)
            return bool(connection.execute(update).rowcount)

    def _check_quota(self, used: int, attachment: StoredFile) -> None:
        if used + attachment.size > self._storage.max_user_bytes:
            raise FileQuotaExceeded(self._storage.max_user_bytes)

    def _write_object(self, owner: str, data: bytes) -> str:
        """Write bytes outside of the database; returns the name of the object, "" where the database takes them."""
        if self._blobs is None:
            return ""
        key = new_key()
        with self._write(owner) as connection:
            connection.execute(sa.insert(strays).values(object=key, created=time.time(), doomed=False))
        self._blobs.write(key, data)
        return key

    def _insert(self, connection: sa.Connection, owner: str, attachment: StoredFile, tokens: str, key: str) -> None:
        """Insert a file, unless another process has stored it meanwhile: then its object stays a stray one."""
        row = {
            "id": new_id(),
            "owner": owner,
            "digest": attachment.digest,
            "media_type": attachment.media_type,
            "size": attachment.size,
            "object": key,
            "touched": time.time(),
            "facts": dict(attachment.facts),
            "thumbnail": attachment.thumbnail or None,
            "text": attachment.text,
            "tokens": tokens,
        }
        statement = insert(connection, attachments).values(row)
        statement = statement.on_conflict_do_nothing(index_elements=["owner", "digest"])
        if not connection.scalar(statement.returning(attachments.c.id)):
            return
        if not key:
            connection.execute(sa.insert(contents).values(attachment=row["id"], data=attachment.data))
        elif not connection.execute(sa.delete(strays).where(strays.c.object == key, ~strays.c.doomed)).rowcount:
            raise FileStoreError("The upload took so long that its object was swept.")

    def _claim_strays(self) -> list[str]:
        """Return the objects to delete; from now on no file can be inserted for them."""
        is_due = strays.c.doomed | (strays.c.created < time.time() - WRITE_TIMEOUT)
        with self._read() as connection:
            # Reading first avoids the lock that keeps out every other writer.
            if not connection.scalar(sa.select(sa.exists().where(is_due))):
                return []
        with self._write() as connection:
            connection.execute(sa.update(strays).where(is_due).values(doomed=True))
            query = sa.select(strays.c.object).where(strays.c.doomed).order_by(strays.c.created).limit(_MAX_SWEPT)
            return list(connection.scalars(query))


def _read_bytes(connection: sa.Connection, row: sa.Row[Any]) -> bytes | None:
    """Return the bytes of a file in the database."""
    where = contents.c.attachment == row.id
    if connection.dialect.name == "sqlite":
        data: bytes | None = connection.scalar(sa.select(contents.c.data).where(where))
        return data
    # Postgres sends twice as many digits, and the driver keeps those beside the bytes: in slices, they are few.
    slices = (
        connection.scalar(sa.select(sa.func.substr(contents.c.data, start + 1, _SLICE_BYTES)).where(where))
        for start in range(0, max(row.size, 1), _SLICE_BYTES)
    )
    return b"".join(filter(None, slices))


def touch_files(connection: sa.Connection, owner: str, digests: Sequence[str]) -> None:
    """Set the time of the last upload of files to now."""
    for batch in batches(digests):
        connection.execute(sa.update(attachments).where(_owned(owner, batch)).values(touched=time.time()))


def purge_attachments(connection: sa.Connection, touched_before: float) -> None:
    """Remove files that nothing uses, and that were last uploaded before a time."""
    used = [
        sa.select(table.c.attachment).where(table.c.attachment == attachments.c.id) for table in (uses, queued_uses)
    ]
    is_unused = [~query.correlate(attachments).exists() for query in used]
    delete_attachments(connection, sa.and_(attachments.c.touched < touched_before, *is_unused))


def delete_attachments(connection: sa.Connection, where: sa.ColumnElement[bool]) -> None:
    """Delete files without uses, and note their objects for the sweep."""
    now = sa.literal(time.time())
    doomed = sa.select(attachments.c.object, now, sa.true()).where(attachments.c.object != "", where)
    connection.execute(sa.insert(strays).from_select(["object", "created", "doomed"], doomed))
    connection.execute(sa.delete(attachments).where(where))


def transfer_attachments(connection: sa.Connection, from_owner: str, to_owner: str) -> None:
    """Give files to another owner, whose own row takes the place of an equal file."""
    mine, theirs = attachments.alias("mine"), attachments.alias("theirs")
    query = sa.select(mine.c.id, theirs.c.id.label("kept")).join(theirs, theirs.c.digest == mine.c.digest)
    for row in connection.execute(query.where(mine.c.owner == from_owner, theirs.c.owner == to_owner)).all():
        for table in (uses, queued_uses):
            connection.execute(sa.update(table).where(table.c.attachment == row.id).values(attachment=row.kept))
        delete_attachments(connection, attachments.c.id == row.id)
    connection.execute(sa.update(attachments).where(attachments.c.owner == from_owner).values(owner=to_owner))


def _owned(owner: str, digests: Sequence[str]) -> sa.ColumnElement[bool]:
    return (attachments.c.owner == owner) & attachments.c.digest.in_(digests)


def _sum_sizes(connection: sa.Connection, owner: str) -> int:
    query = sa.select(sa.func.coalesce(sa.func.sum(attachments.c.size), 0)).where(attachments.c.owner == owner)
    return int(connection.scalar(query) or 0)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Raise errors of the database while it takes a file as those of the storage of files."""
    try:
        yield
    except (FileStoreError, FileStorageFull):
        raise
    except StoreError as error:
        original = getattr(error.__cause__, "orig", None)
        is_full = (
            getattr(original, "sqlstate", None) == _POSTGRES_DISK_FULL
            or getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        )
        raise (FileStorageFull if is_full else FileStoreError)(str(error)) from error
