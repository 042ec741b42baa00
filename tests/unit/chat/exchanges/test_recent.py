"""Recent exchanges that match a filter, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field

from lib.chat.exchanges.recent import MAX_READ, ExchangeFilter, list_recent
from lib.core.exchanges import ExchangeSummary
from lib.core.target import Target


@dataclass
class ListedExchanges:
    """A store of exchanges, the newest first; `reads` counts its queries."""

    summaries: list[ExchangeSummary]
    reads: list[ExchangeSummary | None] = field(default_factory=list)

    def recent(self, owner: str, limit: int, cursor: ExchangeSummary | None = None, purpose: str | None = None):
        self.reads.append(cursor)
        found = self.summaries[self.summaries.index(cursor) + 1 if cursor else 0 :]
        return found[:limit] if owner == "ann" else []


def summary_of(number: int, **fields) -> ExchangeSummary:
    target = Target(f"model-{number % 7}", "openai" if number % 2 else "anthropic")
    status = 500 if number % 10 == 0 else 200
    values = {"target": target, "started_at": float(number), "status": status, "error": ""} | fields
    return ExchangeSummary(id=str(number), duration=1.0, first_byte=0.5, response_bytes=10, attempt_count=1, **values)


def store_of(count: int) -> ListedExchanges:
    return ListedExchanges([summary_of(number) for number in range(count, 0, -1)])


def test_all_exchanges_are_listed_page_by_page():
    store = store_of(250)
    first = list_recent(store, "ann", 120, None, ExchangeFilter())
    second = list_recent(store, "ann", 200, first[-1], ExchangeFilter())
    assert [int(each.id) for each in (*first, *second)] == list(range(250, 0, -1))


def test_a_filter_reads_on_until_it_has_a_page():
    store = store_of(500)
    found = list_recent(store, "ann", 30, None, ExchangeFilter("MODEL-3", "openai", has_error=False))
    assert len(found) == 30
    assert {each.target for each in found} == {Target("model-3", "openai")}
    errors = list_recent(store, "ann", 5, None, ExchangeFilter(has_error=True))
    assert [each.id for each in errors] == ["500", "490", "480", "470", "460"]


def test_an_error_without_a_status_is_one():
    store = ListedExchanges([summary_of(1, status=None, error="unreachable")])
    assert len(list_recent(store, "ann", 5, None, ExchangeFilter(has_error=True))) == 1


def test_a_filter_without_matches_ends():
    store = store_of(MAX_READ + 500)
    assert list_recent(store, "ann", 5, None, ExchangeFilter("no such model")) == []
    assert len(store.reads) == MAX_READ // 100


def test_another_owner_has_other_exchanges():
    assert list_recent(store_of(5), "eve", 5, None, ExchangeFilter()) == []
