"""How an answer arrives: Event, and Reply, the fold of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib.core.conversation import Message, Node, Outcome, Part, Text, Thinking, Usage
from lib.core.sanitize import cleaned, whole

# The events: a small closed set, all that a wire can tell of an answer while it comes. `choice` is
# the alternative that an event belongs to, `block` the content block inside it.


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str
    block: int = 0
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    text: str
    block: int = 0
    choice: int = 0


@dataclass(frozen=True, slots=True)
class SignatureDelta:
    signature: str
    block: int = 0
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """Thinking that the maker keeps to itself, in the form in which it wants it back."""

    data: str
    block: int = 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The request's usage as known so far; what it leaves out still holds. `raw` is the gateway's own."""

    usage: Usage
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """The model's last word: how the answer ended, and the wire's own name for it."""

    outcome: Outcome
    reason: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """What the gateway tells about the answer, by its own names: `id` and `model` above all.

    The first word on each name stands, for later ones are often empty, or the gateway's own.
    """

    facts: Mapping[str, Any]
    choice: int | None = None  # None: of all alternatives


@dataclass(frozen=True, slots=True)
class Restart:
    """The answer begins anew: what came before is void."""


@dataclass(frozen=True, slots=True)
class Alive:
    """A sign of life that adds nothing."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request failed before anything came, and is sent again after so many seconds.

    `attempt` of `most` is the one that will be made then; `code` is the failure's.
    """

    seconds: float
    attempt: int
    most: int
    code: str


Event = (
    TextDelta
    | ThinkingDelta
    | SignatureDelta
    | Sealed
    | UsageReport
    | Finish
    | Served
    | Restart
    | Alive
    | Waiting
)


@dataclass
class _Block:
    thinking: bool
    pieces: list[str] = field(default_factory=list)
    signature: str = ""
    sealed: str = ""

    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return whole(self.pieces[0]) if self.pieces else ""


class Reply:
    """The fold of an answer's events: valid after any prefix of them, and the only such sum.

    Blocks are keyed, for they may overlap on the wire, and joined in the order of their keys. `before`
    is the answer that these events go on with: its parts come first, and its usage is added.
    """

    def __init__(self, before: Node | None = None) -> None:
        self._blocks: dict[tuple[int, bool], _Block] = {}
        self._before = before.message.parts if before else ()
        self._spent = before.usage if before else Usage()
        self._usage = Usage()
        self._told = dict(before.served) if before else {}
        self._facts: dict[str, Any] = {}
        self._raw_usage: dict[str, Any] = {}
        self.finish: Finish | None = None
        self.restarts = 0

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:  # nearly all are
            known = self._blocks.get((event.block, True))
            (known or self._block(event.block, thinking=False)).pieces.append(event.text)
            return
        match event:
            case ThinkingDelta(text, block):
                self._block(block, thinking=True).pieces.append(text)
            case SignatureDelta(signature, block):
                self._block(block, thinking=True).signature += signature
            case Sealed(data, block):
                self._block(block, thinking=True).sealed += data
            case UsageReport(usage, raw):
                self._usage = usage.or_else(self._usage)
                self._raw_usage |= cleaned(dict(raw))
            case Finish(outcome, reason):
                self.finish = Finish(outcome, whole(reason))
            case Served(facts):
                news = {k: v for k, v in cleaned(dict(facts)).items() if v not in (None, "")}
                self._facts = {**news, **self._facts}
            case Restart():
                self._blocks, self._usage, self.finish = {}, Usage(), None
                self._facts, self._raw_usage = {}, {}
                self.restarts += 1

    def _block(self, key: int, *, thinking: bool) -> _Block:
        if len(self._blocks) >= MOST_BLOCKS and (key, not thinking) not in self._blocks:
            key = max(self._blocks)[0]  # a stranger's numbers: no answer has so many
        return self._blocks.setdefault((key, not thinking), _Block(thinking))

    @property
    def usage(self) -> Usage:
        return self._spent + self._usage

    @property
    def served(self) -> dict[str, Any]:
        """The facts that the gateway told, its own usage object among them."""
        spent = {"usage": dict(self._raw_usage)} if self._raw_usage else {}
        return {**self._told, **self._facts, **spent}

    def parts(self) -> tuple[Part, ...]:
        found: list[Part] = list(self._before)
        for _, block in sorted(self._blocks.items()):
            text = block.text()
            if block.thinking and (text or block.signature or block.sealed):
                found.append(Thinking(text, whole(block.signature), block.sealed))
            elif not block.thinking and text:
                if self._before and found and isinstance(found[-1], Text):
                    found[-1] = Text(found[-1].text + text)  # one seamless text
                else:
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
        if self.finish.outcome is Outcome.EMPTY and said:
            return Outcome.INTERRUPTED  # nothing was added to what was there
        return self.finish.outcome

    def node(self, node: Node) -> Node:
        """`node` with what has come so far; its outcome is left as it is."""
        return replace(
            node,
            message=self.message(),
            usage=self.usage,
            reason=self.finish.reason if self.finish else "",
            served=self.served,
        )


MOST_BLOCKS = 1_000
MOST_CHOICES = 128  # the most that a request can ask for


class Replies:
    """The alternatives of one request, each a Reply, by their number; there is always a first one.

    What is told of the request as a whole is told of all of them, but for its usage: that is the first
    one's, so that it is counted once.
    """

    def __init__(self, before: Node | None = None) -> None:
        self.each: dict[int, Reply] = {0: Reply(before)}

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:
            (self._of(event.choice) if event.choice else self.each[0]).add(event)
            return
        match event:
            case UsageReport():
                self.each[0].add(event)
            case Served(_, None) | Restart():
                for reply in self.each.values():
                    reply.add(event)
            case Alive() | Waiting():
                pass
            case _:
                self._of(getattr(event, "choice", 0) or 0).add(event)

    def _of(self, choice: int) -> Reply:
        if choice not in self.each:
            if not 0 < choice < MOST_CHOICES:
                return self.each[0]
            self.each[choice] = other = Reply()
            other.add(Served({key: v for key, v in self.each[0].served.items() if key != "usage"}))
        return self.each[choice]
