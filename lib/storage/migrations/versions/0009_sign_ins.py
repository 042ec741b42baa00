"""Add revoked sign-ins, and password attempts that all servers count together."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "revoked_sign_in",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("expires", sa.Double, nullable=False),
    )
    op.create_table(
        "password_attempt",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("password_attempt_at", "password_attempt", ["at"])
