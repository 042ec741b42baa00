"""Usage records of the requests behind one answer, retries included."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lib.chat.usage import cost
from lib.chat.usage.cost import ImageUsage
from lib.core.conversation import ImagePart, Outcome, Timing, Usage
from lib.core.events import (
    ContentPart,
    Event,
    Finish,
    FinishRevoked,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    TurnContinued,
    UsageReport,
)
from lib.core.pricing import ModelPrice
from lib.core.sanitize import get_object, parse_token_count, sanitize_json
from lib.core.target import Target
from lib.core.usage import Purpose, UsageRecord

PriceLookup = Callable[[str], ModelPrice | None]


def unknown_price(_: str) -> ModelPrice | None:
    """Price lookup that knows no model."""
    return None


@dataclass(frozen=True)
class RequestInfo:
    """A request before it is sent; the records of its retries append a number to `id`."""

    id: str
    conversation_id: str | None
    purpose: Purpose
    target: Target
    node_id: str | None = None
    uses_personal_key: bool = False


@dataclass(frozen=True)
class RequestOutcome:
    """A finished request for metrics and log: the records of its attempts, and the last error, "" for none."""

    owner: str
    usage_records: Sequence[UsageRecord]
    error_code: str = ""
    status: int | None = None


def image_input_tokens(raw: Mapping[str, Any]) -> int:
    """Return the tokens of images in the input that a gateway's usage object names, 0 without any."""
    return parse_token_count(get_object(raw, "input_tokens_details").get("image_tokens")) or 0


class FirstOutputTimer:
    """Times to the first token and to the first text, from now plus `delay` seconds.

    The times of a `previous` part of the same answer are kept, and its total is added.
    """

    def __init__(self, delay: float = 0.0, previous: Timing = Timing()) -> None:  # noqa: B008  frozen
        self.started_at = time.monotonic() + delay
        self._previous_total = previous.total or 0.0
        self.timing = replace(previous, total=None)

    def add_event(self, event: Event) -> None:
        if type(event) is TextWasThinking:
            self.timing = replace(self.timing, first_text=None)
        is_text = isinstance(event, TextDelta | ContentPart)
        if self.timing.first_text is None and (is_text or type(event) is ThinkingDelta):
            now = time.monotonic() - self.started_at
            first = now if self.timing.first_token is None else self.timing.first_token
            self.timing = Timing(first, now if is_text else None)

    def finish(self) -> Timing:
        """Return the times with the total until now."""
        elapsed = max(0.0, time.monotonic() - self.started_at)
        return replace(self.timing, total=elapsed + self._previous_total)


class UsageRecorder:
    """Build a usage record for each request of an answer from its events; not thread-safe."""

    def __init__(self, request: RequestInfo, price_lookup: PriceLookup) -> None:
        self._request = request
        self._price_lookup = price_lookup
        self._records: list[UsageRecord] = []
        self._start_request(0.0)

    def _start_request(self, delay: float) -> None:
        self._sent_at, self._timer = time.time() + delay, FirstOutputTimer(delay)
        self._usage = self._discarded_usage = Usage()
        self._request_id = ""
        self._image_blocks: set[tuple[int, int]] = set()
        self._image_input_tokens = 0
        self._has_finish_event, self._has_estimated_output = False, False

    def add_event(self, event: Event) -> None:
        self._timer.add_event(event)
        if type(event) is TextDelta:  # the fast path: nearly all events are
            return
        match event:
            case UsageReport(usage, raw):
                self._usage = usage.with_fallback(self._usage)
                self._image_input_tokens = image_input_tokens(raw) or self._image_input_tokens
            case ContentPart(ImagePart(), block, choice):
                self._image_blocks.add((choice, block))
            case ProviderMetadata(data, choice) if not choice:
                ids = sanitize_json({name: data.get(name) for name in ("request_id", "id")})
                self._request_id = self._request_id or str(ids["request_id"] or ids["id"] or "")
            case Finish():
                self._has_finish_event = True
            case FinishRevoked():
                self._has_finish_event = False
            case Restart():
                self._has_estimated_output |= self._is_output_estimated()
                self._discarded_usage += self._usage  # the vendor charges for a discarded attempt too
                self._usage, self._has_finish_event = Usage(), False
            case TurnContinued():
                self._close_request(Outcome.COMPLETE)
                self._start_request(0.0)
            case RetryScheduled(delay):
                self._close_request(Outcome.FAILED)
                self._start_request(delay)

    def finish(self, outcome: Outcome, request_id: str = "") -> tuple[UsageRecord, ...]:
        """Return the records of all requests sent; `outcome` is that of the last, the others failed.

        `request_id` is used where no event named one.
        """
        if time.monotonic() >= self._timer.started_at:  # else the pause before a retry was cancelled
            self._request_id = self._request_id or request_id
            self._close_request(outcome)
        return tuple(self._records)

    def _is_output_estimated(self) -> bool:
        """Return True if the output count is an estimate: this wire counts in its last event."""
        return (
            self._request.target.wire == "anthropic" and not self._has_finish_event and self._usage.output is not None
        )

    def _image_usage(self) -> ImageUsage | None:
        if not self._request.target.makes_images:
            return None
        return ImageUsage(len(self._image_blocks), self._image_input_tokens)

    def _close_request(self, outcome: Outcome) -> None:
        request, number = self._request, len(self._records) + 1
        usage = self._discarded_usage + self._usage
        if self._has_estimated_output or self._is_output_estimated():
            usage = replace(usage, output=None)
        model_price = self._price_lookup(request.target.model)
        self._records.append(
            UsageRecord(
                request.id if number == 1 else f"{request.id}.{number}",
                request.conversation_id,
                request.purpose,
                request.target,
                usage,
                self._timer.finish(),
                outcome,
                self._request_id,
                self._sent_at,
                request.node_id,
                model_price.price_for(usage.input or 0) if model_price else None,
                model_price.source if model_price else None,
                cost.calculate_cost(usage, model_price, self._image_usage()),
                request.uses_personal_key,
            )
        )
