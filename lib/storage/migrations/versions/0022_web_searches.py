"""Add the number of web searches to usage records."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("searches", sa.BigInteger))
