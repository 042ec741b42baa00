"""What is said, and where: Part, Message, Node, Conversation, Params, Target, Usage, Person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeGuard

Wire = Literal["openai", "anthropic"]
WIRES: tuple[Wire, ...] = ("openai", "anthropic")

# Each format's own upper bound for `temperature`; both start at 0.
TEMPERATURE_MAX: dict[Wire, float] = {"openai": 2.0, "anthropic": 1.0}


def is_wire(name: str | None) -> TypeGuard[Wire]:
    """Whether this is the name of a wire, e.g. of one that came in a URL."""
    return name in WIRES


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
class Text:
    """Words said to the reader."""

    text: str


@dataclass(frozen=True)
class Thinking:
    """Words a model said to itself; `signature` proves to its maker that they are unchanged."""

    text: str
    signature: str = ""


Part = Text | Thinking


@dataclass(frozen=True)
class Message:
    """What one side said, without place or identity."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        """What a model said to itself, without the blank lines that some wires leave around it."""
        thoughts = (part.text.strip() for part in self.parts if isinstance(part, Thinking))
        return "\n\n".join(thought for thought in thoughts if thought)


@dataclass(frozen=True)
class Target:
    """A model reached over a wire."""

    model: str
    wire: Wire


@dataclass(frozen=True)
class Params:
    """What a person set for a conversation; None and "" mean untouched, and are not sent."""

    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens of one request; None where the gateway did not say.

    `input` counts everything sent, the cached and the cache-written tokens included.
    """

    input: int | None = None
    output: int | None = None
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None


def count(value: object) -> int | None:
    """A token counter as a wire gave it; None where it is missing or no count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def whole(text: str) -> str:
    """`text` with the halves of a letter that JSON escapes can leave: joined in pairs, replaced alone."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@dataclass(frozen=True)
class Failure:
    """Why an answer failed: `code` names the words shown, `detail` is the gateway's own text."""

    code: str
    detail: str = ""
    status: int | None = None
    request_id: str = ""
    retry: bool = False


@dataclass(frozen=True)
class Timing:
    """Seconds from sending to the first token (of thinking or text), to the first of text, to the end."""

    first: float | None = None
    spoke: float | None = None
    total: float | None = None


@dataclass(frozen=True)
class Node:
    """A message in its place in the conversation's tree; the later fields belong to answers."""

    id: str
    parent: str | None
    message: Message
    created: float
    outcome: Outcome = Outcome.COMPLETE
    reason: str = ""
    target: Target | None = None
    usage: Usage = Usage()
    timing: Timing = Timing()
    failure: Failure | None = None
    request_id: str = ""

    @property
    def arriving(self) -> bool:
        return self.outcome is Outcome.ARRIVING


@dataclass(frozen=True)
class Person:
    """Who is asking; `id` is what rows are owned by."""

    id: str


@dataclass(frozen=True)
class Conversation:
    """A conversation as it is listed; `head` is the newest node of the branch that is shown."""

    id: str
    title: str
    updated: float
    head: str | None = None
    target: Target | None = None
    params: Params = Params()
