"""Add checks of the gateway, and leases of tasks that one of several servers has."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "gateway_check",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("team", sa.Boolean, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("beat", sa.Double, nullable=False),
        sa.Column("running", sa.Boolean, nullable=False),
        sa.Column("run", sa.JSON, nullable=False),
    )
    op.create_index("gateway_check_owner", "gateway_check", ["owner", "started"])
    op.create_index("gateway_check_team", "gateway_check", ["team", "started"])
    op.create_table(
        "lease",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("until", sa.Double, nullable=False),
    )
