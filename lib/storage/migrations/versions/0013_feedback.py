"""Add the owner's feedback on answers."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("node", sa.Column("rating", sa.String(8)))
    op.add_column("node", sa.Column("comment", sa.Text))
    rated = sa.text("rating IS NOT NULL")
    op.create_index("node_rated", "node", ["model"], sqlite_where=rated, postgresql_where=rated)
