"""What a history is asked, and what it gives: Shelf, Hit, Share, Spend, Spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lib.core.conversation import Conversation, Outcome, Timing, Usage
from lib.core.pricing import Price, PriceSource
from lib.core.target import Target

Purpose = Literal["answer", "title", "summary"]


@dataclass(frozen=True)
class ConversationFilter:
    """Where conversations stand; each stands in one place only.

    What is archived is on that shelf alone; else what is pinned; else what is in the named `folder`;
    everything else is "open".
    """

    kind: Literal["open", "pinned", "folder", "archived"] = "open"
    folder: str = ""


@dataclass(frozen=True)
class SearchResult:
    """A message that was searched for and found; `created` is when it was said, in seconds since 1970."""

    conversation: Conversation
    node_id: str
    role: Literal["user", "assistant"]
    created_at: float
    text: str


@dataclass(frozen=True)
class ShareLink:
    """A link to a snapshot of a conversation; `id` names it to its owner, and does not open it."""

    id: str
    conversation_id: str
    title: str
    created_at: float


@dataclass(frozen=True)
class UsageRecord:
    """One request as it is counted; `id` is the request's own, so that nothing counts twice.

    `conversation` and `node`, the answer that it was for, are None where nothing of either is kept, `node`
    also where it was for no answer. `created` is when it was sent, in seconds since 1970. `cost` is in
    nano-dollars, by the `price` that is from `source`; None is unknown.
    """

    id: str
    conversation_id: str | None
    purpose: Purpose
    target: Target
    usage: Usage
    timing: Timing
    outcome: Outcome
    request_id: str
    created_at: float
    node_id: str | None = None
    price: Price | None = None
    price_source: PriceSource | None = None
    cost: int | None = None


@dataclass(frozen=True)
class UsageTotal:
    """Requests summed up: how many, how many of them failed or were cut, their tokens, and their cost.

    `cost` is in nano-dollars. What it leaves out are `unknown` requests, whose cost is not known; one that
    failed before anything came is not among these.
    """

    request_count: int = 0
    failed_count: int = 0
    unpriced_count: int = 0
    cost: int = 0
    usage: Usage = Usage()

    def __add__(self, other: UsageTotal) -> UsageTotal:
        return UsageTotal(
            self.request_count + other.request_count,
            self.failed_count + other.failed_count,
            self.unpriced_count + other.unpriced_count,
            self.cost + other.cost,
            self.usage + other.usage,
        )


def failed_before_output(record: UsageRecord) -> bool:
    """Whether a request failed before anything came."""
    told = (record.usage.input, record.usage.output, record.timing.first_token)
    return record.outcome is Outcome.FAILED and all(one is None for one in told)


def to_usage_total(record: UsageRecord) -> UsageTotal:
    """One request, as a sum."""
    unknown = record.cost is None and not failed_before_output(record)
    failed = record.outcome in (Outcome.FAILED, Outcome.INTERRUPTED)
    return UsageTotal(1, int(failed), int(unknown), record.cost or 0, record.usage)


@dataclass(frozen=True)
class DayRange:
    """Days that follow each other, each of so many `seconds`; `begin` is the first's, since 1970."""

    first_day: date
    start: float
    day_count: int = 1
    day_seconds: int = 86_400

    @property
    def end(self) -> float:
        return self.start + self.day_count * self.day_seconds


@dataclass(frozen=True)
class DailyUsage:
    """What the requests of one day to one target took."""

    day: date
    target: Target
    total: UsageTotal
