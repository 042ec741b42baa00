"""Full-text search over the messages of an owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from lib.core import search_terms
from lib.core.usage import SearchResult
from lib.storage.conversations import load_conversations
from lib.storage.engine import Aggregate
from lib.storage.rows import batches, message_from_row
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes
from lib.storage.schema import passage as passages
from lib.storage.search_index import encode_token

# Created by migration SQL, which SQLAlchemy's tables cannot express: FTS5 on SQLite, tsvector on Postgres.
_FTS = sa.table("passage_words", sa.column("rowid", sa.Integer), sa.column("passage_words", sa.String))
_VECTOR: sa.ColumnClause[str] = sa.literal_column("passage.words")
_NEWEST_FIRST = (nodes.c.created.desc(), nodes.c.id.desc())


class Search(Aggregate):
    """Full-text search; see lib/core/search_terms.py for how terms match."""

    def find(self, owner: str, query: str, limit: int, cursor: SearchResult | None = None) -> list[SearchResult]:
        """Return the newest `limit` messages that contain every term of the query, newest first.

        Archived conversations are included, deleted ones are not. Paginate by passing the last result of the
        previous page as `cursor`.
        """
        terms = search_terms.parse_query(query)
        if not terms:
            return []
        with self._read() as connection:
            ids = connection.scalars(_matching_ids(connection, owner, terms, limit, cursor)).all()
            return _load_results(connection, owner, ids)


def _matching_ids(
    connection: sa.Connection,
    owner: str,
    terms: Sequence[search_terms.Term],
    limit: int,
    cursor: SearchResult | None,
) -> sa.Select[Any]:
    # The index comes first: without statistics SQLite would rather scan all messages of the owner.
    matches = sa.intersect(*(_nodes_with(connection, term) for term in terms)).subquery()
    query = (
        sa.select(nodes.c.id)
        .select_from(matches.join(nodes, nodes.c.id == matches.c.node))
        .join(conversations, conversations.c.id == nodes.c.conversation)
        .where(conversations.c.owner == owner, conversations.c.deleted.is_(None), nodes.c.deleted.is_(None))
        .order_by(*_NEWEST_FIRST)
        .limit(limit)
    )
    if cursor:
        sort_key = sa.tuple_(sa.literal(cursor.created_at), sa.literal(cursor.node_id))
        query = query.where(sa.tuple_(nodes.c.created, nodes.c.id) < sort_key)
    return query


def _load_results(connection: sa.Connection, owner: str, ids: Sequence[str]) -> list[SearchResult]:
    # A second query, so that the database sorts ids and not texts.
    rows = [
        row
        for batch in batches(ids)
        for row in connection.execute(sa.select(nodes).where(nodes.c.id.in_(batch)).order_by(*_NEWEST_FIRST))
    ]
    by_id = load_conversations(connection, owner, [row.conversation for row in rows])
    return [
        SearchResult(by_id[row.conversation], row.id, row.role, row.created, message_from_row(row.role, row.parts).text)
        for row in rows
    ]


def _nodes_with(connection: sa.Connection, term: search_terms.Term) -> sa.Select[tuple[str]]:
    """Select the nodes with a term in one of their passages."""
    tokens = [encode_token(token) for token in term.tokens]
    if connection.dialect.name == "sqlite":
        match = f'"{" ".join(tokens)}"' + (" *" if term.is_prefix else "")
        rowids = sa.select(_FTS.c.rowid).where(_FTS.c.passage_words.op("MATCH")(match))
        return sa.select(passages.c.node).distinct().where(passages.c.id.in_(rowids))
    match = " <-> ".join(tokens) + (":*" if term.is_prefix else "")
    return sa.select(passages.c.node).distinct().where(_VECTOR.op("@@")(sa.cast(match, TSQUERY)))
