"""Add the policy and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "policy",
        sa.Column("name", sa.String(320), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("audit_at", "audit", ["at", "id"])
    op.create_index("audit_action", "audit", ["action", "at", "id"])
    op.create_index("audit_actor", "audit", ["actor"])
