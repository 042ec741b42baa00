"""Add recorded exchanges."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "exchange",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE")),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("wire", sa.String(16), nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("duration", sa.Double),
        sa.Column("first", sa.Double),
        sa.Column("received", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_index("exchange_owner", "exchange", ["owner", "started", "id"])
    op.create_index("exchange_node", "exchange", ["node", "started", "id"])
    op.create_index("exchange_started", "exchange", ["started"])
    if op.get_bind().dialect.name == "postgresql":
        # It is compressed already.
        op.execute("ALTER TABLE exchange ALTER COLUMN data SET STORAGE EXTERNAL")
