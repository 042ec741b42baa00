"""Add prices and costs to usage records, and the usage record to nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Existing answers get no record, because some of them may be imported.
    op.add_column("node", sa.Column("request", sa.String(32), nullable=False, server_default=""))
    for column in (
        sa.Column("node", sa.String(32)),
        sa.Column("price", sa.JSON(none_as_null=True)),
        sa.Column("source", sa.String(16)),
        sa.Column("cost", sa.BigInteger),
    ):
        op.add_column("ledger", column)
