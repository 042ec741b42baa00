"""The questions about what requests took, as part of the store."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from lib.core.quota import Claim, Counter, Over
from lib.core.target import Target
from lib.core.usage import Line, Span, Spend, Spent
from lib.storage import ledger, quotas
from lib.storage.engine import reading, writing


class Books:
    """What the store is asked of requests and money."""

    _engine: sa.Engine

    def reserve(self, owner: str, request: str, claims: Sequence[Claim]) -> list[Over]:
        """Reserve what a request may take, all of it or nothing; returns the claims that do not fit.

        It is settled together with what the request took, which is a Spend of the same id.
        """
        with writing(self._engine, owner) as connection:
            over = quotas.reserve(connection, owner, request, claims, time.time())
            if over:
                connection.rollback()
        return over

    def release(self, owner: str, request: str) -> None:
        """Give back what is reserved for a request that was not sent."""
        with writing(self._engine, owner) as connection:
            quotas.settle(connection, owner, request, ())

    def used(self, owner: str, counters: Sequence[Counter]) -> dict[Counter, int]:
        """What is used of each counter, with what is reserved."""
        with reading(self._engine) as connection:
            return quotas.used(connection, owner, counters)

    def recount(self) -> None:
        """Lift what is counted of limits to what the ledger knows; to be called when a bound is set."""
        with writing(self._engine) as connection:
            quotas.recount(connection, time.time())

    def spend(self, owner: str, *spends: Spend) -> None:
        """Write down what one question took, its first request first; what is written already stays."""
        with writing(self._engine, owner) as connection:
            settle(connection, owner, spends)

    def spent(self, owner: str, conversation: str) -> list[Spend]:
        """What the requests of a conversation took, oldest first, also where that is deleted."""
        with reading(self._engine) as connection:
            return ledger.of(connection, owner, conversation)

    def sums(self, owner: str, conversation: str) -> dict[str, Spent]:
        """What each answer of a conversation took, by its id; "" is what was for no answer."""
        with reading(self._engine) as connection:
            return ledger.sums(connection, owner, conversation)

    def lines(self, owner: str, spans: Sequence[Span]) -> list[Line]:
        """What the requests of these days took, by day and target, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines(connection, owner, spans)

    def firsts(self, owner: str, begin: float, end: float, limit: int) -> list[tuple[Target, float]]:
        """The seconds to the first token of the newest requests of a time that got one."""
        with reading(self._engine) as connection:
            return ledger.firsts(connection, owner, begin, end, limit)

    def since(self, owner: str, begin: float) -> Spent:
        """What an owner's requests took since a moment, in seconds since 1970."""
        with reading(self._engine) as connection:
            return ledger.since(connection, owner, begin)

    def spent_by_all(self) -> Spent:
        """What every request of everybody took: what a gateway counts for the one key that all have."""
        with reading(self._engine) as connection:
            return ledger.by_all(connection)

    # For admins alone: whoever calls these has made sure of that.

    def lines_of_all(self, spans: Sequence[Span]) -> list[Line]:
        """What everybody's requests of these days took, by day and target, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines(connection, None, spans)

    def lines_of_each(self, spans: Sequence[Span]) -> list[tuple[str, Line]]:
        """The same for each owner, by day, target and owner, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines_of_each(connection, spans)

    def firsts_of_all(self, begin: float, end: float, limit: int) -> list[tuple[Target, float]]:
        """The seconds to the first token of everybody's newest requests of a time that got one."""
        with reading(self._engine) as connection:
            return ledger.firsts(connection, None, begin, end, limit)

    def spent_by_each(self, begin: float, end: float) -> dict[str, Spent]:
        """What each owner's requests of a time took, in seconds since 1970; the dearest first."""
        with reading(self._engine) as connection:
            return ledger.by_each(connection, begin, end)


def settle(connection: sa.Connection, owner: str, spends: Sequence[Spend]) -> None:
    """Write down what one question took, and settle what was reserved for it, in one transaction."""
    for spend in spends:
        ledger.add(connection, owner, spend)
    if spends:
        # As the last: these rows are everybody's.
        quotas.settle(connection, owner, spends[0].id, spends)
