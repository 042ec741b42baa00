"""Add the idempotency keys of stored questions."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "submission",
        sa.Column("owner", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("conversation", sa.String(32), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("submission_created", "submission", ["created"])
