"""How an answer arrives: Event, and Reply, the fold of events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lib.core.types import Message, Node, Outcome, Part, Text, Thinking, Usage, whole

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
        return whole(self.pieces[0]) if self.pieces else ""


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
            case Finish(outcome, reason):
                self.finish = Finish(outcome, whole(reason))
            case Served(id_, model):
                self.served = Served(whole(id_), whole(model))
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
                found.append(Thinking(text, whole(block.signature)))
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
