"""What is said, and where: Part, Message, Node, Conversation, Target, Usage, Person."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

from lib.core.params import Params
from lib.core.target import Target


class Outcome(StrEnum):
    """How an answer ended; ARRIVING until it has."""

    ARRIVING = "arriving"
    COMPLETE = "complete"
    LENGTH = "length"
    STOPPED = "stopped"
    REFUSED = "refused"
    FILTERED = "filtered"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    EMPTY = "empty"


@dataclass(frozen=True)
class TextPart:
    """Words said to the reader."""

    text: str


@dataclass(frozen=True)
class ThinkingPart:
    """Words a model said to itself; `signature` proves to its maker that they are unchanged.

    Where the maker hides the words, `text` is empty and `sealed` is what it sends in their place.
    """

    text: str
    signature: str = ""
    redacted_data: str = ""

    @property
    def is_replayable(self) -> bool:
        """Whether its maker takes it back."""
        return bool(self.signature or self.redacted_data)


Part = TextPart | ThinkingPart


@dataclass(frozen=True)
class Message:
    """What one side said, without place or identity."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def thinking(self) -> str:
        """What a model said to itself, without the blank lines that some wires leave around it."""
        thoughts = (part.text.strip() for part in self.parts if isinstance(part, ThinkingPart))
        return "\n\n".join(thought for thought in thoughts if thought)


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; None where the gateway did not say.

    `input` counts everything sent, the cached and the cache-written tokens included.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def with_fallback(self, fallback: Usage) -> Usage:
        """These counters, and where there is none, the other's."""
        both = ((getattr(self, f.name), getattr(fallback, f.name)) for f in fields(Usage))
        return Usage(*(b if a is None else a for a, b in both))

    def __add__(self, other: Usage) -> Usage:
        """Both requests together; a counter that only one of them has is taken as it is."""
        both = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(Usage))
        return Usage(*(b if a is None else a if b is None else a + b for a, b in both))


def new_id() -> str:
    """An id that cannot be guessed, safe in a URL."""
    return secrets.token_urlsafe(12)


@dataclass(frozen=True)
class Failure:
    """Why an answer failed: `code` names the words shown, `detail` is the gateway's own text.

    `blamed` are the parameters that the gateway names as what it does not take, `wait` the seconds that it
    asks to wait.
    """

    code: str
    detail: str = ""
    status: int | None = None
    request_id: str = ""
    retryable: bool = False
    rejected_params: tuple[str, ...] = ()
    retry_after: float | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds from sending to the first token (of thinking or text), to the first of text, to the end."""

    first_token: float | None = None
    first_text: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Node:
    """A message in its place in the conversation's tree; the later fields belong to answers.

    `served` is what the gateway tells about the answer, under the names that its wire uses. `deleted` is when
    its turn was deleted, in seconds since 1970: it keeps its place until that cannot be undone any more.
    `request` is the ledger's id of the last request for it, "" where another answer's request brought it.
    """

    id: str
    parent_id: str | None
    message: Message
    created_at: float
    outcome: Outcome = Outcome.COMPLETE
    finish_reason: str = ""
    target: Target | None = None
    usage: Usage = Usage()
    timing: Timing = Timing()
    failure: Failure | None = None
    request_id: str = ""
    provider_metadata: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: float | None = None
    usage_record_id: str = ""

    @property
    def arriving(self) -> bool:
        return self.outcome is Outcome.ARRIVING


@dataclass(frozen=True)
class Truncation:
    """How much of a long path is sent: from the node `start` on, and `summary` in place of what is before.

    Where `start` is not on the path, all of it is sent.
    """

    start_id: str
    summary: str = ""


TitleSource = Literal["question", "model", "person"]


@dataclass(frozen=True)
class Conversation:
    """A conversation as it is listed; `head` is the newest node of the branch that is shown.

    `updated` and `created` are in seconds since 1970. `rev` grows with every change to its nodes or its
    head. `titled` says where the title is from. `unread` is set where an answer has ended since its owner
    last looked, `arriving` while one is coming.
    """

    id: str
    title: str
    updated_at: float
    head_id: str | None = None
    target: Target | None = None
    params: Params = Params()
    created_at: float = 0.0
    revision: int = 0
    title_source: TitleSource = "question"
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    unread: bool = False
    arriving: bool = False
    truncation: Truncation | None = None
