"""What is said and how it arrives: Part, Message, Node, Params, Target, Usage, Event, Reply."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    """Seconds from sending to the first token (of thinking or text) and to the end."""

    first: float | None = None
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


@dataclass(frozen=True)
class Conversation:
    """A conversation as it is listed; `head` is the newest node of the branch that is shown."""

    id: str
    title: str
    updated: float
    head: str | None = None
    target: Target | None = None
    params: Params = Params()


# The events: a small closed set, all that a wire can tell of an answer while it comes.


@dataclass(frozen=True)
class TextDelta:
    text: str
    block: int = 0


@dataclass(frozen=True)
class ThinkingDelta:
    text: str
    block: int = 0


@dataclass(frozen=True)
class SignatureDelta:
    signature: str
    block: int = 0


@dataclass(frozen=True)
class UsageReport:
    """The request's usage as known so far: it replaces earlier reports."""

    usage: Usage


@dataclass(frozen=True)
class Finish:
    """The model's last word: how the answer ended, and the wire's own name for it."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Served:
    """What the gateway calls this answer, and the model that really gave it."""

    id: str
    model: str


@dataclass(frozen=True)
class Restart:
    """The gateway began the answer anew: what came before is void."""


Event = TextDelta | ThinkingDelta | SignatureDelta | UsageReport | Finish | Served | Restart


@dataclass
class _Block:
    thinking: bool
    pieces: list[str] = field(default_factory=list)
    signature: str = ""

    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""


class Reply:
    """The fold of an answer's events: valid after any prefix of them, and the only such sum.

    Blocks are keyed, for they may overlap on the wire, and joined in the order of their keys.
    """

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, bool], _Block] = {}
        self.usage = Usage()
        self.finish: Finish | None = None
        self.served: Served | None = None
        self.restarts = 0

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text, block):
                self._block(block, thinking=False).pieces.append(text)
            case ThinkingDelta(text, block):
                self._block(block, thinking=True).pieces.append(text)
            case SignatureDelta(signature, block):
                self._block(block, thinking=True).signature += signature
            case UsageReport(usage):
                self.usage = usage
            case Finish():
                self.finish = event
            case Served():
                self.served = event
            case Restart():
                self._blocks, self.usage, self.finish = {}, Usage(), None
                self.restarts += 1

    def _block(self, key: int, *, thinking: bool) -> _Block:
        return self._blocks.setdefault((key, not thinking), _Block(thinking))

    def parts(self) -> tuple[Part, ...]:
        found: list[Part] = []
        for _, block in sorted(self._blocks.items()):
            text = block.text()
            if block.thinking and (text or block.signature):
                found.append(Thinking(text, block.signature))
            elif not block.thinking and text:
                found.append(Text(text))
        return tuple(found)

    def message(self) -> Message:
        return Message("assistant", self.parts())

    def outcome(self) -> Outcome:
        """How the answer ended if nothing more comes: INTERRUPTED without a last word."""
        if self.finish is None:
            return Outcome.INTERRUPTED
        said = self.message().text.strip()
        if self.finish.outcome is Outcome.COMPLETE and not said:
            return Outcome.EMPTY
        return self.finish.outcome

    def node(self, node: Node) -> Node:
        """`node` with what has come so far; its outcome is left as it is."""
        return replace(
            node,
            message=self.message(),
            usage=self.usage,
            reason=self.finish.reason if self.finish else "",
        )
