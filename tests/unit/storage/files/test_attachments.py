"""Files of messages: content, use by messages, removal with the last one, in the database, a folder and a bucket."""

from __future__ import annotations

import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from lib.core.conversation import Conversation, FilePart, Message, Node, Outcome
from lib.core.errors import (
    AttachmentNotFound,
    AttachmentTooLarge,
    FileQuotaExceeded,
)
from lib.core.file_storage import UNREAD, UPLOAD_RETENTION_SECONDS, FileFacts, StoredFile, digest_of
from lib.core.params import Params
from lib.core.question_queue import QueuedQuestion
from lib.core.target import Target
from tests.unit.storage.stored_files import PHOTO, REPORT, age, counts, part, question, save

TARGET = Target("claude-x", "anthropic")


@pytest.mark.slow
def test_a_file_comes_back_as_it_was_stored_and_once(place):
    for file in (REPORT, REPORT, PHOTO):
        place.store.attachments.put("ann", file)
    assert place.store.attachments.get("ann", REPORT.digest) == REPORT
    assert place.store.attachments.get("ann", PHOTO.digest) == PHOTO
    digests = [PHOTO.digest, REPORT.digest, "0" * 64]
    assert place.store.attachments.contents("ann", digests) == {
        REPORT.digest: REPORT.data,
        PHOTO.digest: PHOTO.data,
    }
    assert place.store.attachments.texts("ann", digests) == {REPORT.digest: REPORT.text, PHOTO.digest: ""}
    assert place.store.attachments.thumbnails("ann", digests) == {REPORT.digest: REPORT.thumbnail}
    assert place.store.attachments.facts("ann", digests) == {
        REPORT.digest: FileFacts("application/pdf", REPORT.size, {"pages": 3}),
        PHOTO.digest: FileFacts("image/png", PHOTO.size),
    }
    assert place.store.attachments.total_bytes("ann") == REPORT.size + PHOTO.size
    external, stored = (2, {}) if place.is_external else (0, {"attachment_data": 2})
    assert counts(place.store) == {"attachment": 2, **stored}
    assert len(place.list_objects()) == external


def test_a_file_of_another_owner_looks_like_a_missing_one(place):
    place.store.attachments.put("ann", REPORT)
    assert place.store.attachments.get("bob", REPORT.digest) is None
    for method in ("contents", "texts", "thumbnails", "facts"):
        assert getattr(place.store.attachments, method)("bob", [REPORT.digest]) == {}
    assert place.store.attachments.total_bytes("bob") == 0
    with pytest.raises(AttachmentNotFound) as error:
        save(place.store, question("q", part(REPORT)), owner="bob")
    assert error.value.file_name == "report.pdf"
    assert place.store.conversations.get("bob", "c") is None
    # Equal content of two owners is two files, of which each is deleted for itself.
    place.store.attachments.put("bob", REPORT)
    place.store.users.delete_data("ann")
    assert place.store.attachments.get("bob", REPORT.digest) == REPORT
    assert place.store.attachments.get("ann", REPORT.digest) is None
    assert len(place.list_objects()) == place.is_external


def test_names_of_objects_tell_nothing_about_their_content(place):
    place.store.attachments.put("ann", REPORT)
    place.store.attachments.put("bob", REPORT)
    names = [name.rpartition("/")[2] for name in place.list_objects()]
    assert len(set(names)) == len(names) == 2 * place.is_external
    assert all(len(name) == 48 and REPORT.digest[:8] not in name for name in names)


def test_files_in_a_folder_are_readable_by_the_owner_of_the_process_alone(place):
    place.store.attachments.put("ann", REPORT)
    for name in place.list_objects() if place.file_url.startswith("file:") else ():
        assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(name).parents[1].stat().st_mode) == 0o700


def test_a_message_keeps_its_files_and_a_purge_removes_them_with_the_last_one(place):
    store = place.store
    store.attachments.put("ann", REPORT)
    save(store, question("q", part(REPORT)))
    save(store, question("q2", part(REPORT, "again.pdf", selection="1-3, 7", notes=("Scanned.",))), conversation_id="d")
    assert store.messages.nodes("ann", "d")[0].message.files == (
        part(REPORT, "again.pdf", selection="1-3, 7", notes=("Scanned.",)),
    )
    age(store)
    store.purge_deleted(0)
    assert counts(store)["attachment_use"] == 2
    store.conversations.delete("ann", ["d"])
    store.purge_deleted(-1)
    assert store.attachments.get("ann", REPORT.digest) == REPORT
    # A soft-deleted message can be restored until its purge.
    store.messages.set_deleted("ann", "c", ["q"], time.time() - 100)
    store.purge_deleted(200)
    store.messages.set_deleted("ann", "c", ["q"], None)
    assert store.attachments.get("ann", REPORT.digest) == REPORT
    store.messages.set_deleted("ann", "c", ["q"], time.time() - 100)
    store.purge_deleted(50)
    assert store.attachments.get("ann", REPORT.digest) is None
    assert (counts(store), place.list_objects()) == ({}, [])


def test_uploads_that_were_never_sent_are_purged_after_a_day(place):
    store = place.store
    for file in (REPORT, PHOTO):
        store.attachments.put("ann", file)
    age(store, UPLOAD_RETENTION_SECONDS - 60)
    store.purge_deleted(-1)
    assert counts(store)["attachment"] == 2
    # Another upload, or the draft that shows it, begins the day again.
    store.attachments.put("ann", REPORT)
    age(store, 120)
    store.purge_deleted(-1)
    assert list(store.attachments.facts("ann", [REPORT.digest, PHOTO.digest])) == [REPORT.digest]
    age(store, UPLOAD_RETENTION_SECONDS - 180)
    store.attachments.touch("ann", [REPORT.digest])
    store.attachments.touch("bob", [REPORT.digest])
    age(store, 180)
    store.purge_deleted(-1)
    assert list(store.attachments.facts("ann", [REPORT.digest])) == [REPORT.digest]
    age(store)
    store.purge_deleted(-1)
    assert (counts(store), place.list_objects()) == ({}, [])


def test_a_second_upload_adds_the_text_that_the_first_one_lacked(store):
    store.attachments.put("ann", replace(REPORT, text="", thumbnail=b"", facts={}))
    store.attachments.put("ann", REPORT)
    assert store.attachments.get("ann", REPORT.digest) == REPORT
    store.attachments.put("ann", replace(REPORT, text="Other."))
    assert store.attachments.get("ann", REPORT.digest) == REPORT


def queued(name: str, *files: FilePart) -> QueuedQuestion:
    return QueuedQuestion(name, "c", "And?", TARGET, Params(), 3.0, files=files)


def test_a_file_of_which_pages_were_chosen_is_kept_unread_until_it_can_be_read(store):
    whole = replace(REPORT, text="", thumbnail=b"", facts={UNREAD: True, "page_count": 900})
    store.attachments.put("ann", whole)
    store.attachments.put("ann", whole)
    assert store.attachments.facts("ann", [REPORT.digest])[REPORT.digest].facts[UNREAD]
    scan = replace(REPORT, text="", facts={"page_count": 900})
    store.attachments.put("ann", scan)
    assert store.attachments.facts("ann", [REPORT.digest])[REPORT.digest].facts == {"page_count": 900}
    # What has been read once stays so.
    store.attachments.put("ann", whole)
    assert UNREAD not in store.attachments.facts("ann", [REPORT.digest])[REPORT.digest].facts


def test_a_queued_question_keeps_its_files_until_it_is_sent(store):
    for file in (REPORT, PHOTO):
        store.attachments.put("ann", file)
    save(store, question("q"), replace(question("a", parent="q"), outcome=Outcome.ARRIVING))
    with pytest.raises(AttachmentNotFound):
        store.queue.add("ann", queued("x", part(StoredFile("a/b", b"other"))))
    waiting, removed = queued("w", part(REPORT)), queued("r", part(PHOTO))
    for each in (waiting, removed):
        assert store.queue.add("ann", each)
    assert store.queue.load("ann", "c").questions == (waiting, removed)
    age(store)
    store.purge_deleted(-1)
    assert counts(store)["queued_attachment"] == 2
    # A removed question can be restored.
    store.queue.remove("ann", removed)
    store.purge_deleted(-1)
    store.queue.restore("ann", removed, 0)
    assert store.queue.load("ann", "c").questions == (removed, waiting)
    sent = replace(question("w", *waiting.files, parent="q"), created_at=5.0)
    store.messages.save_turn("ann", Conversation("c", "Why?", 5.0, "w"), [sent], queued=waiting)
    assert (counts(store)["queued_attachment"], counts(store)["attachment_use"]) == (1, 1)


def test_nodes_link_their_files_however_they_are_saved(store):
    files = [replace(REPORT, data=b"file %d" % number) for number in range(4)]
    for file in files:
        store.attachments.put("ann", file)
    added, finished, imported, copied = map(part, files)
    save(store, question("q"), replace(question("a", parent="q"), outcome=Outcome.ARRIVING))
    store.messages.add("ann", "c", question("b", added, parent="q"))
    answer = Node("a", "q", Message("assistant", (finished,)), 1.0)
    store.messages.finish("ann", answer)
    store.conversations.import_all("ann", [(Conversation("d", "", 1.0), [question("i", imported, part(PHOTO))])])
    # A copy of a branch names also a file whose content is missing.
    copy = [question("k", copied, part(PHOTO))]
    store.messages.save_turn("ann", Conversation("e", "", 1.0), copy, allow_missing_files=True)
    age(store)
    store.purge_deleted(-1)
    assert set(store.attachments.facts("ann", [file.digest for file in files])) == {file.digest for file in files}
    assert store.messages.nodes("ann", "e") == copy


def test_copies_and_transfers_give_each_owner_files_of_their_own(place):
    store = place.store
    for owner, file in (("ann", REPORT), ("ann", PHOTO), ("bob", PHOTO)):
        store.attachments.put(owner, file)
    assert store.attachments.copy("ann", "carl", [REPORT.digest, REPORT.digest, "0" * 64]) == [REPORT.digest]
    assert store.attachments.get("carl", REPORT.digest) == REPORT
    save(store, question("q", part(REPORT), part(PHOTO)))
    store.users.transfer_data("ann", "bob")
    store.attachments.sweep()
    assert store.attachments.total_bytes("ann") == 0
    assert store.attachments.total_bytes("bob") == REPORT.size + PHOTO.size
    age(store)
    store.purge_deleted(-1)
    assert set(store.attachments.contents("bob", [REPORT.digest, PHOTO.digest])) == {REPORT.digest, PHOTO.digest}
    assert store.attachments.get("carl", REPORT.digest) is None
    assert len(place.list_objects()) == 2 * place.is_external


def test_deleting_all_data_deletes_all_files_at_once(place):
    place.store.attachments.put("ann", REPORT)
    place.store.attachments.put("ann", PHOTO)
    save(place.store, question("q", part(REPORT)))
    place.store.users.delete_data("ann")
    assert (counts(place.store), place.list_objects()) == ({}, [])


def test_limits_of_a_file_and_of_a_user(place):
    limited = place.open(max_database_bytes=PHOTO.size - 1, max_user_bytes=PHOTO.size + 1)
    if place.is_external:
        limited.attachments.put("ann", PHOTO)
    else:
        with pytest.raises(AttachmentTooLarge) as too_large:
            limited.attachments.put("ann", PHOTO)
        assert too_large.value.max_bytes == PHOTO.size - 1
        place.store.attachments.put("ann", PHOTO)
    with pytest.raises(FileQuotaExceeded) as exceeded:
        limited.attachments.put("ann", REPORT)
    assert exceeded.value.max_bytes == PHOTO.size + 1
    limited.attachments.put("ann", PHOTO)  # which is stored
    limited.attachments.put("bob", REPORT)
    assert limited.attachments.total_bytes("ann") == PHOTO.size
    limited.close()


def test_a_conversation_is_opened_without_the_content_of_its_files(store):
    store.attachments.put("ann", PHOTO)
    save(store, question("q", part(PHOTO)))
    statements: list[str] = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    store.conversations.page("ann", 9)
    store.conversations.get("ann", "c")
    store.messages.nodes("ann", "c")
    store.attachments.facts("ann", [PHOTO.digest])
    read = " ".join(statements)
    assert "attachment.facts" in read
    assert [name for name in ("attachment_data", "attachment.text", "tokens", "thumbnail") if name in read] == [
        *(["tokens"] if "title_tokens" in read else [])
    ]


def test_a_digest_is_the_sha_256_of_the_bytes():
    assert digest_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
