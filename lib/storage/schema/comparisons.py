"""Database table of comparisons."""

from __future__ import annotations

import sqlalchemy as sa

from lib.storage.schema.tables import (
    flag_column,
    metadata,
    owner_column,
    partial_index,
    row_id_column,
    seconds_column,
    text_column,
)

# Prompts that were sent to several targets at once, with the owner's vote. Each column is a conversation.
comparison = sa.Table(
    "comparison",
    metadata,
    row_id_column(),
    owner_column(),
    text_column("prompt"),
    seconds_column("created"),
    # Conversation, question, model, wire and parameters of each column, in the order in which they are shown.
    sa.Column("columns", sa.JSON, nullable=False),
    flag_column("blind"),
    # The vote: `best` with the index of the column, `tie` or `bad`.
    sa.Column("vote", sa.String(8)),
    sa.Column("winner", sa.Integer),
    # The conversation and the question that were asked again; no foreign keys, since those may be purged.
    sa.Column("origin", sa.String(32)),
    sa.Column("origin_question", sa.String(32)),
    # A soft-deleted comparison can be restored until the purge.
    sa.Column("deleted", sa.Double),
    sa.Index("comparison_owner", "owner", "created", "id"),
    partial_index("comparison_deleted", "deleted", where=sa.column("deleted").is_not(None)),
)
