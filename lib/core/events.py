"""Events of a streamed answer: the closed set that both wires produce and `Reply` folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lib.core.conversation import ImagePart, OtherPart, Outcome, SourcePart, Usage

# `choice` is the index of the alternative that an event belongs to, `block` that of the content block in it.


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
    """Encrypted thinking, in the form that the vendor accepts back."""

    data: str
    block: int = 0


@dataclass(frozen=True, slots=True)
class ContentPart:
    """Content that is no text, in its place among the blocks; a later one of the same block replaces it."""

    part: ImagePart | OtherPart
    block: int = 0
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of the answer. `number` is its place in a list that marks in the text refer to, 0 without one.

    `block` is that of the text that cites it at its end, None if unknown.
    """

    source: SourcePart
    number: int = 0
    choice: int = 0
    block: int | None = None


@dataclass(frozen=True, slots=True)
class TextWasThinking:
    """All text so far, up to and including this block, turns out to be thinking."""

    block: int = 0
    choice: int = 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Usage of the request so far; counters left out keep their value. `raw` is the gateway's own object."""

    usage: Usage
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """End of the answer: its outcome, and the finish reason as the wire names it.

    It is tentative where text may follow, because some gateways send a finish reason with every chunk.
    """

    outcome: Outcome
    reason: str
    choice: int = 0
    is_tentative: bool = False


@dataclass(frozen=True, slots=True)
class FinishRevoked:
    """The finish reason of the choice was a false one: the stream broke while text was still coming."""

    choice: int = 0


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """Facts about the answer under the gateway's own names, `id` and `model` above all.

    The first value of each name stays: later ones are often empty, or the gateway's own.
    """

    data: Mapping[str, Any]
    choice: int | None = None  # None for all alternatives


@dataclass(frozen=True, slots=True)
class Restart:
    """Start of another attempt: earlier content is discarded."""


@dataclass(frozen=True, slots=True)
class TurnContinued:
    """Start of another request for the rest of the answer: what came so far stays, and its usage is added."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of activity without content; `is_thinking` where the model has begun to think without a text."""

    is_thinking: bool = False


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """Announcement of a retry in `delay` seconds, after a failure before any content.

    `attempt` counts the attempt that follows, out of `max_attempts`; `error_code` is that of the failure.
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
    | ContentPart
    | Citation
    | TextWasThinking
    | UsageReport
    | Finish
    | FinishRevoked
    | ProviderMetadata
    | Restart
    | TurnContinued
    | Heartbeat
    | RetryScheduled
)
