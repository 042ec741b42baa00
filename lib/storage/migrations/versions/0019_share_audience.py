"""Add the audience of share links; those from before are for users who are signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("share", sa.Column("audience", sa.String(16), nullable=False, server_default="team"))
