"""The questions about what requests took, as part of the store."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from lib.core.history import Line, Span, Spend, Spent
from lib.core.types import Target
from lib.storage import ledger
from lib.storage.engine import reading, writing


class Books:
    """What the store is asked of requests and money."""

    _engine: sa.Engine

    def spend(self, owner: str, spend: Spend) -> None:
        """Write down what a request took; nothing where that is written already."""
        with writing(self._engine, owner) as connection:
            ledger.add(connection, owner, spend)

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
