"""What is counted and logged of requests: how many, how they ended, how long they took, what they used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from lib.chat.turns.generation import Generation
from lib.config.log_setup import hash_for_log, log_fields
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.target import Target
from lib.core.usage import Purpose, UsageRecord
from lib.gateway.catalog import vendors

log = logging.getLogger(__name__)

_LABELS = ("purpose", "wire", "family")
_FIRST_TOKEN_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)  # seconds
_REQUEST_BUCKETS = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
# Values of the label `kind`, and the attributes of a usage.
_TOKEN_KINDS = {
    "input": "input",
    "output": "output",
    "cached": "cache_read",
    "written": "cache_write",
    "reasoning": "reasoning",
}


@dataclass(frozen=True)
class RequestOutcome:
    """A request that has ended: `code` is that of its error, or "", `tries` is how often it was sent."""

    purpose: Purpose
    owner: str
    conversation_id: str
    target: Target
    outcome: Outcome
    usage: Usage
    timing: Timing
    request_id: str = ""
    error_code: str = ""
    status: int | None = None
    attempts: int = 1

    @staticmethod
    def from_usage_records(
        owner: str, usage_records: Sequence[UsageRecord], error_code: str
    ) -> RequestOutcome:
        """What the ledger says of one request, each time that it was sent; `code` is of its last error."""
        last = usage_records[-1]
        return RequestOutcome(
            last.purpose,
            owner,
            last.conversation_id or "",
            last.target,
            last.outcome,
            sum((spend.usage for spend in usage_records), Usage()),
            last.timing,
            last.request_id,
            error_code,
            attempts=len(usage_records),
        )


class Metrics:
    """The figures of this process, for a monitor. Its methods may be called from any thread.

    A label is of a small, closed set, whatever models people type; no person and no conversation is one.
    """

    def __init__(self) -> None:
        self._registry = kept = CollectorRegistry()
        ProcessCollector(registry=kept)
        self._requests = Counter(
            "antler_requests", "Requests that have ended.", (*_LABELS, "outcome", "error"), registry=kept
        )
        self._retries = Counter(
            "antler_retries", "Times that a request was sent again.", _LABELS, registry=kept
        )
        self._tokens = Counter(
            "antler_tokens", "Tokens, as the gateway told them.", (*_LABELS, "kind"), registry=kept
        )
        self._first_token_seconds = Histogram(
            "antler_first_token_seconds",
            "From sending to the first token.",
            _LABELS,
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=kept,
        )
        self._request_seconds = Histogram(
            "antler_request_seconds",
            "From sending to the end.",
            _LABELS,
            buckets=_REQUEST_BUCKETS,
            registry=kept,
        )
        self._database_errors = Counter(
            "antler_database_errors", "Statements that the database refused.", registry=kept
        )
        self._running_answers = Gauge(
            "antler_answers_running", "Answers that are arriving now.", registry=kept
        )
        self._shutting_down = Gauge("antler_closing", "1 where no new turn is taken any more.", registry=kept)

    def set_gauge_sources(
        self, count_running: Callable[[], int], is_shutting_down: Callable[[], bool]
    ) -> None:
        """Ask these whenever the figures are asked for."""
        self._running_answers.set_function(count_running)
        self._shutting_down.set_function(lambda: float(is_shutting_down()))

    def record_generation(self, generation: Generation) -> None:
        """Count an answer that has ended."""
        node = generation.wait(-1, 0).node
        if node.target is None or node.arriving:
            return
        failure = node.failure
        self.record_request(
            RequestOutcome(
                "answer",
                generation.owner,
                generation.conversation_id,
                node.target,
                node.outcome,
                node.usage,
                node.timing,
                node.request_id or (failure.request_id if failure else ""),
                failure.code if failure else "",
                failure.status if failure else None,
                generation.attempts,
            )
        )

    def record_request(self, request: RequestOutcome) -> None:
        """Count a request, and write its line into the log."""
        by = (request.purpose, request.target.wire, vendor_label(request.target.model))
        self._requests.labels(*by, request.outcome.value, request.error_code).inc()
        if request.attempts > 1:
            self._retries.labels(*by).inc(request.attempts - 1)
        for kind, attribute in _TOKEN_KINDS.items():
            if count := getattr(request.usage, attribute):
                self._tokens.labels(*by, kind).inc(max(0, count))
        if request.timing.first_token is not None:
            self._first_token_seconds.labels(*by).observe(request.timing.first_token)
        if request.timing.total is not None:
            self._request_seconds.labels(*by).observe(request.timing.total)
        log.info("%s ended", request.purpose, extra=log_fields(**_log_fields(request)))

    def count_database_error(self) -> None:
        """Count that the database refused."""
        self._database_errors.inc()

    def to_prometheus_text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)


def vendor_label(model: str) -> str:
    """The maker that a model's name tells, "demo" for the demo's, "other" for whatever is not known."""
    maker = vendors.vendor_of(model)
    return maker if maker in vendors.VENDORS else "demo" if model.startswith("demo-") else "other"


def _log_fields(request: RequestOutcome) -> dict[str, str | int | float | None]:
    """What a log may know of a request: no word of it, and whose it was only as a mark."""
    return {
        "purpose": request.purpose,
        "owner": hash_for_log(request.owner),
        "conversation": hash_for_log(request.conversation_id),
        "model": request.target.model,
        "wire": request.target.wire,
        "outcome": request.outcome.value,
        "error": request.error_code,
        "status": request.status,
        "request_id": request.request_id,
        "tries": request.attempts,
        "first": _round_seconds(request.timing.first_token),
        "total": _round_seconds(request.timing.total),
        "input": request.usage.input,
        "output": request.usage.output,
    }


def _round_seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
