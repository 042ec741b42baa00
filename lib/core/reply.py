"""How an answer arrives: Event, and Reply, the fold of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib.core.conversation import Message, Node, Outcome, Part, TextPart, ThinkingPart, Usage
from lib.core.sanitize import replace_surrogates, sanitize_json

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
class RedactedThinking:
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
class ProviderMetadata:
    """What the gateway tells about the answer, by its own names: `id` and `model` above all.

    The first word on each name stands, for later ones are often empty, or the gateway's own.
    """

    data: Mapping[str, Any]
    choice: int | None = None  # None: of all alternatives


@dataclass(frozen=True, slots=True)
class Restart:
    """The answer begins anew: what came before is void."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life that adds nothing."""


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """The request failed before anything came, and is sent again after so many seconds.

    `attempt` of `most` is the one that will be made then; `code` is the failure's.
    """

    delay: float
    attempt: int
    max_attempts: int
    error_code: str


Event = (
    TextDelta
    | ThinkingDelta
    | SignatureDelta
    | RedactedThinking
    | UsageReport
    | Finish
    | ProviderMetadata
    | Restart
    | Heartbeat
    | RetryScheduled
)


@dataclass
class _Block:
    is_thinking: bool
    chunks: list[str] = field(default_factory=list)
    signature: str = ""
    redacted_data: str = ""

    def text(self) -> str:
        if len(self.chunks) > 1:
            self.chunks = ["".join(self.chunks)]
        return replace_surrogates(self.chunks[0]) if self.chunks else ""


class Reply:
    """The fold of an answer's events: valid after any prefix of them, and the only such sum.

    Blocks are keyed, for they may overlap on the wire, and joined in the order of their keys. `before`
    is the answer that these events go on with: its parts come first, and its usage is added.
    """

    def __init__(self, base: Node | None = None) -> None:
        self._blocks: dict[tuple[int, bool], _Block] = {}
        self._base_parts = base.message.parts if base else ()
        self._base_usage = base.usage if base else Usage()
        self._usage = Usage()
        self._base_metadata = dict(base.provider_metadata) if base else {}
        self._metadata: dict[str, Any] = {}
        self._raw_usage: dict[str, Any] = {}
        self.finish: Finish | None = None
        self.restart_count = 0

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:  # nearly all are
            known = self._blocks.get((event.block, True))
            (known or self._get_block(event.block, is_thinking=False)).chunks.append(event.text)
            return
        match event:
            case ThinkingDelta(text, block):
                self._get_block(block, is_thinking=True).chunks.append(text)
            case SignatureDelta(signature, block):
                self._get_block(block, is_thinking=True).signature += signature
            case RedactedThinking(data, block):
                self._get_block(block, is_thinking=True).redacted_data += data
            case UsageReport(usage, raw):
                self._usage = usage.with_fallback(self._usage)
                self._raw_usage |= sanitize_json(dict(raw))
            case Finish(outcome, reason):
                self.finish = Finish(outcome, replace_surrogates(reason))
            case ProviderMetadata(facts):
                news = {k: v for k, v in sanitize_json(dict(facts)).items() if v not in (None, "")}
                self._metadata = {**news, **self._metadata}
            case Restart():
                self._blocks, self._usage, self.finish = {}, Usage(), None
                self._metadata, self._raw_usage = {}, {}
                self.restart_count += 1

    def _get_block(self, index: int, *, is_thinking: bool) -> _Block:
        if len(self._blocks) >= MAX_BLOCKS and (index, not is_thinking) not in self._blocks:
            index = max(self._blocks)[0]  # a stranger's numbers: no answer has so many
        return self._blocks.setdefault((index, not is_thinking), _Block(is_thinking))

    @property
    def usage(self) -> Usage:
        return self._base_usage + self._usage

    @property
    def provider_metadata(self) -> dict[str, Any]:
        """The facts that the gateway told, its own usage object among them."""
        spent = {"usage": dict(self._raw_usage)} if self._raw_usage else {}
        return {**self._base_metadata, **self._metadata, **spent}

    def parts(self) -> tuple[Part, ...]:
        found: list[Part] = list(self._base_parts)
        for _, block in sorted(self._blocks.items()):
            text = block.text()
            if block.is_thinking and (text or block.signature or block.redacted_data):
                found.append(ThinkingPart(text, replace_surrogates(block.signature), block.redacted_data))
            elif not block.is_thinking and text:
                if self._base_parts and found and isinstance(found[-1], TextPart):
                    found[-1] = TextPart(found[-1].text + text)  # one seamless text
                else:
                    found.append(TextPart(text))
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

    def apply_to(self, node: Node) -> Node:
        """`node` with what has come so far; its outcome is left as it is."""
        return replace(
            node,
            message=self.message(),
            usage=self.usage,
            finish_reason=self.finish.reason if self.finish else "",
            provider_metadata=self.provider_metadata,
        )


MAX_BLOCKS = 1_000
MAX_CHOICES = 128  # the most that a request can ask for


class ChoiceReplies:
    """The alternatives of one request, each a Reply, by their number; there is always a first one.

    What is told of the request as a whole is told of all of them, but for its usage: that is the first
    one's, so that it is counted once.
    """

    def __init__(self, base: Node | None = None) -> None:
        self.by_choice: dict[int, Reply] = {0: Reply(base)}

    def add(self, event: Event) -> None:
        if type(event) is TextDelta:
            (self._get_reply(event.choice) if event.choice else self.by_choice[0]).add(event)
            return
        match event:
            case UsageReport():
                self.by_choice[0].add(event)
            case ProviderMetadata(_, None) | Restart():
                for reply in self.by_choice.values():
                    reply.add(event)
            case Heartbeat() | RetryScheduled():
                pass
            case _:
                self._get_reply(getattr(event, "choice", 0) or 0).add(event)

    def _get_reply(self, choice: int) -> Reply:
        if choice not in self.by_choice:
            if not 0 < choice < MAX_CHOICES:
                return self.by_choice[0]
            self.by_choice[choice] = other = Reply()
            other.add(
                ProviderMetadata(
                    {key: v for key, v in self.by_choice[0].provider_metadata.items() if key != "usage"}
                )
            )
        return self.by_choice[choice]
