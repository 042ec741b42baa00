"""Evidence of a check: what came back for one request, with its times."""

from __future__ import annotations

import bisect
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lib.core.conversation import Outcome, Timing, Usage
from lib.core.errors import AnswerError
from lib.core.events import Event, Restart, RetryScheduled, TextDelta, ThinkingDelta, UsageReport
from lib.core.exchanges import Exchange
from lib.core.reply import ChoiceReplies
from lib.core.sanitize import get_objects


@dataclass(frozen=True)
class Evidence:
    """The answer to a request of a check, or the error in place of it.

    `arrivals` are pairs of the seconds since the request and the number of characters that came at that moment.
    `choice_count` counts the alternatives with a text. `error_body` is the body of an error as it came, and
    `response_type` the media type of the response. `counted_tokens` is the gateway's own count of the prompt.
    """

    text: str = ""
    thinking: str = ""
    has_signature: bool = False
    choice_count: int = 0
    usage: Usage = Usage()
    has_usage: bool = False
    model: str = ""
    response_id: str = ""
    finish_reason: str = ""
    outcome: Outcome = Outcome.FAILED
    tool_names: tuple[str, ...] = ()
    arrivals: tuple[tuple[float, int], ...] = ()
    timing: Timing = Timing()
    error_code: str = ""
    error_status: int | None = None
    error_detail: str = ""
    error_body: str = ""
    response_type: str = ""
    has_logprobs: bool = False
    counted_tokens: int | None = None
    exchange_id: str = ""

    @property
    def is_refused(self) -> bool:
        """True for a request that the gateway called wrong, as it does for a feature that there is not."""
        return bool(self.error_code) and self.error_status in (400, 404, 405, 415, 422, 501)


@dataclass
class EvidenceCollector:
    """The fold of the events of one request into its evidence."""

    started_at: float = field(default_factory=time.monotonic)
    _replies: ChoiceReplies = field(default_factory=ChoiceReplies)
    _arrivals: list[tuple[float, int]] = field(default_factory=list)
    _has_usage: bool = False
    _error: AnswerError | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, RetryScheduled | Restart):
            # The times are those of the attempt that is answered.
            self.started_at, self._arrivals = time.monotonic(), []
            self._has_usage = False
        if isinstance(event, RetryScheduled):
            self.started_at += event.delay
            return
        if isinstance(event, TextDelta | ThinkingDelta) and event.text:
            self._arrivals.append((time.monotonic() - self.started_at, len(event.text)))
        if isinstance(event, UsageReport) and (event.usage.input or event.usage.output):
            self._has_usage = True
        self._replies.add(event)

    def fail(self, error: AnswerError) -> None:
        self._error = error

    def finish(self, timing: Timing, exchange: Exchange | None) -> Evidence:
        """Return the evidence; `exchange` is the recorded one, None where none was recorded."""
        reply = self._replies.by_choice[0]
        message, metadata = reply.message(), reply.provider_metadata
        found = Evidence(
            text=message.text,
            thinking=message.thinking,
            has_signature=any(getattr(part, "is_replayable", False) for part in message.parts),
            choice_count=sum(bool(each.message().text.strip()) for each in self._replies.by_choice.values()),
            usage=reply.usage,
            has_usage=self._has_usage,
            model=_text(metadata, "model"),
            response_id=_text(metadata, "id"),
            finish_reason=reply.finish.reason if reply.finish else "",
            outcome=Outcome.FAILED if self._error else reply.outcome(),
            tool_names=tuple(str(call.get("name", "")) for call in get_objects(metadata, "tool_calls")),
            arrivals=tuple(self._arrivals),
            timing=timing,
        )
        if self._error:
            found = replace(
                found,
                error_code=self._error.code,
                error_status=self._error.status,
                error_detail=self._error.detail,
            )
        return _with_exchange(found, exchange) if exchange else found


def _with_exchange(found: Evidence, exchange: Exchange) -> Evidence:
    """Add what only the bytes of the response tell."""
    last = exchange.attempts[-1]
    body = b"".join(chunk.data for chunk in last.chunks).decode(errors="replace")
    offsets = [chunk.offset for chunk in last.chunks]
    headers = {name.lower(): value for name, value in last.response_headers.items()}
    return replace(
        found,
        exchange_id=exchange.id,
        arrivals=tuple((_read_at(offsets, moment), length) for moment, length in found.arrivals),
        error_body=body if found.error_code else "",
        response_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        has_logprobs='"logprobs":{' in body.replace(" ", ""),
    )


def _read_at(offsets: Sequence[float], moment: float) -> float:
    """Return the time at which the bytes of an event were read: it takes a while until they are parsed."""
    index = bisect.bisect_right(offsets, moment)
    return offsets[index - 1] if index else moment


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, None for any other."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    return value if isinstance(value, str) else ""
