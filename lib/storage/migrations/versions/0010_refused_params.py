"""Add the parameters that models refused."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "refused_param",
        sa.Column("model", sa.String(320), primary_key=True),
        sa.Column("wire", sa.String(16), primary_key=True),
        sa.Column("field", sa.String(100), primary_key=True),
        sa.Column("beside", sa.String(100), primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
