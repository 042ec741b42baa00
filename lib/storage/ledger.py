"""The book of what requests took: each written once, none ever changed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.history import Spend
from lib.core.types import Outcome, Target, Timing, Usage
from lib.storage.engine import insert
from lib.storage.schema import ledger

_OWN = ("id", "conversation", "purpose", "request_id", "created")  # columns that are fields as they are


def add(connection: sa.Connection, owner: str, spend: Spend) -> None:
    values = {name: getattr(spend, name) for name in _OWN}
    values |= asdict(spend.target) | asdict(spend.usage) | asdict(spend.timing)
    values |= {"owner": owner, "outcome": spend.outcome}
    connection.execute(insert(connection, ledger).values(values).on_conflict_do_nothing())


def of(connection: sa.Connection, owner: str, conversation: str) -> list[Spend]:
    query = sa.select(ledger).where(ledger.c.owner == owner, ledger.c.conversation == conversation)
    found = connection.execute(query.order_by(ledger.c.created, ledger.c.id))
    return [_spend(row) for row in found]


def _spend(row: sa.Row[Any]) -> Spend:
    return Spend(
        **{name: getattr(row, name) for name in _OWN},
        target=Target(row.model, row.wire),
        usage=Usage(row.input, row.output, row.cached, row.written, row.reasoning),
        timing=Timing(row.first, row.spoke, row.total),
        outcome=Outcome(row.outcome),
    )
