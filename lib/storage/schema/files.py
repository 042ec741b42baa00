"""Database tables of files."""

from __future__ import annotations

import sqlalchemy as sa

from lib.storage.schema.tables import flag_column, metadata, owner_column, row_id_column, seconds_column, text_column

# Files of an owner, each once. The large columns come last, so that the others are read without them.
attachment = sa.Table(
    "attachment",
    metadata,
    row_id_column(),
    owner_column(),
    # SHA-256 of the bytes.
    sa.Column("digest", sa.String(64), nullable=False),
    text_column("media_type"),
    sa.Column("size", sa.BigInteger, nullable=False),
    # Name of the object with the bytes; "" where attachment_data has them.
    sa.Column("object", sa.String(64), nullable=False),
    # Time of the last upload: a file that no message uses is purged some time after it.
    seconds_column("touched"),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("thumbnail", sa.LargeBinary),
    text_column("text"),
    # The text as search_tokens.py encodes it, one passage a line.
    text_column("tokens"),
    sa.Index("attachment_owner", "owner", "digest", unique=True),
    sa.Index("attachment_touched", "touched"),
)

attachment_data = sa.Table(
    "attachment_data",
    metadata,
    sa.Column("attachment", sa.String(32), sa.ForeignKey("attachment.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

# Messages with their files. Without a cascade from the file: what is in use cannot be deleted.
attachment_use = sa.Table(
    "attachment_use",
    metadata,
    sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attachment", sa.String(32), sa.ForeignKey("attachment.id"), primary_key=True),
    sa.Index("attachment_use_attachment", "attachment"),
)

# Queued questions with their files.
queued_attachment = sa.Table(
    "queued_attachment",
    metadata,
    sa.Column("question", sa.String(32), sa.ForeignKey("queued_question.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attachment", sa.String(32), sa.ForeignKey("attachment.id"), primary_key=True),
    sa.Index("queued_attachment_attachment", "attachment"),
)

# Objects that no file refers to: they are about to be written, or to be deleted.
stray_object = sa.Table(
    "stray_object",
    metadata,
    sa.Column("object", sa.String(64), primary_key=True),
    seconds_column("created"),
    flag_column("doomed"),
)
