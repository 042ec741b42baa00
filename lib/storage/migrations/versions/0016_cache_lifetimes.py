"""Add the tokens written to the cache for an hour to usage records."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("ledger", sa.Column("written_1h", sa.BigInteger))
