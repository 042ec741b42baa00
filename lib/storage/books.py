"""The questions about what requests took, as part of the store."""

from __future__ import annotations

import time
from collections.abc import Sequence

import sqlalchemy as sa

from lib.core.quota import LimitExceeded, QuotaCounter, Reservation
from lib.core.target import Target
from lib.core.usage import DailyUsage, DayRange, UsageRecord, UsageTotal
from lib.storage import ledger, quotas
from lib.storage.engine import reading, writing


class Books:
    """What the store is asked of requests and money."""

    _engine: sa.Engine

    def reserve_quota(
        self, owner: str, usage_record_id: str, reservations: Sequence[Reservation]
    ) -> list[LimitExceeded]:
        """Reserve what a request may take, all of it or nothing; returns the claims that do not fit.

        It is settled together with what the request took, which is a Spend of the same id.
        """
        with writing(self._engine, owner) as connection:
            over = quotas.reserve(connection, owner, usage_record_id, reservations, time.time())
            if over:
                connection.rollback()
        return over

    def release_quota(self, owner: str, usage_record_id: str) -> None:
        """Give back what is reserved for a request that was not sent."""
        with writing(self._engine, owner) as connection:
            quotas.settle(connection, owner, usage_record_id, ())

    def quota_usage(self, owner: str, counters: Sequence[QuotaCounter]) -> dict[QuotaCounter, int]:
        """What is used of each counter, with what is reserved."""
        with reading(self._engine) as connection:
            return quotas.used(connection, owner, counters)

    def recount_quotas(self) -> None:
        """Lift what is counted of limits to what the ledger knows; to be called when a bound is set."""
        with writing(self._engine) as connection:
            quotas.recount(connection, time.time())

    def record_usage(self, owner: str, *usage_records: UsageRecord) -> None:
        """Write down what one question took, its first request first; what is written already stays."""
        with writing(self._engine, owner) as connection:
            settle(connection, owner, usage_records)

    def usage_records(self, owner: str, conversation_id: str) -> list[UsageRecord]:
        """What the requests of a conversation took, oldest first, also where that is deleted."""
        with reading(self._engine) as connection:
            return ledger.of(connection, owner, conversation_id)

    def usage_by_answer(self, owner: str, conversation_id: str) -> dict[str, UsageTotal]:
        """What each answer of a conversation took, by its id; "" is what was for no answer."""
        with reading(self._engine) as connection:
            return ledger.sums(connection, owner, conversation_id)

    def daily_usage(self, owner: str, day_ranges: Sequence[DayRange]) -> list[DailyUsage]:
        """What the requests of these days took, by day and target, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines(connection, owner, day_ranges)

    def first_token_times(
        self, owner: str, start: float, end: float, limit: int
    ) -> list[tuple[Target, float]]:
        """The seconds to the first token of the newest requests of a time that got one."""
        with reading(self._engine) as connection:
            return ledger.firsts(connection, owner, start, end, limit)

    def usage_since(self, owner: str, start: float) -> UsageTotal:
        """What an owner's requests took since a moment, in seconds since 1970."""
        with reading(self._engine) as connection:
            return ledger.since(connection, owner, start)

    def total_usage(self) -> UsageTotal:
        """What every request of everybody took: what a gateway counts for the one key that all have."""
        with reading(self._engine) as connection:
            return ledger.by_all(connection)

    # For admins alone: whoever calls these has made sure of that.

    def daily_usage_of_all_users(self, day_ranges: Sequence[DayRange]) -> list[DailyUsage]:
        """What everybody's requests of these days took, by day and target, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines(connection, None, day_ranges)

    def daily_usage_by_user(self, day_ranges: Sequence[DayRange]) -> list[tuple[str, DailyUsage]]:
        """The same for each owner, by day, target and owner, oldest first."""
        with reading(self._engine) as connection:
            return ledger.lines_of_each(connection, day_ranges)

    def first_token_times_of_all_users(
        self, start: float, end: float, limit: int
    ) -> list[tuple[Target, float]]:
        """The seconds to the first token of everybody's newest requests of a time that got one."""
        with reading(self._engine) as connection:
            return ledger.firsts(connection, None, start, end, limit)

    def usage_by_user(self, start: float, end: float) -> dict[str, UsageTotal]:
        """What each owner's requests of a time took, in seconds since 1970; the dearest first."""
        with reading(self._engine) as connection:
            return ledger.by_each(connection, start, end)


def settle(connection: sa.Connection, owner: str, spends: Sequence[UsageRecord]) -> None:
    """Write down what one question took, and settle what was reserved for it, in one transaction."""
    for spend in spends:
        ledger.add(connection, owner, spend)
    if spends:
        # As the last: these rows are everybody's.
        quotas.settle(connection, owner, spends[0].id, spends)
