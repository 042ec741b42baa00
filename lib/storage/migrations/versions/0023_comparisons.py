"""Add comparisons, and leave their columns out of the lists of conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_ARCHIVED, _PINNED = sa.column("archived", sa.Boolean), sa.column("pinned", sa.Boolean)
_LISTED = sa.column("deleted").is_(None) & sa.column("comparison").is_(None)
_INDEXES = {
    "conversation_shelf": (("owner", "folder", "updated", "id"), _LISTED & ~_ARCHIVED & ~_PINNED),
    "conversation_pinned": (("owner", "updated", "id"), _LISTED & ~_ARCHIVED & _PINNED),
    "conversation_archived": (("owner", "updated", "id"), _LISTED & _ARCHIVED),
}


def upgrade() -> None:
    op.create_table(
        "comparison",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("vote", sa.String(8)),
        sa.Column("winner", sa.Integer),
        sa.Column("origin", sa.String(32)),
        sa.Column("origin_question", sa.String(32)),
        sa.Column("deleted", sa.Double),
    )
    op.create_index("comparison_owner", "comparison", ["owner", "created", "id"])
    _create_partial_index("comparison_deleted", "comparison", ("deleted",), sa.column("deleted").is_not(None))
    # SQLite adds a foreign key with its column only.
    reference = "REFERENCES comparison (id) ON DELETE CASCADE"
    op.execute(f"ALTER TABLE conversation ADD COLUMN comparison VARCHAR(32) {reference}")
    _create_partial_index(
        "conversation_comparison", "conversation", ("comparison",), sa.column("comparison").is_not(None)
    )
    for name, (columns, where) in _INDEXES.items():
        op.drop_index(name, "conversation")
        _create_partial_index(name, "conversation", columns, where)


def _create_partial_index(name: str, table: str, columns: tuple[str, ...], where: sa.ColumnElement[bool]) -> None:
    op.create_index(name, table, list(columns), sqlite_where=where, postgresql_where=where)
