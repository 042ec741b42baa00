"""What a history is asked, and what it gives: Shelf, Hit, Share, Spend, Spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from lib.core.conversation import Conversation, Outcome, Timing, Usage
from lib.core.pricing import Price, Source
from lib.core.target import Target

Purpose = Literal["answer", "title", "summary"]


@dataclass(frozen=True)
class Shelf:
    """Where conversations stand; each stands in one place only.

    What is archived is on that shelf alone; else what is pinned; else what is in the named `folder`;
    everything else is "open".
    """

    kind: Literal["open", "pinned", "folder", "archived"] = "open"
    folder: str = ""


@dataclass(frozen=True)
class Hit:
    """A message that was searched for and found; `created` is when it was said, in seconds since 1970."""

    conversation: Conversation
    node: str
    role: Literal["user", "assistant"]
    created: float
    text: str


@dataclass(frozen=True)
class Share:
    """A link to a snapshot of a conversation; `id` names it to its owner, and does not open it."""

    id: str
    conversation: str
    title: str
    created: float


@dataclass(frozen=True)
class Spend:
    """One request as it is counted; `id` is the request's own, so that nothing counts twice.

    `conversation` and `node`, the answer that it was for, are None where nothing of either is kept, `node`
    also where it was for no answer. `created` is when it was sent, in seconds since 1970. `cost` is in
    nano-dollars, by the `price` that is from `source`; None is unknown.
    """

    id: str
    conversation: str | None
    purpose: Purpose
    target: Target
    usage: Usage
    timing: Timing
    outcome: Outcome
    request_id: str
    created: float
    node: str | None = None
    price: Price | None = None
    source: Source | None = None
    cost: int | None = None


@dataclass(frozen=True)
class Spent:
    """Requests summed up: how many, how many of them failed or were cut, their tokens, and their cost.

    `cost` is in nano-dollars. What it leaves out are `unknown` requests, whose cost is not known; one that
    failed before anything came is not among these.
    """

    requests: int = 0
    failed: int = 0
    unknown: int = 0
    cost: int = 0
    usage: Usage = Usage()

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.cost + other.cost,
            self.usage + other.usage,
        )


def silent(spend: Spend) -> bool:
    """Whether a request failed before anything came."""
    told = (spend.usage.input, spend.usage.output, spend.timing.first)
    return spend.outcome is Outcome.FAILED and all(one is None for one in told)


def spent(spend: Spend) -> Spent:
    """One request, as a sum."""
    unknown = spend.cost is None and not silent(spend)
    failed = spend.outcome in (Outcome.FAILED, Outcome.INTERRUPTED)
    return Spent(1, int(failed), int(unknown), spend.cost or 0, spend.usage)


@dataclass(frozen=True)
class Span:
    """Days that follow each other, each of so many `seconds`; `begin` is the first's, since 1970."""

    first: date
    begin: float
    days: int = 1
    seconds: int = 86_400

    @property
    def end(self) -> float:
        return self.begin + self.days * self.seconds


@dataclass(frozen=True)
class Line:
    """What the requests of one day to one target took."""

    day: date
    target: Target
    spent: Spent
