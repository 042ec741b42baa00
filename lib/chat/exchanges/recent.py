"""Recent exchanges of a user that match a filter, read in pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.chat.turns.ports import ExchangeStore
from lib.core.exchanges import ExchangeSummary
from lib.core.target import Wire

_BATCH = 100
MAX_READ = 2_000  # for one page of matches


@dataclass(frozen=True)
class ExchangeFilter:
    """Exchanges whose model contains a text in any case, over a wire or any, of all outcomes or with an error."""

    model: str = ""
    wire: Wire | None = None
    has_error: bool = False

    def matches(self, summary: ExchangeSummary) -> bool:
        has_error = bool(summary.error) or (summary.status or 0) >= 400
        return (
            self.model.casefold().strip() in summary.target.model.casefold()
            and self.wire in (None, summary.target.wire)
            and (has_error or not self.has_error)
        )


def list_recent(
    store: ExchangeStore, owner: str, limit: int, after: ExchangeSummary | None, wanted: ExchangeFilter
) -> list[ExchangeSummary]:
    """Return the newest matches after the one named `after`, at most `limit`. Raises StoreError."""
    found: list[ExchangeSummary] = []
    for summary in _iter_recent(store, owner, after):
        if wanted.matches(summary):
            found.append(summary)
            if len(found) == limit:
                break
    return found


def _iter_recent(store: ExchangeStore, owner: str, cursor: ExchangeSummary | None) -> Iterator[ExchangeSummary]:
    for _ in range(MAX_READ // _BATCH):
        batch = store.recent(owner, _BATCH, cursor)
        yield from batch
        if len(batch) < _BATCH:
            return
        cursor = batch[-1]
