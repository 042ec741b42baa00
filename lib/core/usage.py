"""Usage records and their totals; values of the conversation list and share links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.pricing import Price, PriceSource
from lib.core.target import Target

Purpose = Literal["answer", "title", "summary", "speech", "transcription", "check"]
Audience = Literal["team", "public"]  # of a share link: users who are signed in, or everybody


@dataclass(frozen=True)
class ConversationFilter:
    """A section of the conversation list; each conversation is in exactly one.

    Archived ones are in "archived" only, then pinned ones in "pinned", then those of a `folder` in it; the
    rest is "open".
    """

    kind: Literal["open", "pinned", "folder", "archived"] = "open"
    folder: str = ""


@dataclass(frozen=True)
class ShareLink:
    """A link to a snapshot of a conversation; `id` identifies it to its owner, and does not open it."""

    id: str
    conversation_id: str
    title: str
    created_at: float
    audience: Audience = "team"


@dataclass(frozen=True)
class UsageRecord:
    """Usage and cost of one request; unique by `id`, so that inserts are idempotent.

    The ids of conversation and answer are None without a stored reference or without an answer.
    `cost` is in nano-dollars by the price from its source; None is unknown. With `uses_personal_key` it was sent with
    a key of the user's.
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
    uses_personal_key: bool = False


@dataclass(frozen=True)
class UsageTotal:
    """Sum of requests: counts, tokens, and `cost` in nano-dollars.

    `cost` leaves out the `unpriced_count` requests of unknown cost; a failure before any output is not among
    them.
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
    """Return True for a request that failed before any output."""
    outputs = (record.usage.input, record.usage.output, record.timing.first_token)
    return record.outcome is Outcome.FAILED and all(value is None for value in outputs)


def to_usage_total(record: UsageRecord) -> UsageTotal:
    """Return one request as a total."""
    is_unpriced = record.cost is None and not failed_before_output(record)
    is_failed = record.outcome in (Outcome.FAILED, Outcome.INTERRUPTED)
    return UsageTotal(1, int(is_failed), int(is_unpriced), record.cost or 0, record.usage)


@dataclass(frozen=True)
class DayRange:
    """Consecutive days of equal length; `start` is that of the first, in seconds since 1970."""

    first_day: date
    start: float
    day_count: int = 1
    day_seconds: int = 86_400

    @property
    def end(self) -> float:
        return self.start + self.day_count * self.day_seconds


@dataclass(frozen=True)
class DailyUsage:
    """Usage of one day and one target."""

    day: date
    target: Target
    total: UsageTotal


@dataclass(frozen=True)
class FeedbackCount:
    """The number of answers of a model that users rated good and bad."""

    model: str
    good: int
    bad: int
