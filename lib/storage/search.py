"""What is searched in: the words of finished messages, written for the database's own index, and the hits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from lib.core import search_terms
from lib.core.usage import SearchResult
from lib.storage import lists, rows
from lib.storage.owned import batches
from lib.storage.schema import conversation as conversations
from lib.storage.schema import node as nodes
from lib.storage.schema import passage as passages

# Postgres counts no place beyond 16,383, keeps no more than 255 places of one token, and takes 1 MB at most.
_PASSAGE = 1000  # tokens
_REPEATED = 200  # times that one token stands in a passage
# Made by the migration, on SQLite and on Postgres: what the tables of schema.py cannot say.
_FTS = sa.table("passage_words", sa.column("rowid", sa.Integer), sa.column("passage_words", sa.String))
_VECTOR: sa.ColumnClause[str] = sa.literal_column("passage.words")
_NEWEST = (nodes.c.created.desc(), nodes.c.id.desc())
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def index(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Write the words of these messages as they now are, of those that are finished."""
    for batch in batches(ids):
        query = sa.select(nodes.c.id, nodes.c.role, nodes.c.parts)
        found = connection.execute(query.where(nodes.c.id.in_(batch), ~lists.ARRIVING)).all()
        connection.execute(sa.delete(passages).where(passages.c.node.in_([row.id for row in found])))
        written = [
            {"node": row.id, "n": n, "tokens": part}
            for row in found
            for n, part in enumerate(spelled(rows.message(row.role, row.parts).text))
        ]
        if written:
            connection.execute(sa.insert(passages), written)


def search(
    connection: sa.Connection, owner: str, typed: str, limit: int, before: SearchResult | None
) -> list[SearchResult]:
    """The newest messages in which all terms of the query are, newest first, from after `before` on."""
    terms = search_terms.parse_query(typed)
    if not terms:
        return []
    # The index first: without statistics SQLite would rather walk through all that is the owner's.
    having = sa.intersect(*(_with(connection, term) for term in terms)).subquery()
    query = (
        sa.select(nodes.c.id)
        .select_from(having.join(nodes, nodes.c.id == having.c.node))
        .join(conversations, conversations.c.id == nodes.c.conversation)
        .where(conversations.c.owner == owner, conversations.c.deleted.is_(None), nodes.c.deleted.is_(None))
        .order_by(*_NEWEST)
        .limit(limit)
    )
    if before:
        place = sa.tuple_(sa.literal(before.created_at), sa.literal(before.node_id))
        query = query.where(sa.tuple_(nodes.c.created, nodes.c.id) < place)
    return _hits(connection, owner, connection.scalars(query).all())


def _hits(connection: sa.Connection, owner: str, ids: Sequence[str]) -> list[SearchResult]:
    # Read apart: what is sorted is small, the texts are not.
    found = [
        row
        for batch in batches(ids)
        for row in connection.execute(sa.select(nodes).where(nodes.c.id.in_(batch)).order_by(*_NEWEST))
    ]
    talks = lists.some(connection, owner, [row.conversation for row in found])
    return [
        SearchResult(
            talks[row.conversation], row.id, row.role, row.created, rows.message(row.role, row.parts).text
        )
        for row in found
    ]


def spelled(text: str) -> Iterator[str]:
    """A text's tokens as they are indexed, in parts of a size that every database takes.

    Each begins with the last tokens of the one before, so that no phrase is lost at a border.
    """
    tokens = [_spelled(token) for token in search_terms.tokenize(text)]
    start = 0
    while start < len(tokens):
        end = _end(tokens, start)
        yield " ".join(tokens[start:end])
        start = end if end == len(tokens) else end - search_terms.MAX_PHRASE_TOKENS


def _end(tokens: Sequence[str], start: int) -> int:
    """Where a part ends that begins at `start`."""
    seen: Counter[str] = Counter()
    for place in range(start, min(len(tokens), start + _PASSAGE)):
        seen[tokens[place]] += 1
        if seen[tokens[place]] > _REPEATED:
            return place
    return min(len(tokens), start + _PASSAGE)


def _with(connection: sa.Connection, term: search_terms.Term) -> sa.Select[tuple[str]]:
    """The nodes that have a term in one of their passages."""
    spelt = [_spelled(token) for token in term.tokens]
    if connection.dialect.name == "sqlite":
        match = f'"{" ".join(spelt)}"' + (" *" if term.is_prefix else "")
        found = sa.select(_FTS.c.rowid).where(_FTS.c.passage_words.op("MATCH")(match))
        return sa.select(passages.c.node).distinct().where(passages.c.id.in_(found))
    match = " <-> ".join(spelt) + (":*" if term.is_prefix else "")
    return sa.select(passages.c.node).distinct().where(_VECTOR.op("@@")(sa.cast(match, TSQUERY)))


def _spelled(token: str) -> str:
    """A token in small ASCII letters and digits, a letter first: no database takes that apart in its own way.

    What a token begins with, its spelling begins with as well.
    """
    first, rest = token[0], token[1:]
    head = _code(first) if first.isdigit() else _letter(first)
    return head + (rest if rest.isascii() and "q" not in rest else "".join(map(_letter, rest)))


def _letter(sign: str) -> str:
    return sign if sign.isascii() and sign != "q" else _code(sign)


@lru_cache(maxsize=1 << 14)
def _code(sign: str) -> str:
    """A sign as "q" and four digits: its number, to the base of 36."""
    number, digits = ord(sign), ""
    for _ in range(4):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return "q" + digits
