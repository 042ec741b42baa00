"""Add the questions that wait for the end of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "queued_question",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("wire", sa.String(16)),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("path_end", sa.String(32)),
        sa.Column("personal_key", sa.Boolean, nullable=False),
        sa.Column("pause", sa.String(40), nullable=False),
        sa.Column("pause_details", sa.JSON(none_as_null=True)),
        sa.Column("paused", sa.Double, nullable=False),
    )
    op.create_index("queued_question_conversation", "queued_question", ["conversation", "position"])
