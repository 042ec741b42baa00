"""The book of what requests took: each written once, none changed but what was lost and is told after all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.pricing import Price
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageRecord, UsageTotal
from lib.storage.engine import insert
from lib.storage.schema import conversation as conversations
from lib.storage.schema import ledger
from lib.storage.schema import node as nodes

# Columns that are fields as they are.
_OWN = ("id", "conversation", "purpose", "request_id", "created", "node", "source", "cost")
_COUNTERS = tuple(field.name for field in fields(Usage))
_FAILED = (Outcome.FAILED, Outcome.INTERRUPTED)
# Nothing is known of what its producer did not live to tell; each request that was told of has a duration.
_LOST = ledger.c.total.is_(None) & ledger.c.input.is_(None) & ledger.c.output.is_(None)
_SILENT = ledger.c.input.is_(None) & ledger.c.output.is_(None) & ledger.c.first.is_(None)


def add(connection: sa.Connection, owner: str, spend: UsageRecord) -> None:
    values = {name: getattr(spend, name) for name in _OWN}
    values |= asdict(spend.target) | asdict(spend.usage) | asdict(spend.timing)
    values |= {"owner": owner, "outcome": spend.outcome, "price": _from_price(spend.price)}
    fresh = insert(connection, ledger).values(values)
    same = ledger.c.owner == fresh.excluded.owner
    connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=values, where=same & _LOST))


def add_lost(connection: sa.Connection, answers: Sequence[str]) -> None:
    """Count the last requests of answers whose producer may not tell any more what they took."""
    of_nodes = (
        sa.select(
            nodes.c.request,
            conversations.c.owner,
            nodes.c.conversation,
            nodes.c.id,
            sa.literal("answer"),
            nodes.c.model,
            nodes.c.wire,
            nodes.c.outcome,
            nodes.c.request_id,
            nodes.c.beat,
        )
        .join(conversations, conversations.c.id == nodes.c.conversation)
        .where(nodes.c.id.in_(answers), nodes.c.request != "", nodes.c.model.is_not(None))
    )
    names = (
        "id",
        "owner",
        "conversation",
        "node",
        "purpose",
        "model",
        "wire",
        "outcome",
        "request_id",
        "created",
    )
    connection.execute(insert(connection, ledger).from_select(names, of_nodes).on_conflict_do_nothing())


def of(connection: sa.Connection, owner: str, conversation: str) -> list[UsageRecord]:
    query = sa.select(ledger).where(ledger.c.owner == owner, ledger.c.conversation == conversation)
    found = connection.execute(query.order_by(ledger.c.created, ledger.c.id))
    return [_spend(row) for row in found]


def sums(connection: sa.Connection, owner: str, conversation: str) -> dict[str, UsageTotal]:
    query = sa.select(ledger.c.node, *_sums()).group_by(ledger.c.node)
    found = connection.execute(query.where(ledger.c.owner == owner, ledger.c.conversation == conversation))
    return {row.node or "": _spent(row) for row in found}


def lines(connection: sa.Connection, owner: str | None, spans: Sequence[DayRange]) -> list[DailyUsage]:
    """The lines of an owner, or of everybody where that is None."""
    found = [line for span in spans for _, line in _lines(connection, owner, span)]
    return sorted(found, key=lambda line: (line.day, line.target.model, line.target.wire))


def lines_of_each(connection: sa.Connection, spans: Sequence[DayRange]) -> list[tuple[str, DailyUsage]]:
    found = [pair for span in spans for pair in _lines(connection, None, span, ledger.c.owner)]
    return sorted(found, key=lambda pair: (pair[1].day, pair[1].target.model, pair[1].target.wire, pair[0]))


def _lines(
    connection: sa.Connection, owner: str | None, span: DayRange, *by: sa.ColumnElement[str]
) -> list[tuple[str, DailyUsage]]:
    """The lines of a span, each with its owner where they are grouped `by` that too, else with ""."""
    since = (ledger.c.created - span.start) / span.day_seconds
    # No function of both databases rounds down: here a cast does, there it would round to the nearest.
    whole = sa.func.floor(since) if connection.dialect.name == "postgresql" else sa.cast(since, sa.Integer)
    keys = (whole.label("day"), ledger.c.model, ledger.c.wire, *by)
    query = sa.select(*keys, *_sums()).where(_between(owner, span.start, span.end)).group_by(*keys)
    # The last moment of a day, divided, can come out as the next.
    return [
        (
            row.owner if by else "",
            DailyUsage(
                span.first_day + timedelta(days=min(int(row.day), span.day_count - 1)),
                Target(row.model, row.wire),
                _spent(row),
            ),
        )
        for row in connection.execute(query)
    ]


def firsts(
    connection: sa.Connection, owner: str | None, begin: float, end: float, limit: int
) -> list[tuple[Target, float]]:
    query = sa.select(ledger.c.model, ledger.c.wire, ledger.c.first).where(
        _between(owner, begin, end), ledger.c.first.is_not(None)
    )
    found = connection.execute(query.order_by(ledger.c.created.desc(), ledger.c.id).limit(limit))
    return [(Target(row.model, row.wire), row.first) for row in found]


def since(connection: sa.Connection, owner: str, begin: float) -> UsageTotal:
    query = sa.select(*_sums()).where(ledger.c.owner == owner, ledger.c.created >= begin)
    return _spent(connection.execute(query).one())


def by_all(connection: sa.Connection) -> UsageTotal:
    return _spent(connection.execute(sa.select(*_sums())).one())


def by_each(connection: sa.Connection, begin: float, end: float) -> dict[str, UsageTotal]:
    query = sa.select(ledger.c.owner, *_sums()).where(_between(None, begin, end)).group_by(ledger.c.owner)
    found = [(row.owner, _spent(row)) for row in connection.execute(query)]
    return dict(sorted(found, key=lambda one: (-one[1].cost, -one[1].request_count, one[0])))


def _between(owner: str | None, begin: float, end: float) -> sa.ColumnElement[bool]:
    then = (ledger.c.created >= begin) & (ledger.c.created < end)
    return then if owner is None else (ledger.c.owner == owner) & then


def _sums() -> list[sa.ColumnElement[Any]]:
    """The columns of a Spent."""
    unknown = ledger.c.cost.is_(None) & ~((ledger.c.outcome == Outcome.FAILED) & _SILENT)
    return [
        sa.func.count().label("requests"),
        _how_many(ledger.c.outcome.in_(_FAILED)).label("failed"),
        _how_many(unknown).label("unknown"),
        sa.func.coalesce(sa.func.sum(ledger.c.cost), 0).label("cost"),
        *(sa.func.sum(ledger.c[name]).label(f"sum_{name}") for name in _COUNTERS),
    ]


def _how_many(holds: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((holds, 1), else_=0)), 0)


def _spent(row: sa.Row[Any]) -> UsageTotal:
    # Sums of Postgres are decimals.
    counts = (getattr(row, f"sum_{name}") for name in _COUNTERS)
    usage = Usage(*(None if count is None else int(count) for count in counts))
    return UsageTotal(int(row.requests), int(row.failed), int(row.unknown), int(row.cost), usage)


def _spend(row: sa.Row[Any]) -> UsageRecord:
    return UsageRecord(
        **{name: getattr(row, name) for name in _OWN},
        target=Target(row.model, row.wire),
        usage=Usage(**{name: getattr(row, name) for name in _COUNTERS}),
        timing=Timing(row.first, row.spoke, row.total),
        outcome=Outcome(row.outcome),
        price=_price(row.price),
    )


def _from_price(price: Price | None) -> dict[str, str | None] | None:
    if price is None:
        return None
    return {name: None if value is None else str(value) for name, value in asdict(price).items()}


def _price(raw: Mapping[str, Any] | None) -> Price | None:
    if not raw:
        return None
    found: dict[str, Any] = {name: None if value is None else Decimal(value) for name, value in raw.items()}
    return Price(**found)
