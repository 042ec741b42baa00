"""What a history is asked, and what it gives: Shelf, Hit, Share, Spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.core.types import Conversation, Outcome, Target, Timing, Usage


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
    """One request as it is counted; `id` is the request's own, so that nothing counts twice."""

    id: str
    conversation: str | None
    purpose: Literal["answer", "title", "summary"]
    target: Target
    usage: Usage
    timing: Timing
    outcome: Outcome
    request_id: str
    created: float
