"""Recorded exchanges of a temporary chat, in memory."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from lib.core.conversation import Node
from lib.core.exchanges import Exchange, ExchangeSummary, Purpose, summarize

MAX_BYTES = 16 * 1024 * 1024  # of one chat: the oldest exchanges make room for new ones


class TemporaryExchanges:
    """The exchanges of one chat, with the methods of `ExchangeStore`; it shares the lock of its chat.

    `find_node` returns a node of the chat, also a deleted one.
    """

    def __init__(
        self, lock: RLock, owner: str, find_node: Callable[[str, str], Node | None], max_bytes: int = MAX_BYTES
    ) -> None:
        self._lock = lock
        self._owner = owner
        self._find_node = find_node
        self._max_bytes = max_bytes
        self.clear()

    def clear(self) -> None:
        self._exchanges: dict[str, Exchange] = {}

    def save(self, owner: str, exchange: Exchange) -> None:
        with self._lock:
            if owner != self._owner or (exchange.node_id and not self._find_node(owner, exchange.node_id)):
                return
            self._exchanges.setdefault(exchange.id, exchange)
            excess = sum(map(_size, self._exchanges.values())) - self._max_bytes
            for oldest in list(self._exchanges.values())[:-1]:
                if excess > 0:
                    excess -= _size(self._exchanges.pop(oldest.id))

    def get(self, owner: str, exchange_id: str) -> Exchange | None:
        return next((exchange for exchange in self._visible(owner) if exchange.id == exchange_id), None)

    def of_answer(self, owner: str, node_id: str) -> list[Exchange]:
        return [exchange for exchange in self._visible(owner) if exchange.node_id == node_id]

    def recent(
        self, owner: str, limit: int, cursor: ExchangeSummary | None = None, purpose: Purpose | None = None
    ) -> list[ExchangeSummary]:
        summaries = [
            summarize(exchange)
            for exchange in reversed(self._visible(owner))
            if (cursor is None or _sort_key(exchange) < _sort_key(cursor)) and purpose in (None, exchange.purpose)
        ]
        return summaries[:limit]

    def _visible(self, owner: str) -> list[Exchange]:
        """Return the exchanges without those of deleted answers, oldest first."""
        with self._lock:
            exchanges = list(self._exchanges.values()) if owner == self._owner else []
            nodes = {exchange.node_id: self._find_node(owner, exchange.node_id) for exchange in exchanges}
        visible = {"", *(node_id for node_id, node in nodes.items() if node and node.deleted_at is None)}
        return sorted((exchange for exchange in exchanges if exchange.node_id in visible), key=_sort_key)


def _sort_key(exchange: Exchange | ExchangeSummary) -> tuple[float, str]:
    return exchange.started_at, exchange.id


def _size(exchange: Exchange) -> int:
    """Return the size of what was sent and received."""
    return sum(
        len(attempt.body)
        + sum(len(name) + len(value) for name, value in attempt.response_headers.items())
        + sum(len(chunk.data) for chunk in attempt.chunks)
        for attempt in exchange.attempts
    )
