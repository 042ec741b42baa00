"""What was used in a range of days: by day, by model, by wire, and as a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Protocol, TypeVar

from lib.chat.usage import csv_export
from lib.core.pricing import NANO
from lib.core.target import Target
from lib.core.usage import Line, Span, Spent

DAYS_MOST = 3_660  # days of one range
FIRSTS_MOST = 20_000  # requests, the newest, that the times to the first token are taken from
_COLUMNS = (
    *("day", "model", "wire", "requests", "failed", "unknown_cost"),
    *("input", "cached", "written", "output", "reasoning", "cost_usd"),
)
Key = TypeVar("Key")


class Book(Protocol):
    """Where requests are counted; each method may raise StoreError."""

    def lines(self, owner: str, spans: Sequence[Span]) -> list[Line]: ...
    def firsts(self, owner: str, begin: float, end: float, limit: int) -> list[tuple[Target, float]]: ...


class Library(Protocol):
    """Where everybody's requests are counted; each method may raise StoreError."""

    def lines_of_all(self, spans: Sequence[Span]) -> list[Line]: ...
    def firsts_of_all(self, begin: float, end: float, limit: int) -> list[tuple[Target, float]]: ...


@dataclass(frozen=True)
class Wait:
    """Seconds to the first token: of half the requests at most `half`, of 95 in 100 at most `most`."""

    half: float
    most: float


@dataclass(frozen=True)
class Report:
    """What requests of some days took; `waits` are by target, None for all of them."""

    lines: tuple[Line, ...]
    waits: Mapping[Target | None, Wait]

    @property
    def total(self) -> Spent:
        return sum((line.spent for line in self.lines), Spent())

    def by_day(self) -> dict[date, Spent]:
        return _by(self.lines, lambda line: line.day)

    def by_target(self) -> dict[Target, Spent]:
        """The dearest first, and of those that cost the same the busiest."""
        found = _by(self.lines, lambda line: line.target)
        return dict(sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].requests)))

    def by_wire(self) -> dict[str, Spent]:
        return _by(self.lines, lambda line: str(line.target.wire))


def report(book: Book, owner: str, first: date, last: date, zone: tzinfo) -> Report:
    """What an owner's requests took from one day to another, both included. Raises StoreError."""
    days = spans(first, last, zone)
    return _report(book.lines(owner, days), book.firsts(owner, days[0].begin, days[-1].end, FIRSTS_MOST))


def report_of_all(library: Library, first: date, last: date, zone: tzinfo) -> Report:
    """The same of everybody's requests, for admins. Raises StoreError."""
    days = spans(first, last, zone)
    waits = library.firsts_of_all(days[0].begin, days[-1].end, FIRSTS_MOST)
    return _report(library.lines_of_all(days), waits)


def _report(lines: Sequence[Line], found: Sequence[tuple[Target, float]]) -> Report:
    seconds: dict[Target | None, list[float]] = {None: [wait for _, wait in found]} if found else {}
    for target, wait in found:
        seconds.setdefault(target, []).append(wait)
    return Report(tuple(lines), {target: _wait(waits) for target, waits in seconds.items()})


def spans(first: date, last: date, zone: tzinfo) -> list[Span]:
    """The days in that zone, those of one length together: where clocks change, a day has 23 or 25 hours.

    There is always one day at least, and never more than DAYS_MOST, the latest.
    """
    first = max(first, last - timedelta(days=DAYS_MOST - 1))
    found: list[Span] = []
    for number in range(max(1, (last - first).days + 1)):
        day = first + timedelta(days=number)
        begin = _midnight(day, zone)
        seconds = int(_midnight(day + timedelta(days=1), zone) - begin)
        if found and found[-1].seconds == seconds:
            found[-1] = Span(found[-1].first, found[-1].begin, found[-1].days + 1, seconds)
        else:
            found.append(Span(day, begin, 1, seconds))
    return found


def table(lines: Iterable[Line]) -> str:
    """The lines as CSV with a head; costs in dollars to the last digit, empty cells for what is unknown."""
    return csv_export.table(_COLUMNS, map(_row, lines))


def table_of_each(pairs: Iterable[tuple[str, Line]], names: Mapping[str, str]) -> str:
    """The same with whose each line is: the person's name by `names`, where there is one, and their id."""
    columns = ("person", "person_id", *_COLUMNS)
    rows = (
        (csv_export.safe(names.get(owner, "")), csv_export.safe(owner), *_row(line)) for owner, line in pairs
    )
    return csv_export.table(columns, rows)


def _row(line: Line) -> tuple[object, ...]:
    spent, usage = line.spent, line.spent.usage
    told = (usage.input, usage.cached, usage.written, usage.output, usage.reasoning)
    counts = (spent.requests, spent.failed, spent.unknown)
    model = csv_export.safe(line.target.model)
    return (line.day.isoformat(), model, line.target.wire, *counts, *told, _cost(spent))


def _cost(spent: Spent) -> str:
    return "" if spent.unknown and not spent.cost else f"{Decimal(spent.cost) / NANO:f}"


def _by(lines: Iterable[Line], key: Callable[[Line], Key]) -> dict[Key, Spent]:
    found: dict[Key, Spent] = {}
    for line in lines:
        found[key(line)] = found.get(key(line), Spent()) + line.spent
    return found


def _wait(seconds: Sequence[float]) -> Wait:
    ranked = sorted(seconds)
    half, most = (ranked[math.ceil(share * len(ranked)) - 1] for share in (0.5, 0.95))
    return Wait(half, most)


def _midnight(day: date, zone: tzinfo) -> float:
    return datetime.combine(day, time(), zone).timestamp()
