"""Add provider metadata to nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("node", sa.Column("served", sa.JSON(none_as_null=True)))
