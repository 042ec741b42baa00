"""Database tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

REVISION = "0026"  # of the newest migration
# 64 bits on Postgres; SQLite generates ids only for a column of type INTEGER.
_INTEGER_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def row_id_column() -> sa.Column[Any]:
    return sa.Column("id", sa.String(32), primary_key=True)


def owner_column() -> sa.Column[Any]:
    return sa.Column("owner", sa.String(255), nullable=False)


def text_column(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def flag_column(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def seconds_column(name: str) -> sa.Column[Any]:
    """A time in seconds since 1970."""
    return sa.Column(name, sa.Double, nullable=False)


def _target() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return sa.Column("model", sa.Text), sa.Column("wire", sa.String(16))


def _persona() -> sa.Column[Any]:
    """Name and avatar of a persona, as they were when it was chosen."""
    return sa.Column("persona", sa.JSON(none_as_null=True))


def partial_index(name: str, *columns: str, where: sa.ColumnElement[bool] | sa.TextClause) -> sa.Index:
    """An index of the rows that meet a condition, which migrations create on both databases.

    It is stated for SQLite only, since SQLAlchemy imports the dialect of each option, which takes long for Postgres.
    """
    return sa.Index(name, *columns, sqlite_where=where)


metadata = sa.MetaData()

_UNDELETED = sa.column("deleted").is_(None)
_DELETED = sa.column("deleted").is_not(None)
_PINNED, _ARCHIVED = sa.column("pinned", sa.Boolean), sa.column("archived", sa.Boolean)
# The conversations that lists show.
_LISTED = _UNDELETED & sa.column("comparison").is_(None)

conversation = sa.Table(
    "conversation",
    metadata,
    row_id_column(),
    owner_column(),
    text_column("title"),
    sa.Column("head", sa.String(32)),
    *_target(),
    sa.Column("params", sa.JSON, nullable=False),
    seconds_column("created"),
    seconds_column("updated"),
    # A soft-deleted conversation can be restored until the purge.
    sa.Column("deleted", sa.Double),
    sa.Column("rev", sa.Integer, nullable=False),
    sa.Column("titled", sa.String(16), nullable=False),
    text_column("folder"),
    flag_column("pinned"),
    flag_column("archived"),
    flag_column("unread"),
    sa.Column("window", sa.JSON(none_as_null=True)),
    # The title as search_tokens.py encodes it; the default is for processes of an earlier version.
    sa.Column("title_tokens", sa.Text, nullable=False, server_default=""),
    _persona(),
    # The comparison that it is a column of; lists leave it out until it is kept.
    sa.Column("comparison", sa.String(32), sa.ForeignKey("comparison.id", ondelete="CASCADE")),
    # One index for each kind of list, in its order; the conditions are those of conversations.py.
    partial_index(
        "conversation_shelf",
        *("owner", "folder", "updated", "id"),
        where=_LISTED & ~_ARCHIVED & ~_PINNED,
    ),
    partial_index("conversation_pinned", "owner", "updated", "id", where=_LISTED & ~_ARCHIVED & _PINNED),
    partial_index("conversation_archived", "owner", "updated", "id", where=_LISTED & _ARCHIVED),
    partial_index("conversation_comparison", "comparison", where=sa.column("comparison").is_not(None)),
    partial_index("conversation_deleted", "deleted", where=_DELETED),
    sa.Index("conversation_owner", "owner", "created", "id"),
)

node = sa.Table(
    "node",
    metadata,
    row_id_column(),
    sa.Column("conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False),
    sa.Column("parent", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE")),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("parts", sa.JSON, nullable=False),
    seconds_column("created"),
    sa.Column("outcome", sa.String(16), nullable=False),
    text_column("reason"),
    *_target(),
    sa.Column("usage", sa.JSON, nullable=False),
    sa.Column("timing", sa.JSON, nullable=False),
    sa.Column("failure", sa.JSON(none_as_null=True)),
    text_column("request_id"),
    # Provider metadata under the gateway's own names.
    sa.Column("served", sa.JSON(none_as_null=True)),
    # Heartbeat of the producer, in seconds since 1970; used while the answer is arriving.
    seconds_column("beat"),
    # A soft-deleted node stays in the tree until the purge.
    sa.Column("deleted", sa.Double),
    # Id of the usage record of its last request, which may not exist yet.
    sa.Column("request", sa.String(32), nullable=False),
    # The owner's feedback on an answer: `good` or `bad`, and a comment.
    sa.Column("rating", sa.String(8)),
    sa.Column("comment", sa.Text),
    _persona(),
    sa.Index("node_conversation", "conversation"),
    sa.Index("node_parent", "parent"),
    partial_index("node_arriving", "conversation", where=sa.text("outcome = 'arriving'")),
    partial_index("node_deleted", "deleted", where=_DELETED),
    partial_index("node_rated", "model", where=sa.text("rating IS NOT NULL")),
)

# What has come of arriving answers since their rows were written, as checkpoints.py writes it.
arriving_change = sa.Table(
    "arriving_change",
    metadata,
    sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("change", sa.JSON, nullable=False),
)

# Text of messages as search_tokens.py encodes it; the database maintains a full-text index over `tokens`.
passage = sa.Table(
    "passage",
    metadata,
    sa.Column("id", _INTEGER_ID, primary_key=True, autoincrement=True),
    sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("tokens", sa.Text, nullable=False),
    sa.Index("passage_node", "node", "n", unique=True),
    sqlite_autoincrement=True,
)

# Settings of folders, which the conversations name.
project = sa.Table(
    "project",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    text_column("instructions"),
    *_target(),
    sa.Column("params", sa.JSON, nullable=False),
    seconds_column("created"),
    seconds_column("updated"),
)

# Entries of the prompt library; those of the team have no owner.
prompt = sa.Table(
    "prompt",
    metadata,
    row_id_column(),
    owner_column(),
    flag_column("team"),
    sa.Column("kind", sa.String(16), nullable=False),
    *(text_column(name) for name in ("name", "description", "avatar", "text", "greeting")),
    sa.Column("suggestions", sa.JSON, nullable=False),
    *_target(),
    sa.Column("params", sa.JSON, nullable=False),
    seconds_column("created"),
    seconds_column("updated"),
    # A soft-deleted entry can be restored until the purge.
    sa.Column("deleted", sa.Double),
    sa.Index("prompt_owner", "owner", "created", "id"),
    partial_index("prompt_deleted", "deleted", where=_DELETED),
)

# Links to snapshots of entries; of the token there is only a hash.
prompt_link = sa.Table(
    "prompt_link",
    metadata,
    row_id_column(),
    owner_column(),
    sa.Column("prompt", sa.String(32), sa.ForeignKey("prompt.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", sa.String(128), nullable=False),
    sa.Column("snapshot", sa.JSON, nullable=False),
    seconds_column("created"),
    sa.Index("prompt_link_token", "token_hash", unique=True),
    sa.Index("prompt_link_prompt", "prompt"),
)

preference = sa.Table(
    "preference",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

# Secrets that all servers share, by their purpose.
server_secret = sa.Table(
    "server_secret",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# Users who have signed in; their id is the owner of rows in other tables.
person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.String(255), primary_key=True),
    text_column("name"),
    text_column("email"),
    # Sign-ins from before this time are rejected, whatever their cookie says.
    seconds_column("revoked_before"),
    seconds_column("seen"),
)

share = sa.Table(
    "share",
    metadata,
    row_id_column(),
    owner_column(),
    sa.Column("conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False),
    # Hash of the token; the token itself is only in the link.
    sa.Column("token_hash", sa.String(128), nullable=False),
    text_column("title"),
    sa.Column("snapshot", sa.JSON, nullable=False),
    seconds_column("created"),
    # The readers: "team" for users who are signed in, "public" for everybody.
    sa.Column("audience", sa.String(16), nullable=False, server_default="team"),
    sa.Index("share_token", "token_hash", unique=True),
    sa.Index("share_owner", "owner", "created"),
    sa.Index("share_conversation", "conversation"),
)

# Usage records; they outlive their conversation, hence no foreign key.
ledger = sa.Table(
    "ledger",
    metadata,
    row_id_column(),
    owner_column(),
    sa.Column("conversation", sa.String(32)),
    sa.Column("purpose", sa.String(16), nullable=False),
    text_column("model"),
    sa.Column("wire", sa.String(16), nullable=False),
    *(sa.Column(name, sa.BigInteger) for name in ("input", "cached", "written", "reasoning", "output")),
    # The part of `written` that stays in the cache for an hour.
    sa.Column("written_1h", sa.BigInteger),
    sa.Column("searches", sa.BigInteger),
    # Seconds from sending to the first token, to the first text, to the end.
    *(sa.Column(name, sa.Double) for name in ("first", "spoke", "total")),
    sa.Column("outcome", sa.String(16), nullable=False),
    text_column("request_id"),
    seconds_column("created"),
    # The answer that the request was for.
    sa.Column("node", sa.String(32)),
    # The price as decimal texts in dollars, its source, and the cost in nano-dollars.
    sa.Column("price", sa.JSON(none_as_null=True)),
    sa.Column("source", sa.String(16)),
    sa.Column("cost", sa.BigInteger),
    # Sent with a key of the user's: not in the log, the balance and the limits of the team's key.
    sa.Column("personal_key", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ledger_conversation", "owner", "conversation", "created"),
    sa.Index("ledger_created", "owner", "created"),
    sa.Index("ledger_all", "created"),
)

# Usage counted against limits: a row for each scope, limit and period, in requests, tokens or nano-dollars.
quota = sa.Table(
    "quota",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("begins", sa.BigInteger, primary_key=True, autoincrement=False),
    # Reservations included.
    sa.Column("used", sa.BigInteger, nullable=False),
    # The number of reservations, and the largest excess of a request over its own.
    sa.Column("pending", sa.BigInteger, nullable=False),
    sa.Column("slip", sa.BigInteger, nullable=False),
    sa.Index("quota_begins", "begins"),
)

# Reservations of running requests; the id is that of the later usage record.
reservation = sa.Table(
    "reservation",
    metadata,
    row_id_column(),
    owner_column(),
    # Lists of scope, limit name, start of the period and amount.
    sa.Column("claims", sa.JSON, nullable=False),
    seconds_column("created"),
    sa.Index("reservation_created", "created"),
)

# The team's policy, as policy.py writes it.
policy = sa.Table(
    "policy",
    metadata,
    sa.Column("name", sa.String(320), primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    seconds_column("changed"),
    # Id of the administrator who changed it last.
    text_column("by"),
)

# Audit events, without message content.
audit = sa.Table(
    "audit",
    metadata,
    row_id_column(),
    seconds_column("at"),
    sa.Column("actor", sa.String(255), nullable=False),
    text_column("actor_name"),
    sa.Column("action", sa.String(32), nullable=False),
    text_column("object"),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Index("audit_at", "at", "id"),
    sa.Index("audit_action", "action", "at", "id"),
    sa.Index("audit_actor", "actor"),
)

# Sign-ins that were ended before they expire: digests of their cookies.
revoked_sign_in = sa.Table(
    "revoked_sign_in",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    seconds_column("expires"),
)

# Wrong or running password attempts of the last minutes, by a digest of the IP address.
password_attempt = sa.Table(
    "password_attempt",
    metadata,
    row_id_column(),
    sa.Column("address", sa.String(64), nullable=False),
    seconds_column("at"),
    sa.Index("password_attempt_at", "at"),
)

# Fields that a model refused over a wire; "" in `beside` for one that it refuses alone.
refused_param = sa.Table(
    "refused_param",
    metadata,
    sa.Column("model", sa.String(320), primary_key=True),
    sa.Column("wire", sa.String(16), primary_key=True),
    sa.Column("field", sa.String(100), primary_key=True),
    sa.Column("beside", sa.String(100), primary_key=True),
    seconds_column("at"),
    # The gateway's words, without any of a user's.
    text_column("words"),
)

# Idempotency keys of stored questions, which browsers make: the same submission is never stored twice.
submission = sa.Table(
    "submission",
    metadata,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("conversation", sa.String(32), nullable=False),
    seconds_column("created"),
    sa.Index("submission_created", "created"),
)

# Questions that wait for the end of an answer. A pause is set on all of a conversation's at once.
queued_question = sa.Table(
    "queued_question",
    metadata,
    row_id_column(),
    sa.Column("conversation", sa.String(32), sa.ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    text_column("text"),
    *_target(),
    sa.Column("params", sa.JSON, nullable=False),
    seconds_column("created"),
    # The last node of the path that its author saw; no foreign key, since that may be purged.
    sa.Column("path_end", sa.String(32)),
    flag_column("personal_key"),
    # Its files, as the parts of a message.
    sa.Column("files", sa.JSON(none_as_null=True)),
    # Reason of the pause, "" for none; the values of its message; and its begin.
    sa.Column("pause", sa.String(40), nullable=False),
    sa.Column("pause_details", sa.JSON(none_as_null=True)),
    seconds_column("paused"),
    sa.Index("queued_question_conversation", "conversation", "position"),
)
