"""Add the changes of arriving answers, which are appended until their rows are written."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "arriving_change",
        sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("change", sa.JSON, nullable=False),
    )
