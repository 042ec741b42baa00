"""Files of temporary chats: in memory, limited, and gone with the chat."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.chat.turns.temporary import TemporaryStore
from lib.core.conversation import Conversation, FilePart, Message, Node, Outcome, TextPart
from lib.core.errors import AttachmentNotFound, FileQuotaExceeded
from lib.core.file_storage import MAX_TEMPORARY_BYTES, FileFacts, StoredFile
from lib.core.params import Params
from lib.core.question_queue import QueuedQuestion
from lib.core.target import Target
from tests.unit.chat.services import FakeUsageStore

FILE = StoredFile("text/plain", b"Wombats", "Wombats, in short.", b"small", {"pages": 1})
PART = FilePart(FILE.digest, "notes.txt")


@pytest.fixture
def chat() -> TemporaryStore:
    return TemporaryStore("ann", FakeUsageStore())


def ask(chat: TemporaryStore, *parts: FilePart, **options: bool) -> None:
    question = Node("q", None, Message("user", (*parts, TextPart("Why?"))), 1.0)
    answer = Node("a", "q", Message("assistant", ()), 2.0, Outcome.ARRIVING)
    chat.messages.save_turn("ann", Conversation("c", "Why?", 2.0, "a"), [question, answer], **options)


def test_a_file_is_kept_until_the_chat_ends(chat):
    chat.attachments.put("ann", FILE)
    ask(chat, PART)
    digests = [FILE.digest, "0" * 64]
    assert chat.attachments.get("ann", FILE.digest) == FILE
    assert chat.attachments.contents("ann", digests) == {FILE.digest: FILE.data}
    assert chat.attachments.texts("ann", digests) == {FILE.digest: FILE.text}
    assert chat.attachments.thumbnails("ann", digests) == {FILE.digest: FILE.thumbnail}
    assert chat.attachments.facts("ann", digests) == {FILE.digest: FileFacts("text/plain", FILE.size, {"pages": 1})}
    chat.clear()
    assert chat.attachments.get("ann", FILE.digest) is None
    assert chat.attachments.total_bytes("ann") == 0


def test_another_owner_reads_and_writes_nothing(chat):
    chat.attachments.put("ann", FILE)
    chat.attachments.put("bob", replace(FILE, data=b"other"))
    assert chat.attachments.get("bob", FILE.digest) is None
    assert (chat.attachments.total_bytes("ann"), chat.attachments.total_bytes("bob")) == (FILE.size, 0)


def test_the_memory_of_a_chat_is_limited(chat):
    half = MAX_TEMPORARY_BYTES // 2
    chat.attachments.put("ann", StoredFile("a/b", bytes(half)))
    chat.attachments.put("ann", StoredFile("a/b", bytes(half)))  # the same file
    with pytest.raises(FileQuotaExceeded):
        chat.attachments.put("ann", StoredFile("a/b", bytes(half + 1)))
    assert chat.attachments.total_bytes("ann") == half


def test_questions_with_missing_files_are_refused(chat):
    with pytest.raises(AttachmentNotFound):
        ask(chat, PART)
    assert chat.messages.nodes("ann", "c") == []
    ask(chat, PART, allow_missing_files=True)
    queued = QueuedQuestion("w", "c", "And?", Target("m", "openai"), Params(), 3.0, files=(PART,))
    with pytest.raises(AttachmentNotFound):
        chat.queue.add("ann", queued)
    chat.attachments.put("ann", FILE)
    assert chat.queue.add("ann", queued)
    assert chat.queue.load("ann", "c").questions == (queued,)
