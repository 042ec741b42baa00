"""Usage records as a store holds them; the program itself reads only their sums."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.pricing import Price
from lib.core.target import Target
from lib.core.usage import UsageRecord
from lib.storage.database.engine import read_transaction
from lib.storage.schema.tables import ledger
from lib.storage.store import Store


def read_usage_records(store: Store, owner: str, conversation_id: str | None) -> list[UsageRecord]:
    """Return the records of a conversation, oldest first, even after its purge."""
    query = sa.select(ledger).where(ledger.c.owner == owner, ledger.c.conversation == conversation_id)
    with read_transaction(store._engine) as connection:
        rows = connection.execute(query.order_by(ledger.c.created, ledger.c.id)).all()
    return [_record_from_row(row) for row in rows]


def _record_from_row(row: sa.Row) -> UsageRecord:
    return UsageRecord(
        id=row.id,
        conversation_id=row.conversation,
        purpose=row.purpose,
        target=Target(row.model, row.wire),
        usage=Usage(row.input, row.output, row.cached, row.written, row.reasoning, row.written_1h, row.searches),
        timing=Timing(row.first, row.spoke, row.total),
        outcome=Outcome(row.outcome),
        request_id=row.request_id,
        created_at=row.created,
        node_id=row.node,
        price=_price_from_json(row.price) if row.price else None,
        price_source=row.source,
        cost=row.cost,
        uses_personal_key=row.personal_key,
    )


def _price_from_json(raw: dict[str, str | None]) -> Price:
    names = ("input", "output", "cached", "written", "request", "reasoning")
    rates = (None if raw.get(name) is None else Decimal(raw[name]) for name in names)
    newer = {"cache_write_1h": raw.get("written_1h"), "per_search": raw.get("search")}
    return Price(*rates, **{name: Decimal(rate) for name, rate in newer.items() if rate is not None})
