"""Counts the requests behind one answer, each as a Spend: those that were tried again as well."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from lib.chat.usage import cost
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.events import (
    Event,
    Finish,
    ProviderMetadata,
    Restart,
    RetryScheduled,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.pricing import ModelPrice
from lib.core.sanitize import sanitize_json
from lib.core.target import Target
from lib.core.usage import Purpose, UsageRecord

PriceLookup = Callable[[str], ModelPrice | None]


def unknown_price(_: str) -> ModelPrice | None:
    """What every model costs where nobody knows."""
    return None


@dataclass(frozen=True)
class RequestInfo:
    """What is known of requests before they are sent; those tried again add a number to the `id`."""

    id: str
    conversation_id: str
    purpose: Purpose
    target: Target
    node_id: str | None = None


class UsageRecorder:
    """Follows the events of one answer from its first request on; one thread at a time."""

    def __init__(self, request: RequestInfo, price_lookup: PriceLookup) -> None:
        self._request = request
        self._price_lookup = price_lookup
        self._records: list[UsageRecord] = []
        self._start_request(0.0)

    def _start_request(self, delay: float) -> None:
        self._sent_at, self._started_at = time.time() + delay, time.monotonic() + delay
        self._timing = Timing()
        self._usage = self._discarded_usage = Usage()
        self._request_id = ""
        self._has_finish_event, self._has_estimated_output = False, False

    def add_event(self, event: Event) -> None:
        if type(event) is TextDelta:  # nearly all are
            if self._timing.first_text is None:
                self._record_first_output(is_text=True)
            return
        match event:
            case ThinkingDelta():
                if self._timing.first_token is None:
                    self._record_first_output(is_text=False)
            case UsageReport(usage):
                self._usage = usage.with_fallback(self._usage)
            case ProviderMetadata(facts, choice) if not choice:
                told = sanitize_json({name: facts.get(name) for name in ("request_id", "id")})
                self._request_id = self._request_id or str(told["request_id"] or told["id"] or "")
            case Finish():
                self._has_finish_event = True
            case Restart():
                self._has_estimated_output |= self._is_output_estimated()
                self._discarded_usage += self._usage  # what was begun in vain has been paid for too
                self._usage, self._has_finish_event = Usage(), False
            case RetryScheduled(seconds):
                self._close_request(Outcome.FAILED)
                self._start_request(seconds)

    def finish(self, outcome: Outcome, request_id: str = "") -> tuple[UsageRecord, ...]:
        """Every request that was sent; the last of them ended so, the others failed.

        `request_id` is what its failure names, where nothing else did.
        """
        if time.monotonic() >= self._started_at:  # else it was given up in the pause before it
            self._request_id = self._request_id or request_id
            self._close_request(outcome)
        return tuple(self._records)

    def _record_first_output(self, *, is_text: bool) -> None:
        now = time.monotonic() - self._started_at
        first = now if self._timing.first_token is None else self._timing.first_token
        self._timing = Timing(first, now if is_text else None)

    def _is_output_estimated(self) -> bool:
        """Whether the tokens that were said are a guess: that wire counts them with its last word."""
        return (
            self._request.target.wire == "anthropic"
            and not self._has_finish_event
            and self._usage.output is not None
        )

    def _close_request(self, outcome: Outcome) -> None:
        entry, number = self._request, len(self._records) + 1
        usage = self._discarded_usage + self._usage
        if self._has_estimated_output or self._is_output_estimated():
            usage = replace(usage, output=None)
        tariff = self._price_lookup(entry.target.model)
        self._records.append(
            UsageRecord(
                entry.id if number == 1 else f"{entry.id}.{number}",
                entry.conversation_id,
                entry.purpose,
                entry.target,
                usage,
                replace(self._timing, total=max(0.0, time.monotonic() - self._started_at)),
                outcome,
                self._request_id,
                self._sent_at,
                entry.node_id,
                tariff.price_for(usage.input or 0) if tariff else None,
                tariff.source if tariff else None,
                cost.calculate_cost(usage, tariff),
            )
        )
