"""Usage records of requests: insert-only, except that a lost record may be completed later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Outcome, Usage
from lib.core.reconciliation import RecordedRequest
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageRecord, UsageTotal
from lib.storage.database.engine import Aggregate, insert
from lib.storage.quotas import settle_reservation
from lib.storage.rows import TIMING_NAMES, USAGE_NAMES, price_to_json, target_to_row, to_stored
from lib.storage.schema.tables import conversation as conversations
from lib.storage.schema.tables import ledger
from lib.storage.schema.tables import node as nodes

_RECORD_NAMES = {
    "id": "id",
    "conversation_id": "conversation",
    "node_id": "node",
    "purpose": "purpose",
    "request_id": "request_id",
    "created_at": "created",
    "price_source": "source",
    "cost": "cost",
    "uses_personal_key": "personal_key",
}
_FAILED = (Outcome.FAILED, Outcome.INTERRUPTED)
# A lost record has no measurements: its producer died. A reported request always has a duration.
_is_lost = ledger.c.total.is_(None) & ledger.c.input.is_(None) & ledger.c.output.is_(None)
_has_no_output = ledger.c.input.is_(None) & ledger.c.output.is_(None) & ledger.c.first.is_(None)


class UsageRecords(Aggregate):
    """Usage of each owner, and of all users for administrators.

    Methods with `owner: str | None` return the usage of all users for None. Only callers that have checked
    for an administrator may pass None.
    """

    def record(self, owner: str, *usage_records: UsageRecord) -> None:
        """Insert the records of one question, its first request first, and settle its reservation.

        Idempotent: an existing record stays, unless it is a lost one.
        """
        with self._write(owner) as connection:
            insert_usage(connection, owner, usage_records)

    def totals_by_answer(self, owner: str, conversation_id: str) -> dict[str, UsageTotal]:
        """Return the usage of each answer of a conversation by node id; "" for requests without an answer."""
        query = sa.select(ledger.c.node, *_total_columns()).group_by(ledger.c.node)
        query = query.where(ledger.c.owner == owner, ledger.c.conversation == conversation_id)
        with self._read() as connection:
            return {row.node or "": _total_from_row(row) for row in connection.execute(query)}

    def daily(self, owner: str | None, day_ranges: Sequence[DayRange]) -> list[DailyUsage]:
        """Return usage by day and target, oldest first."""
        with self._read() as connection:
            days = [day for days in day_ranges for _, day in _daily_usage(connection, owner, days)]
        return sorted(days, key=_daily_sort_key)

    def daily_by_user(self, day_ranges: Sequence[DayRange]) -> list[tuple[str, DailyUsage]]:
        """Return the usage of all users by day, target and owner id, oldest first. For administrators."""
        with self._read() as connection:
            days = [day for days in day_ranges for day in _daily_usage(connection, None, days, ledger.c.owner)]
        return sorted(days, key=lambda pair: (*_daily_sort_key(pair[1]), pair[0]))

    def first_token_times(self, owner: str | None, start: float, end: float, limit: int) -> list[tuple[Target, float]]:
        """Return the seconds to the first token of the newest `limit` requests of a period that got one."""
        query = sa.select(ledger.c.model, ledger.c.wire, ledger.c.first).where(
            _in_period(owner, start, end), ledger.c.first.is_not(None)
        )
        with self._read() as connection:
            rows = connection.execute(query.order_by(ledger.c.created.desc(), ledger.c.id).limit(limit))
            return [(Target(row.model, row.wire), row.first) for row in rows]

    def requests(self, start: float, end: float, limit: int) -> list[RecordedRequest]:
        """Return the newest `limit` requests of all users with the team's key in a period, newest first.

        For administrators.
        """
        is_empty_failure = ((ledger.c.outcome == Outcome.FAILED) & _has_no_output).label("is_empty_failure")
        query = sa.select(ledger, is_empty_failure).where(_in_period(None, start, end), ~ledger.c.personal_key)
        with self._read() as connection:
            rows = connection.execute(query.order_by(ledger.c.created.desc(), ledger.c.id).limit(limit))
            return [
                RecordedRequest(
                    row.id,
                    row.request_id,
                    row.model,
                    row.created,
                    row.total,
                    row.input,
                    row.output,
                    row.cost,
                    bool(row.is_empty_failure),
                )
                for row in rows
            ]

    def total(self) -> UsageTotal:
        """Return the usage of all requests with the team's key, to compare with its balance."""
        with self._read() as connection:
            return _total_from_row(connection.execute(sa.select(*_total_columns()).where(~ledger.c.personal_key)).one())

    def totals_by_user(self, start: float, end: float) -> dict[str, UsageTotal]:
        """Return the usage of each owner in a period in seconds since 1970, the highest cost first.

        For administrators.
        """
        query = sa.select(ledger.c.owner, *_total_columns()).group_by(ledger.c.owner)
        with self._read() as connection:
            rows = connection.execute(query.where(_in_period(None, start, end)))
            totals = [(row.owner, _total_from_row(row)) for row in rows]
        return dict(sorted(totals, key=lambda item: (-item[1].cost, -item[1].request_count, item[0])))


def insert_usage(connection: sa.Connection, owner: str, usage_records: Sequence[UsageRecord]) -> None:
    """Insert the records of one question, and replace its reservation by what it used."""
    for record in usage_records:
        columns = _record_to_row(record) | {"owner": owner}
        statement = insert(connection, ledger).values(columns)
        same_owner = ledger.c.owner == statement.excluded.owner
        connection.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_=columns, where=same_owner & _is_lost)
        )
    if usage_records:
        # Last, because all owners share the rows of the quotas.
        settle_reservation(connection, owner, usage_records[0].id, usage_records)


def insert_lost_usage(connection: sa.Connection, node_ids: Sequence[str]) -> None:
    """Insert empty records for stale answers: their producer may no longer report usage."""
    columns = {
        "id": nodes.c.request,
        "owner": conversations.c.owner,
        "conversation": nodes.c.conversation,
        "node": nodes.c.id,
        "purpose": sa.literal("answer"),
        "model": nodes.c.model,
        "wire": nodes.c.wire,
        "outcome": nodes.c.outcome,
        "request_id": nodes.c.request_id,
        "created": nodes.c.beat,
    }
    query = (
        sa.select(*columns.values())
        .join(conversations, conversations.c.id == nodes.c.conversation)
        .where(nodes.c.id.in_(node_ids), nodes.c.request != "", nodes.c.model.is_not(None))
    )
    connection.execute(insert(connection, ledger).from_select(list(columns), query).on_conflict_do_nothing())


def _daily_usage(
    connection: sa.Connection, owner: str | None, days: DayRange, *group_by: sa.ColumnElement[str]
) -> list[tuple[str, DailyUsage]]:
    """Return the usage of a range of days, each with its owner when grouped by owner, else with ""."""
    day = (ledger.c.created - days.start) / days.day_seconds
    # SQLite has no floor() and truncates in a cast; Postgres rounds to the nearest in a cast.
    day_index = sa.func.floor(day) if connection.dialect.name == "postgresql" else sa.cast(day, sa.Integer)
    keys = (day_index.label("day"), ledger.c.model, ledger.c.wire, *group_by)
    query = sa.select(*keys, *_total_columns()).where(_in_period(owner, days.start, days.end)).group_by(*keys)
    # The last moment of a day, divided, can be rounded up to the next day.
    return [
        (
            row.owner if group_by else "",
            DailyUsage(
                days.first_day + timedelta(days=min(int(row.day), days.day_count - 1)),
                Target(row.model, row.wire),
                _total_from_row(row),
            ),
        )
        for row in connection.execute(query)
    ]


def _daily_sort_key(usage: DailyUsage) -> tuple[Any, ...]:
    return usage.day, usage.target.model, usage.target.wire


def _in_period(owner: str | None, start: float, end: float) -> sa.ColumnElement[bool]:
    period = (ledger.c.created >= start) & (ledger.c.created < end)
    return period if owner is None else (ledger.c.owner == owner) & period


def _total_columns() -> list[sa.ColumnElement[Any]]:
    """Columns from which `_total_from_row` builds a UsageTotal."""
    unpriced = ledger.c.cost.is_(None) & ~((ledger.c.outcome == Outcome.FAILED) & _has_no_output)
    return [
        sa.func.count().label("requests"),
        _count_if(ledger.c.outcome.in_(_FAILED)).label("failed"),
        _count_if(unpriced).label("unpriced"),
        sa.func.coalesce(sa.func.sum(ledger.c.cost), 0).label("cost"),
        *(sa.func.sum(ledger.c[name]).label(f"sum_{name}") for name in USAGE_NAMES.values()),
    ]


def _count_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _total_from_row(row: sa.Row[Any]) -> UsageTotal:
    # Postgres returns sums as decimals.
    sums = {attribute: getattr(row, f"sum_{name}") for attribute, name in USAGE_NAMES.items()}
    usage = Usage(**{name: None if tokens is None else int(tokens) for name, tokens in sums.items()})
    return UsageTotal(int(row.requests), int(row.failed), int(row.unpriced), int(row.cost), usage)


def _record_to_row(record: UsageRecord) -> dict[str, Any]:
    """Columns of a usage record except its owner."""
    return {
        **to_stored(record, _RECORD_NAMES),
        **target_to_row(record.target),
        **to_stored(record.usage, USAGE_NAMES),
        **to_stored(record.timing, TIMING_NAMES),
        "outcome": record.outcome,
        "price": price_to_json(record.price),
    }
