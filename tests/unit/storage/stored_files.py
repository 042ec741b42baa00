"""Files for tests, messages with them, and what a database has of them."""

from __future__ import annotations

import sqlalchemy as sa

from lib.core.conversation import Conversation, FilePart, Message, Node, TextPart
from lib.core.file_storage import UPLOAD_RETENTION_SECONDS, StoredFile
from lib.storage.database.engine import read_transaction, write_transaction
from lib.storage.schema.files import attachment, attachment_data, attachment_use, queued_attachment, stray_object
from lib.storage.store import Store

REPORT = StoredFile("application/pdf", b"%PDF-1.7 tides\0\xff", "The quokka report.", b"\x89PNG small", {"pages": 3})
PHOTO = StoredFile("image/png", bytes(range(256)) * 300)


def part(file: StoredFile, name: str = "report.pdf", **fields) -> FilePart:
    return FilePart(file.digest, name, file.media_type, file.size, "pdf", **fields)


def question(name: str, *files: FilePart, parent: str | None = None, text: str = "Why?") -> Node:
    return Node(name, parent, Message("user", (*files, TextPart(text))), 1.0)


def save(store: Store, *nodes: Node, conversation_id: str = "c", owner: str = "ann") -> None:
    conversation = Conversation(conversation_id, "Why?", 2.0, nodes[-1].id, created_at=2.0)
    store.messages.save_turn(owner, conversation, nodes)


def counts(store: Store) -> dict[str, int]:
    """Return the number of rows about files."""
    tables = (attachment, attachment_data, attachment_use, queued_attachment, stray_object)
    with read_transaction(store._engine) as connection:
        rows = {t.name: connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in tables}
    return {name: count for name, count in rows.items() if count}


def age(store: Store, seconds: float = UPLOAD_RETENTION_SECONDS + 60) -> None:
    """Make all uploads older, and all notes of objects."""
    with write_transaction(store._engine) as connection:
        connection.execute(sa.update(attachment).values(touched=attachment.c.touched - seconds))
        connection.execute(sa.update(stray_object).values(created=stray_object.c.created - seconds))
