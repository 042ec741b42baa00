"""Uploads that fail, and files that are lost: nothing is half saved, and no object stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from lib.core.errors import FileStorageFull, FileStoreError, StoreError
from lib.storage.database.engine import read_transaction
from lib.storage.files import attachments as module
from lib.storage.files.blobs import BlobStore
from tests.unit.storage.stored_files import PHOTO, REPORT, age, counts


def raise_on_call(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)
def test_an_upload_that_fails_saves_nothing_and_its_object_is_swept(place, monkeypatch):
    store = place.store
    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "write", raise_on_call(FileStorageFull("no space")))
        with pytest.raises(FileStorageFull):
            store.attachments.put("ann", REPORT)
    assert counts(store) == {"stray_object": 1}
    with monkeypatch.context() as patch:
        # As if the process had died after the write.
        patch.setattr(module.Attachments, "_insert", raise_on_call(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            store.attachments.put("ann", REPORT)
    assert store.attachments.get("ann", REPORT.digest) is None
    assert len(place.list_objects()) == 1
    store.purge_deleted(-1)
    assert len(place.list_objects()) == 1  # another process may be writing it
    age(store, module.WRITE_TIMEOUT + 60)
    store.purge_deleted(-1)
    assert (counts(store), place.list_objects()) == ({}, [])
    store.attachments.put("ann", REPORT)
    assert store.attachments.get("ann", REPORT.digest) == REPORT


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_an_upload_whose_object_was_swept_meanwhile_is_refused(place, monkeypatch):
    write = BlobStore.write

    def write_slowly(blobs: BlobStore, key: str, data: bytes) -> None:
        write(blobs, key, data)
        age(place.store, module.WRITE_TIMEOUT + 60)
        place.store.attachments.sweep()

    monkeypatch.setattr(BlobStore, "write", write_slowly)
    with pytest.raises(FileStoreError):
        place.store.attachments.put("ann", REPORT)
    assert (counts(place.store), place.list_objects()) == ({}, [])


@pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)
def test_objects_of_deleted_files_are_deleted_when_their_place_is_back(place, monkeypatch):
    place.store.attachments.put("ann", REPORT)
    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "delete", raise_on_call(FileStoreError("unreachable")))
        place.store.users.delete_data("ann")
    assert counts(place.store) == {"stray_object": 1}
    assert len(place.list_objects()) == 1
    place.store.purge_deleted(-1)
    assert (counts(place.store), place.list_objects()) == ({}, [])


@pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)
def test_lost_and_damaged_objects_are_left_out(place, bucket):
    store = place.store
    for file in (REPORT, PHOTO):
        store.attachments.put("ann", file)
    damaged, lost = place.list_objects()
    if place.file_url.startswith("file:"):
        Path(damaged).write_bytes(b"%PDF-1.7 shorter")
        Path(lost).unlink()
    else:
        bucket.overwrite(damaged, b"%PDF-1.7 shorter")
        store.attachments._blobs.delete(lost.rpartition("/")[2])
    assert store.attachments.contents("ann", [REPORT.digest, PHOTO.digest]) == {}
    assert store.attachments.get("ann", PHOTO.digest) is None
    assert store.attachments.texts("ann", [REPORT.digest]) == {REPORT.digest: REPORT.text}
    # Deleting what is lost is no error.
    store.users.delete_data("ann")
    assert (counts(store), place.list_objects()) == ({}, [])


@pytest.mark.parametrize("place", ["folder", "bucket"], indirect=True)
def test_an_unreachable_place_is_an_error_and_not_a_lost_file(place, tmp_path):
    place.store.attachments.put("ann", REPORT)
    if place.file_url.startswith("file:"):
        (tmp_path / "files").rename(tmp_path / "unmounted")
        elsewhere = place.store
    else:
        place.file_url = "s3://no-such-bucket/files"
        elsewhere = place.open()
        with pytest.raises(FileStoreError):
            elsewhere.attachments.put("ann", PHOTO)
        assert counts(place.store) == {"attachment": 1, "stray_object": 1}
    with pytest.raises(FileStoreError):
        elsewhere.attachments.contents("ann", [REPORT.digest])
    place.file_url = ""
    unset = place.open()
    with pytest.raises(FileStoreError):
        unset.attachments.get("ann", REPORT.digest)
    assert unset.attachments.texts("ann", [REPORT.digest]) == {REPORT.digest: REPORT.text}
    unset.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_full_database_is_reported_as_full_storage(place):
    with read_transaction(place.store._engine) as connection:
        page_count = connection.scalar(sa.text("PRAGMA page_count"))
        connection.execute(sa.text(f"PRAGMA max_page_count = {page_count + 3}"))
    with pytest.raises(FileStorageFull):
        place.store.attachments.put("ann", PHOTO)
    assert counts(place.store) == {}


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_an_error_of_the_database_while_a_file_is_stored_has_a_text_of_its_own(place, monkeypatch):
    monkeypatch.setattr(module.Attachments, "total_bytes", raise_on_call(StoreError("locked")))
    with pytest.raises(FileStoreError, match="locked"):
        place.store.attachments.put("ann", REPORT)
