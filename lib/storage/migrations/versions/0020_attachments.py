"""Add the files of messages and of queued questions."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("object", sa.String(64), nullable=False),
        sa.Column("touched", sa.Double, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("thumbnail", sa.LargeBinary),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("tokens", sa.Text, nullable=False),
    )
    op.create_index("attachment_owner", "attachment", ["owner", "digest"], unique=True)
    op.create_index("attachment_touched", "attachment", ["touched"])
    op.create_table(
        "attachment_data",
        sa.Column("attachment", sa.String(32), sa.ForeignKey("attachment.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Images and PDFs are compressed already: trying again takes longer than writing them.
        op.execute("ALTER TABLE attachment_data ALTER COLUMN data SET STORAGE EXTERNAL")
    _create_uses()
    op.create_table(
        "stray_object",
        sa.Column("object", sa.String(64), primary_key=True),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("doomed", sa.Boolean, nullable=False),
    )
    op.add_column("queued_question", sa.Column("files", sa.JSON(none_as_null=True)))


def _create_uses() -> None:
    for table, user, users in (
        ("attachment_use", "node", "node"),
        ("queued_attachment", "question", "queued_question"),
    ):
        op.create_table(
            table,
            sa.Column(user, sa.String(32), sa.ForeignKey(f"{users}.id", ondelete="CASCADE"), primary_key=True),
            sa.Column("attachment", sa.String(32), sa.ForeignKey("attachment.id"), primary_key=True),
        )
        op.create_index(f"{table}_attachment", table, ["attachment"])
