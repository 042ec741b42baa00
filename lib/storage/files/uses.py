"""Links of messages and queued questions to the files that they use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from lib.core.conversation import FilePart, Message
from lib.core.errors import AttachmentNotFound
from lib.storage.database.engine import insert
from lib.storage.rows import batches
from lib.storage.schema.files import attachment as attachments
from lib.storage.schema.files import attachment_use as uses
from lib.storage.schema.files import queued_attachment as queued_uses
from lib.storage.search.tokens import encode_passages

MAX_INDEXED_CHARS = 500_000  # of a file: the search finds what is in its first few hundred pages


def encode_text(text: str) -> str:
    """Return the encoded tokens of the text of a file, one passage a line."""
    return "\n".join(encode_passages(text[:MAX_INDEXED_CHARS]))


def ensure_stored(connection: sa.Connection, owner: str, files: Iterable[FilePart]) -> None:
    """Raise AttachmentNotFound for the first of these files that is not stored for the owner."""
    parts = list(files)
    stored = _find_ids(connection, owner, parts)
    for part in parts:
        if part.digest not in stored:
            raise AttachmentNotFound(part.name)


def link_message(connection: sa.Connection, owner: str, node_id: str, message: Message) -> None:
    """Note the stored files of a message as used by it; those that are missing are only named by it."""
    _link(connection, uses, "node", node_id, _find_ids(connection, owner, message.files))


def link_queued(connection: sa.Connection, owner: str, question_id: str, files: Sequence[FilePart]) -> None:
    """Note the files of a queued question as used by it. Raises AttachmentNotFound."""
    ensure_stored(connection, owner, files)
    _link(connection, queued_uses, "question", question_id, _find_ids(connection, owner, files))


def encode_files(connection: sa.Connection, owner: str, files: Sequence[FilePart]) -> Iterator[str]:
    """Yield the encoded tokens of the names and texts of files, in passages."""
    tokens: dict[str, str] = {}
    for batch in batches([part.digest for part in files]):
        where = (attachments.c.owner == owner) & attachments.c.digest.in_(batch)
        rows = connection.execute(sa.select(attachments.c.digest, attachments.c.tokens).where(where))
        tokens |= {row.digest: row.tokens for row in rows}
    for part in files:
        yield from encode_passages(part.name)
        yield from filter(None, tokens.pop(part.digest, "").split("\n"))


def _link(connection: sa.Connection, table: sa.Table, user: str, user_id: str, ids: dict[str, str]) -> None:
    if ids:
        rows = [{user: user_id, "attachment": attachment_id} for attachment_id in ids.values()]
        connection.execute(insert(connection, table).values(rows).on_conflict_do_nothing())


def _find_ids(connection: sa.Connection, owner: str, files: Sequence[FilePart]) -> dict[str, str]:
    """Return the ids of the stored files by digest."""
    ids: dict[str, str] = {}
    for batch in batches([part.digest for part in files]):
        where = (attachments.c.owner == owner) & attachments.c.digest.in_(batch)
        rows = connection.execute(sa.select(attachments.c.digest, attachments.c.id).where(where))
        ids |= {row.digest: row.id for row in rows}
    return ids
