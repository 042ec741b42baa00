"""Full-text search over the titles and messages of an owner, grouped by conversation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from lib.core import search_terms
from lib.core.search import MessageHit, SearchFilter, SearchResult
from lib.core.search_terms import Term
from lib.storage.conversations import is_listed, load_conversations
from lib.storage.database.engine import Aggregate
from lib.storage.rows import message_from_row
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes
from lib.storage.schema.tables import passage as passages
from lib.storage.search.files import find_in_files, load_texts
from lib.storage.search.tokens import encode_token

HITS_SHOWN = 3  # messages of a conversation that a result has at first
MAX_HITS_SHOWN = 50  # and of an expanded one
_RARE_PASSAGES = 5000  # from which on a term is not rare

# Created by migration SQL, which SQLAlchemy's tables cannot express: FTS5 on SQLite, tsvector on Postgres.
_FTS = sa.table("passage_words", sa.column("rowid", sa.Integer), sa.column("passage_words", sa.String))
_VECTOR: sa.ColumnClause[str] = sa.literal_column("passage.words")
_NEWEST_FIRST = (nodes.c.created.desc(), nodes.c.id.desc())
_NO_FILTER = SearchFilter()


class _TextQuery(sa.types.UserDefinedType[str]):
    """The type of a query of Postgres' text search, without SQLAlchemy's dialect, which takes long to import."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TSQUERY"


class Search(Aggregate):
    """Full-text search; see lib/core/search_terms.py for how terms match."""

    def find(
        self,
        owner: str,
        query: str,
        limit: int,
        cursor: SearchResult | None = None,
        search_filter: SearchFilter = _NO_FILTER,
        expanded: Collection[str] = (),
    ) -> list[SearchResult]:
        """Return the first `limit` conversations with every term of the query in their title or in one message.

        Those found by their title come first; each group is ordered by time, the newest first. A blank query
        finds all conversations that meet the filter, if there is one. Archived conversations are included,
        deleted ones are not. Paginate by passing the last result of the previous page as `cursor`.
        Conversations in `expanded` (ids) have up to MAX_HITS_SHOWN messages, others up to HITS_SHOWN.
        """
        terms = search_terms.parse_query(query)
        if not terms and (query.strip() or search_filter.is_empty):
            return []
        with self._read() as connection:
            found = _count_by_conversation(connection, owner, terms, search_filter) if terms else None
            rows = connection.execute(_select_page(owner, terms, found, limit, cursor, search_filter)).all()
            by_id = load_conversations(connection, owner, [row.id for row in rows])
            found_by_message = [row.id for row in rows if row.hit_count]
            hits = _load_hits(connection, owner, found_by_message, terms, search_filter, expanded)
        return [
            SearchResult(by_id[row.id], bool(row.in_title), row.found_at, row.hit_count, tuple(hits[row.id]))
            for row in rows
        ]

    def models(self, owner: str) -> list[str]:
        """Return the models of the owner's conversations in alphabetical order, each by its last one."""
        query = sa.select(conversations.c.model).distinct()
        query = query.where(conversations.c.owner == owner, conversations.c.deleted.is_(None), is_listed)
        with self._read() as connection:
            return sorted(filter(None, connection.scalars(query)))


def _select_page(
    owner: str,
    terms: Sequence[Term],
    found: sa.Subquery | None,
    limit: int,
    cursor: SearchResult | None,
    search_filter: SearchFilter,
) -> sa.Select[Any]:
    """Select id, match of the title, sort time and number of matching messages of the found conversations."""
    in_title = _title_condition(terms, search_filter)
    query = sa.select(conversations.c.id).where(*_conversation_conditions(owner, search_filter))
    newest: sa.ColumnElement[float] = conversations.c.updated
    hit_count: sa.ColumnElement[int] = sa.literal(0)
    if found is None:
        query = query.where(in_title)
    else:
        newest, hit_count = found.c.newest, sa.func.coalesce(found.c.hit_count, 0)
        query = query.join(found, found.c.conversation == conversations.c.id, isouter=True)
        query = query.where(sa.or_(found.c.conversation.is_not(None), in_title))
    rank = sa.case((in_title, 1), else_=0)
    found_at = sa.case((in_title, conversations.c.updated), else_=newest)
    query = query.add_columns(rank.label("in_title"), found_at.label("found_at"), hit_count.label("hit_count"))
    if cursor:
        key = (int(cursor.is_title_match), cursor.found_at, cursor.conversation.id)
        query = query.where(sa.tuple_(rank, found_at, conversations.c.id) < sa.tuple_(*map(sa.literal, key)))
    return query.order_by(rank.desc(), found_at.desc(), conversations.c.id.desc()).limit(limit)


def _count_by_conversation(
    connection: sa.Connection, owner: str, terms: Sequence[Term], search_filter: SearchFilter
) -> sa.Subquery:
    """Select each conversation with the number of its messages that have all terms, and the time of the newest."""
    newest = sa.func.max(nodes.c.created).label("newest")
    query = sa.select(nodes.c.conversation, newest, sa.func.count().label("hit_count"))
    rare = _find_rare_term(connection, terms)
    if rare:
        seeds = sa.select(passages.c.node).distinct().where(_has_term(connection, rare)).subquery()
        query = query.select_from(seeds).join(nodes, nodes.c.id == seeds.c.node)
    query = (
        query.join(conversations, conversations.c.id == nodes.c.conversation)
        .where(*_conversation_conditions(owner, search_filter), *_message_conditions(search_filter))
        .where(*(_is_in_message(connection, term) for term in terms if term != rare))
        .group_by(nodes.c.conversation)
    )
    return query.subquery()


def _find_rare_term(connection: sa.Connection, terms: Sequence[Term]) -> Term | None:
    """Return the term in the fewest passages if SQLite had better begin with it, else None.

    SQLite has no statistics on the index: its own choice is to read all passages of a common word, or all
    messages of the owner for a word that nobody wrote. Postgres has them.
    """
    if connection.dialect.name != "sqlite":
        return None
    matches = (sa.select(_FTS.c.rowid).where(_match_fts(term)).limit(_RARE_PASSAGES).subquery() for term in terms)
    counts = [sa.select(sa.func.count()).select_from(passages_with).scalar_subquery() for passages_with in matches]
    count_by_term = dict(zip(terms, connection.execute(sa.select(*counts)).one(), strict=True))
    rare = min(terms, key=count_by_term.__getitem__)
    return rare if count_by_term[rare] < _RARE_PASSAGES else None


def _load_hits(
    connection: sa.Connection,
    owner: str,
    conversation_ids: Sequence[str],
    terms: Sequence[Term],
    search_filter: SearchFilter,
    expanded: Collection[str],
) -> defaultdict[str, list[MessageHit]]:
    """Return the newest matching messages of each conversation, newest first."""
    hits: defaultdict[str, list[MessageHit]] = defaultdict(list)
    if not conversation_ids:
        return hits
    position = sa.func.row_number().over(partition_by=nodes.c.conversation, order_by=_NEWEST_FIRST)
    ranked = (
        sa.select(nodes.c.id, nodes.c.conversation, position.label("position"))
        .where(nodes.c.conversation.in_(conversation_ids), *_message_conditions(search_filter))
        .where(*(_is_in_message(connection, term) for term in terms))
        .subquery()
    )
    max_hits = sa.case((ranked.c.conversation.in_(sorted(expanded)), MAX_HITS_SHOWN), else_=HITS_SHOWN)
    ids = sa.select(ranked.c.id).where(ranked.c.position <= max_hits)
    # The texts in a query of their own, so that the database sorts ids and not texts.
    query = sa.select(nodes).where(nodes.c.id.in_(connection.scalars(ids).all())).order_by(*_NEWEST_FIRST)
    rows = connection.execute(query).all()
    messages = [message_from_row(row.role, row.parts) for row in rows]
    texts = load_texts(connection, owner, messages, terms)
    for row, message in zip(rows, messages, strict=True):
        file_name, text = find_in_files(message, terms, texts) or ("", message.text)
        hits[row.conversation].append(MessageHit(row.id, row.role, row.created, text, file_name))
    return hits


def _conversation_conditions(owner: str, search_filter: SearchFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [conversations.c.owner == owner, conversations.c.deleted.is_(None), is_listed]
    if search_filter.folder is not None:
        conditions.append(conversations.c.folder == search_filter.folder)
    return conditions


def _message_conditions(search_filter: SearchFilter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [nodes.c.deleted.is_(None)]
    if search_filter.model:
        answers = nodes.alias("answer")
        query = sa.select(answers.c.id).where(answers.c.parent == nodes.c.id, answers.c.model == search_filter.model)
        is_answered = query.where(answers.c.deleted.is_(None)).correlate(nodes).exists()
        conditions.append(sa.or_(nodes.c.model == search_filter.model, is_answered))
    if search_filter.start is not None:
        conditions.append(nodes.c.created >= search_filter.start)
    if search_filter.end is not None:
        conditions.append(nodes.c.created < search_filter.end)
    return conditions


def _title_condition(terms: Sequence[Term], search_filter: SearchFilter) -> sa.ColumnElement[bool]:
    """Condition on `conversation`: its title has all terms, and one of its messages meets the filter."""
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    for term in terms:
        phrase = " ".join(map(encode_token, term.tokens))
        # The stored tokens stand between spaces. They are letters and digits, which LIKE takes as they are.
        conditions.append(conversations.c.title_tokens.contains(f" {phrase}" + ("" if term.is_prefix else " ")))
    if search_filter.has_message_condition:
        query = sa.select(nodes.c.id).where(nodes.c.conversation == conversations.c.id)
        conditions.append(query.where(*_message_conditions(search_filter)).correlate(conversations).exists())
    return sa.and_(*conditions)


def _is_in_message(connection: sa.Connection, term: Term) -> sa.ColumnElement[bool]:
    """Condition on `node`: one of its passages has the term."""
    query = sa.select(passages.c.id).where(passages.c.node == nodes.c.id, _has_term(connection, term))
    return query.correlate(nodes).exists()


def _has_term(connection: sa.Connection, term: Term) -> sa.ColumnElement[bool]:
    """Condition on `passage`: it has the term."""
    if connection.dialect.name == "sqlite":
        return passages.c.id.in_(sa.select(_FTS.c.rowid).where(_match_fts(term)))
    match = " <-> ".join(map(encode_token, term.tokens)) + (":*" if term.is_prefix else "")
    return _VECTOR.op("@@")(sa.cast(match, _TextQuery))


def _match_fts(term: Term) -> sa.ColumnElement[bool]:
    match = f'"{" ".join(map(encode_token, term.tokens))}"' + (" *" if term.is_prefix else "")
    return _FTS.c.passage_words.op("MATCH")(match)
