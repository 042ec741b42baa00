"""Recorded exchanges: lists of their facts, and their bytes, which are deleted with the answer that they are for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa

from lib.core.exchanges import Exchange, ExchangeSummary, Purpose
from lib.storage.database.engine import Aggregate, insert
from lib.storage.exchange_rows import exchange as exchanges
from lib.storage.exchange_rows import exchange_from_row, exchange_to_row, summary_from_row
from lib.storage.rows import in_owned_conversation
from lib.storage.schema.comparisons import comparison as comparisons
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import node as nodes

_IMPORT_BATCH = 20  # rows in memory, and of one transaction
_PURGE_BATCH = 200  # rows of one transaction, which keeps out other writers
_SUMMARY_COLUMNS = [column for column in exchanges.c if column.name != "data"]
_sort_key = sa.tuple_(exchanges.c.started, exchanges.c.id)
# Exchanges of deleted answers, conversations and comparisons come back with them.
_is_deleted = nodes.c.deleted.is_not(None) | conversations.c.deleted.is_not(None) | comparisons.c.deleted.is_not(None)
# Those of a blind comparison are shown once it has a vote: they name the model of each answer.
_is_hidden = comparisons.c.blind.is_(True) & comparisons.c.vote.is_(None)
_visible = exchanges.c.node.is_(None) | ~(_is_deleted | _is_hidden)


class Exchanges(Aggregate):
    """Recorded exchanges of one owner at a time."""

    def save(self, owner: str, exchange: Exchange) -> None:
        """Insert an exchange; one whose answer does not exist or has another owner is dropped."""
        row = exchange_to_row(owner, exchange)
        is_owned = sa.select(nodes.c.id).where(nodes.c.id == exchange.node_id, in_owned_conversation(owner))
        with self._write(owner) as connection:
            if not exchange.node_id or connection.scalar(is_owned):
                insert_exchange(connection, row)

    def export_all(self, owner: str) -> Iterator[Exchange]:
        """Yield the exchanges, the newest first; each is read when the iterator reaches it."""
        query = _select(owner, exchanges.c.id).order_by(exchanges.c.started.desc(), exchanges.c.id.desc())
        with self._read() as connection:
            ids = [row.id for row in connection.execute(query)]
        for exchange_id in ids:
            if exchange := self.get(owner, exchange_id):
                yield exchange

    def import_all(self, owner: str, imported: Iterable[Exchange]) -> None:
        """Insert exchanges in several transactions; one whose answer is missing or another owner's is dropped."""
        remaining = iter(imported)
        while batch := [exchange_to_row(owner, exchange) for exchange in islice(remaining, _IMPORT_BATCH)]:
            named = [row["node"] for row in batch if row["node"]]
            is_owned = sa.select(nodes.c.id).where(nodes.c.id.in_(named), in_owned_conversation(owner))
            with self._write(owner) as connection:
                owned_ids = {None, *connection.scalars(is_owned)}
                for row in batch:
                    if row["node"] in owned_ids:
                        insert_exchange(connection, row)

    def get(self, owner: str, exchange_id: str) -> Exchange | None:
        """Return an exchange; None when it is missing, another owner's, or its answer is deleted."""
        query = _select(owner, *exchanges.c).where(exchanges.c.id == exchange_id)
        with self._read() as connection:
            row = connection.execute(query).first()
        return exchange_from_row(row) if row else None

    def of_answer(self, owner: str, node_id: str) -> list[Exchange]:
        """Return the exchanges of an answer, oldest first: more than one if it was continued."""
        query = _select(owner, *exchanges.c).where(exchanges.c.node == node_id)
        with self._read() as connection:
            rows = connection.execute(query.order_by(exchanges.c.started, exchanges.c.id)).all()
        return [exchange_from_row(row) for row in rows]

    def recent(
        self, owner: str, limit: int, cursor: ExchangeSummary | None = None, purpose: Purpose | None = None
    ) -> list[ExchangeSummary]:
        """Return the newest exchanges, newest first; those after `cursor`, the last one of the previous page."""
        query = _select(owner, *_SUMMARY_COLUMNS)
        if cursor:
            query = query.where(_sort_key < sa.tuple_(sa.literal(cursor.started_at), sa.literal(cursor.id)))
        if purpose is not None:
            query = query.where(exchanges.c.purpose == purpose)
        query = query.order_by(exchanges.c.started.desc(), exchanges.c.id.desc()).limit(limit)
        with self._read() as connection:
            return [summary_from_row(row) for row in connection.execute(query)]

    def purge(self, max_age: float) -> int:
        """Remove exchanges that began more than `max_age` seconds ago; returns the count."""
        expired = sa.select(exchanges.c.id).where(exchanges.c.started < time.time() - max_age)
        expired = expired.order_by(exchanges.c.started).limit(_PURGE_BATCH)
        count = 0
        while True:
            with self._write() as connection:
                ids = connection.scalars(expired).all()
                connection.execute(sa.delete(exchanges).where(exchanges.c.id.in_(ids)))
            count += len(ids)
            if len(ids) < _PURGE_BATCH:
                return count


def insert_exchange(connection: sa.Connection, row: dict[str, Any]) -> None:
    """Insert the row of an exchange, whose answer must exist; one with a known id is left alone."""
    connection.execute(insert(connection, exchanges).values(row).on_conflict_do_nothing())


def _select(owner: str, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return (
        sa.select(*columns, nodes.c.conversation)
        .select_from(exchanges)
        .outerjoin(nodes, nodes.c.id == exchanges.c.node)
        .outerjoin(conversations, conversations.c.id == nodes.c.conversation)
        .outerjoin(comparisons, comparisons.c.id == conversations.c.comparison)
        .where(exchanges.c.owner == owner, _visible)
    )
