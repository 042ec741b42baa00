"""The tables."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_ARRIVING = sa.text("outcome = 'arriving'")

conversation = sa.Table(
    "conversation",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("head", sa.String(32)),
    sa.Column("model", sa.Text),
    sa.Column("wire", sa.String(16)),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("updated", sa.Double, nullable=False),
    # A deleted conversation can be taken back until it is purged.
    sa.Column("deleted", sa.Double),
    sa.Index("conversation_list", "owner", "deleted", "updated"),
)

node = sa.Table(
    "node",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column(
        "conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False
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
    # What the gateway told about the answer, under its own names.
    sa.Column("served", sa.JSON(none_as_null=True)),
    # The producer's last sign of life, in seconds since 1970; of interest while the answer is arriving.
    sa.Column("beat", sa.Double, nullable=False),
    sa.Index("node_conversation", "conversation"),
    sa.Index("node_parent", "parent"),
    sa.Index("node_arriving", "beat", sqlite_where=_ARRIVING, postgresql_where=_ARRIVING),
)

preference = sa.Table(
    "preference",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)
