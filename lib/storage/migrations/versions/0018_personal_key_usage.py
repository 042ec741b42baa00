"""Mark the usage records of requests that were sent with a personal key."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    # Of earlier requests it is not known. The default is also for processes of an earlier version.
    personal_key = sa.Column("personal_key", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("ledger", personal_key)
