"""Add quotas and reservations."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "quota",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("pending", sa.BigInteger, nullable=False),
        sa.Column("slip", sa.BigInteger, nullable=False),
    )
    op.create_index("quota_begins", "quota", ["begins"])
    op.create_table(
        "reservation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("claims", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("reservation_created", "reservation", ["created"])
    # For the sums of all users, when a limit is set within its period.
    op.create_index("ledger_all", "ledger", ["created"])
