"""Add the tokens of conversation titles for the full-text search."""

import sqlalchemy as sa
from alembic import op

from lib.storage.search.tokens import encode_title

revision = "0012"
down_revision = "0011"

_CONVERSATION = sa.table(
    "conversation", sa.column("id", sa.String), sa.column("title", sa.Text), sa.column("title_tokens", sa.Text)
)
_BATCH_SIZE = 500


def upgrade() -> None:
    op.add_column("conversation", sa.Column("title_tokens", sa.Text, nullable=False, server_default=""))
    connection, last = op.get_bind(), ""
    query = sa.select(_CONVERSATION.c.id, _CONVERSATION.c.title).order_by(_CONVERSATION.c.id).limit(_BATCH_SIZE)
    update = sa.update(_CONVERSATION).where(_CONVERSATION.c.id == sa.bindparam("conversation_id"))
    while rows := connection.execute(query.where(_CONVERSATION.c.id > last)).all():
        last = rows[-1].id
        values = [{"conversation_id": row.id, "tokens": encode_title(row.title)} for row in rows]
        connection.execute(update.values(title_tokens=sa.bindparam("tokens")), values)
