"""Add folders, soft-deleted nodes, full-text search, share links and usage records."""

import sqlalchemy as sa
from alembic import op

from lib.storage.search.tokens import encode_passages

revision = "0004"
down_revision = "0003"

# Tokens are ASCII, which no tokenizer and no locale changes.
_FTS = (
    "CREATE VIRTUAL TABLE passage_words USING fts5(tokens, content='passage', content_rowid='id', tokenize='ascii')",
    "CREATE TRIGGER passage_added AFTER INSERT ON passage BEGIN"
    " INSERT INTO passage_words(rowid, tokens) VALUES (new.id, new.tokens); END",
    "CREATE TRIGGER passage_removed AFTER DELETE ON passage BEGIN"
    " INSERT INTO passage_words(passage_words, rowid, tokens) VALUES ('delete', old.id, old.tokens); END",
    "CREATE TRIGGER passage_changed AFTER UPDATE ON passage BEGIN"
    " INSERT INTO passage_words(passage_words, rowid, tokens) VALUES ('delete', old.id, old.tokens);"
    " INSERT INTO passage_words(rowid, tokens) VALUES (new.id, new.tokens); END",
)
_GIN = (
    "ALTER TABLE passage ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('simple', tokens)) STORED",
    "CREATE INDEX passage_words ON passage USING gin (words)",
)

_NODE = sa.table("node", sa.column("id", sa.String), sa.column("outcome", sa.String), sa.column("parts", sa.JSON))
_PASSAGE = sa.table("passage", sa.column("node"), sa.column("n"), sa.column("tokens"))
_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _conversations()
    _nodes()
    _passages()
    _search()
    _shares()
    _ledger()


def _conversations() -> None:
    for column in (
        sa.Column("rev", sa.Integer, nullable=False, server_default="0"),
        # Users may have given the existing titles: no generated title replaces them.
        sa.Column("titled", sa.String(16), nullable=False, server_default="person"),
        sa.Column("folder", sa.Text, nullable=False, server_default=""),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("unread", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("window", sa.JSON(none_as_null=True)),
    ):
        op.add_column("conversation", column)
    op.drop_index("conversation_list", "conversation")
    op.create_index("conversation_owner", "conversation", ["owner", "created", "id"])
    not_deleted = sa.column("deleted").is_(None)
    pinned, archived = sa.column("pinned", sa.Boolean), sa.column("archived", sa.Boolean)
    _partial("conversation_shelf", not_deleted & ~archived & ~pinned, "owner", "folder", "updated", "id")
    _partial("conversation_pinned", not_deleted & ~archived & pinned, "owner", "updated", "id")
    _partial("conversation_archived", not_deleted & archived, "owner", "updated", "id")
    _partial("conversation_deleted", sa.column("deleted").is_not(None), "deleted")


def _nodes() -> None:
    op.add_column("node", sa.Column("deleted", sa.Double))
    op.drop_index("node_arriving", "node")
    _partial("node_arriving", sa.text("outcome = 'arriving'"), "conversation")
    _partial("node_deleted", sa.column("deleted").is_not(None), "deleted")


def _partial(name: str, where: sa.ColumnElement[bool] | sa.TextClause, *columns: str) -> None:
    table, _, _ = name.partition("_")
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _passages() -> None:
    op.create_table(
        "passage",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("node", sa.String(32), sa.ForeignKey("node.id", ondelete="CASCADE"), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("passage_node", "passage", ["node", "n"], unique=True)


def _search() -> None:
    """Create the full-text index, which the database maintains."""
    steps = _FTS if op.get_bind().dialect.name == "sqlite" else _GIN
    for step in steps:
        op.execute(step)
    _index()


def _index() -> None:
    """Index the existing messages in batches."""
    connection, last = op.get_bind(), ""
    query = sa.select(_NODE).where(_NODE.c.outcome != "arriving").order_by(_NODE.c.id).limit(500)
    while rows := connection.execute(query.where(_NODE.c.id > last)).all():
        last = rows[-1].id
        written = [
            {"node": row.id, "n": n, "tokens": part}
            for row in rows
            for n, part in enumerate(encode_passages(_text(row.parts)))
        ]
        if written:
            connection.execute(sa.insert(_PASSAGE), written)


def _text(parts: list[dict[str, str]]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")


def _shares() -> None:
    op.create_table(
        "share",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column(
            "conversation",
            sa.String(32),
            sa.ForeignKey("conversation.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("token_hash", sa.String(128), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("snapshot", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("share_token", "share", ["token_hash"], unique=True)
    op.create_index("share_owner", "share", ["owner", "created"])
    op.create_index("share_conversation", "share", ["conversation"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("conversation", sa.String(32)),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("wire", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger) for name in ("input", "cached", "written", "reasoning", "output")),
        *(sa.Column(name, sa.Double) for name in ("first", "spoke", "total")),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("ledger_conversation", "ledger", ["owner", "conversation", "created"])
    op.create_index("ledger_created", "ledger", ["owner", "created"])
