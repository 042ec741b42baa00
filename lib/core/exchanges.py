"""Recorded exchanges: the requests of an answer and the bytes of their responses, with times, and without the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lib.core.params import ParamAdjustment
from lib.core.target import Target

KEY_PLACEHOLDER = "$API_KEY"  # in place of the key in recorded requests
# In place of the value of a header that the operator has set, and that may be a credential.
HIDDEN_HEADER = "$HIDDEN"

# "answer": of a chat, also in a comparison. "probe": of a check of the gateway. "replay": played
# again from a record, and not sent.
Purpose = Literal["answer", "probe", "replay"]
# Reason of an attempt: the first one, again after a failure, again with a change that a refusal demanded, or the
# continuation of a turn that the vendor had paused.
Reason = Literal["first", "retry", "repair", "continuation"]


@dataclass(frozen=True)
class Chunk:
    """Bytes of a response body as they were read, `offset` seconds after the start of their attempt."""

    offset: float
    data: bytes


@dataclass(frozen=True)
class SentFile:
    """A file of a request. `mark` stands for `prefix` and the base64 of the file in the recorded body."""

    mark: str
    digest: str
    media_type: str
    size: int
    prefix: str = ""


@dataclass(frozen=True)
class Attempt:
    """One request and its response. Offsets are seconds since `started_at`, which is seconds since 1970.

    `body` is the JSON text as it was sent, of a form its fields as JSON, with a mark for each of `files`; "" with
    `omits_body`, because it is longer than the size limit. The key in headers and body is KEY_PLACEHOLDER. `connected`
    is the offset at which a connection was ready, also a pooled one, `responded` that of the last response header; None
    for what did not happen. `error` is the code of the AnswerError that ended it. `omitted_bytes` of the response were
    not recorded: because of the size limit those before the chunk with the index `omitted_before`, which may be behind
    the last one, or with `withholds_key` all of them, because the gateway had sent the key.
    """

    started_at: float
    method: str
    url: str
    headers: Mapping[str, str]
    body: str = ""
    is_form: bool = False
    files: tuple[SentFile, ...] = ()
    reason: Reason = "first"
    connected: float | None = None
    responded: float | None = None
    ended: float | None = None
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[Chunk, ...] = ()
    error: str = ""
    omits_body: bool = False
    omitted_bytes: int = 0
    omitted_before: int | None = None
    withholds_key: bool = False

    @property
    def first_byte(self) -> float | None:
        """Offset of the first byte of the body."""
        return self.chunks[0].offset if self.chunks else None

    @property
    def response_bytes(self) -> int:
        """Length of the body, with what was not recorded."""
        return sum(len(chunk.data) for chunk in self.chunks) + self.omitted_bytes


@dataclass(frozen=True)
class Exchange:
    """The attempts of one request for an answer, in their order.

    `adjustments` are the parameters that were dropped or mapped for the target. `conversation_id` and `node_id` are ""
    for an exchange without an answer in the history.
    """

    id: str
    target: Target
    attempts: tuple[Attempt, ...]
    purpose: Purpose = "answer"
    conversation_id: str = ""
    node_id: str = ""
    adjustments: tuple[ParamAdjustment, ...] = ()

    @property
    def started_at(self) -> float:
        """Seconds since 1970."""
        return self.attempts[0].started_at if self.attempts else 0.0


@dataclass(frozen=True)
class ExchangeSummary:
    """An exchange as a list shows it. `status` and `error` are those of the last attempt; times are seconds."""

    id: str
    target: Target
    started_at: float
    status: int | None
    error: str
    duration: float | None
    first_byte: float | None
    response_bytes: int
    attempt_count: int
    purpose: Purpose = "answer"
    conversation_id: str = ""
    node_id: str = ""


def summarize(exchange: Exchange) -> ExchangeSummary:
    """Return the summary of an exchange. `first_byte` and `duration` are since the start of its first attempt."""
    last = exchange.attempts[-1]
    offset = last.started_at - exchange.started_at
    return ExchangeSummary(
        id=exchange.id,
        target=exchange.target,
        started_at=exchange.started_at,
        status=last.status,
        error=last.error,
        duration=None if last.ended is None else offset + last.ended,
        first_byte=None if last.first_byte is None else offset + last.first_byte,
        response_bytes=sum(attempt.response_bytes for attempt in exchange.attempts),
        attempt_count=len(exchange.attempts),
        purpose=exchange.purpose,
        conversation_id=exchange.conversation_id,
        node_id=exchange.node_id,
    )
