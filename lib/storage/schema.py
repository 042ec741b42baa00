"""The tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

REVISION = "0008"  # of the newest migration
# Postgres counts on in 64 bits; SQLite gives a row its own number only under this very name.
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _row_id() -> sa.Column[Any]:
    return sa.Column("id", sa.String(32), primary_key=True)


def _owner() -> sa.Column[Any]:
    return sa.Column("owner", sa.String(255), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _seconds(name: str) -> sa.Column[Any]:
    """A moment, in seconds since 1970."""
    return sa.Column(name, sa.Double, nullable=False)


def _target() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return sa.Column("model", sa.Text), sa.Column("wire", sa.String(16))


def _partial(name: str, *columns: str, where: sa.ColumnElement[bool] | sa.TextClause) -> sa.Index:
    return sa.Index(name, *columns, sqlite_where=where, postgresql_where=where)


metadata = sa.MetaData()

_THERE = sa.column("deleted").is_(None)
_DELETED = sa.column("deleted").is_not(None)
_PINNED, _ARCHIVED = sa.column("pinned", sa.Boolean), sa.column("archived", sa.Boolean)

conversation = sa.Table(
    "conversation",
    metadata,
    _row_id(),
    _owner(),
    _text("title"),
    sa.Column("head", sa.String(32)),
    *_target(),
    sa.Column("params", sa.JSON, nullable=False),
    _seconds("created"),
    _seconds("updated"),
    # A deleted conversation can be taken back until it is purged.
    sa.Column("deleted", sa.Double),
    sa.Column("rev", sa.Integer, nullable=False),
    sa.Column("titled", sa.String(16), nullable=False),
    _text("folder"),
    _flag("pinned"),
    _flag("archived"),
    _flag("unread"),
    sa.Column("window", sa.JSON(none_as_null=True)),
    # One index for each kind of shelf, in the order of its list: the conditions are those of lists.py.
    _partial(
        "conversation_shelf",
        *("owner", "folder", "updated", "id"),
        where=_THERE & ~_ARCHIVED & ~_PINNED,
    ),
    _partial("conversation_pinned", "owner", "updated", "id", where=_THERE & ~_ARCHIVED & _PINNED),
    _partial("conversation_archived", "owner", "updated", "id", where=_THERE & _ARCHIVED),
    _partial("conversation_deleted", "deleted", where=_DELETED),
    sa.Index("conversation_owner", "owner", "created", "id"),
)

node = sa.Table(
    "node",
    metadata,
    _row_id(),
    sa.Column(
        "conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("parent", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE")),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("parts", sa.JSON, nullable=False),
    _seconds("created"),
    sa.Column("outcome", sa.String(16), nullable=False),
    _text("reason"),
    *_target(),
    sa.Column("usage", sa.JSON, nullable=False),
    sa.Column("timing", sa.JSON, nullable=False),
    sa.Column("failure", sa.JSON(none_as_null=True)),
    _text("request_id"),
    # What the gateway told about the answer, under its own names.
    sa.Column("served", sa.JSON(none_as_null=True)),
    # The producer's last sign of life, in seconds since 1970; of interest while the answer is arriving.
    _seconds("beat"),
    # A hidden node keeps its place in the tree until it is purged.
    sa.Column("deleted", sa.Double),
    # The row of the ledger that the last request for it has, or will have.
    sa.Column("request", sa.String(32), nullable=False),
    sa.Index("node_conversation", "conversation"),
    sa.Index("node_parent", "parent"),
    _partial("node_arriving", "conversation", where=sa.text("outcome = 'arriving'")),
    _partial("node_deleted", "deleted", where=_DELETED),
)

# The messages' words as search.py writes them; an index over `tokens` is kept by the database itself.
passage = sa.Table(
    "passage",
    metadata,
    sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
    sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("tokens", sa.Text, nullable=False),
    sa.Index("passage_node", "node", "n", unique=True),
    sqlite_autoincrement=True,
)

preference = sa.Table(
    "preference",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

# Who has signed in. The id is what the rows of other tables are owned by.
person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    _text("name"),
    _text("email"),
    # Sign-ins from before this moment are refused, whatever their cookie says.
    _seconds("revoked_before"),
    _seconds("seen"),
)

share = sa.Table(
    "share",
    metadata,
    _row_id(),
    _owner(),
    sa.Column(
        "conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False
    ),
    # Only the link itself has what is hashed here.
    sa.Column("token_hash", sa.String(128), nullable=False),
    _text("title"),
    sa.Column("snapshot", sa.JSON, nullable=False),
    _seconds("created"),
    sa.Index("share_token", "token_hash", unique=True),
    sa.Index("share_owner", "owner", "created"),
    sa.Index("share_conversation", "conversation"),
)

# What was spent stays in the book when its conversation is gone: hence no foreign key.
ledger = sa.Table(
    "ledger",
    metadata,
    _row_id(),
    _owner(),
    sa.Column("conversation", sa.String(32)),
    sa.Column("purpose", sa.String(16), nullable=False),
    _text("model"),
    sa.Column("wire", sa.String(16), nullable=False),
    *(sa.Column(name, sa.BigInteger) for name in ("input", "cached", "written", "reasoning", "output")),
    # Seconds from sending to the first token, to the first of text, to the end.
    *(sa.Column(name, sa.Double) for name in ("first", "spoke", "total")),
    sa.Column("outcome", sa.String(16), nullable=False),
    _text("request_id"),
    _seconds("created"),
    # The answer that it was for.
    sa.Column("node", sa.String(32)),
    # The prices that it was counted with, in dollars, as texts; where they are from; nano-dollars.
    sa.Column("price", sa.JSON(none_as_null=True)),
    sa.Column("source", sa.String(16)),
    sa.Column("cost", sa.BigInteger),
    sa.Index("ledger_conversation", "owner", "conversation", "created"),
    sa.Index("ledger_created", "owner", "created"),
    sa.Index("ledger_all", "created"),
)

# What is used of a limit: one row for each scope, bound and period, in requests, tokens or nano-dollars.
quota = sa.Table(
    "quota",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False),
    # With what is reserved.
    sa.Column("used", sa.BigInteger, nullable=False),
    # How many are reserved, and by how much one took more than was reserved for it, at most.
    sa.Column("pending", sa.BigInteger, nullable=False),
    sa.Column("slip", sa.BigInteger, nullable=False),
    sa.Index("quota_begins", "begins"),
)

# What is reserved for a request that is under way; the id is that of its row in the ledger.
reservation = sa.Table(
    "reservation",
    metadata,
    _row_id(),
    _owner(),
    # Lists of scope, name, begin and amount.
    sa.Column("claims", sa.JSON, nullable=False),
    _seconds("created"),
    sa.Index("reservation_created", "created"),
)

# What the team has settled, as policies.py writes it.
policy = sa.Table(
    "policy",
    metadata,
    sa.Column("name", sa.String(320), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    _seconds("changed"),
    # The id of who changed it last.
    _text("by"),
)

# Who did what, and to what; nothing of what anybody said.
audit = sa.Table(
    "audit",
    metadata,
    _row_id(),
    _seconds("at"),
    sa.Column("actor", sa.String(255), nullable=False),
    _text("actor_name"),
    sa.Column("action", sa.String(32), nullable=False),
    _text("object"),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Index("audit_at", "at", "id"),
    sa.Index("audit_action", "action", "at", "id"),
    sa.Index("audit_actor", "actor"),
)
