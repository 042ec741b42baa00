"""Conversations, and the nodes of their trees."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _conversations()
    _nodes()


def _conversations() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("head", sa.String(32)),
        sa.Column("model", sa.Text),
        sa.Column("wire", sa.String(16)),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("deleted", sa.Double),
    )
    op.create_index("conversation_list", "conversation", ["owner", "deleted", "updated"])


def _nodes() -> None:
    op.create_table(
        "node",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column(
            "conversation",
            sa.String(32),
            sa.ForeignKey("conversation.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("parent", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE")),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("parts", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("wire", sa.String(16)),
        sa.Column("usage", sa.JSON, nullable=False),
        sa.Column("timing", sa.JSON, nullable=False),
        sa.Column("failure", sa.JSON(none_as_null=True)),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("beat", sa.Double, nullable=False),
    )
    op.create_index("node_conversation", "node", ["conversation"])
    op.create_index("node_parent", "node", ["parent"])
    arriving = sa.text("outcome = 'arriving'")
    op.create_index("node_arriving", "node", ["beat"], sqlite_where=arriving, postgresql_where=arriving)
