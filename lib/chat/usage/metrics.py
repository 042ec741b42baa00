"""Prometheus metrics and log lines of requests."""

from __future__ import annotations

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from lib.chat.usage.recorder import RequestOutcome
from lib.config.log_setup import hash_for_log, log_fields
from lib.core.conversation import Usage
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
    "written_1h": "cache_write_1h",
    "reasoning": "reasoning",
}


class Metrics:
    """The metrics of this process. All methods are thread-safe.

    Label values come from small closed sets, so that cardinality is bounded: no model, user or conversation.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "antler_requests", "Finished requests.", (*_LABELS, "outcome", "error"), registry=registry
        )
        self._retries = Counter("antler_retries", "Retries of requests.", _LABELS, registry=registry)
        self._tokens = Counter(
            "antler_tokens", "Tokens as reported by the gateway.", (*_LABELS, "kind"), registry=registry
        )
        self._first_token_seconds = Histogram(
            "antler_first_token_seconds",
            "Seconds from sending to the first token.",
            _LABELS,
            buckets=_FIRST_TOKEN_BUCKETS,
            registry=registry,
        )
        self._request_seconds = Histogram(
            "antler_request_seconds",
            "Seconds from sending to the end.",
            _LABELS,
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self._database_errors = Counter(
            "antler_database_errors", "Statements refused by the database.", registry=registry
        )
        self._running_answers = Gauge("antler_answers_running", "Running generations.", registry=registry)
        self._shutting_down = Gauge("antler_closing", "1 while the process shuts down.", registry=registry)

    def set_gauge_sources(self, count_running: Callable[[], int], is_shutting_down: Callable[[], bool]) -> None:
        """Read these gauges at each scrape."""
        self._running_answers.set_function(count_running)
        self._shutting_down.set_function(lambda: float(is_shutting_down()))

    def record_request(self, request: RequestOutcome) -> None:
        """Count a request, and log it."""
        last, attempts = request.usage_records[-1], len(request.usage_records)
        usage = sum((record.usage for record in request.usage_records), Usage())
        labels = (last.purpose, last.target.wire, vendor_label(last.target.model))
        self._requests.labels(*labels, last.outcome.value, request.error_code).inc()
        if attempts > 1:
            self._retries.labels(*labels).inc(attempts - 1)
        for kind, attribute in _TOKEN_KINDS.items():
            if count := getattr(usage, attribute):
                self._tokens.labels(*labels, kind).inc(max(0, count))
        if last.timing.first_token is not None:
            self._first_token_seconds.labels(*labels).observe(last.timing.first_token)
        if last.timing.total is not None:
            self._request_seconds.labels(*labels).observe(last.timing.total)
        # No content, and the owner as a hash.
        fields = log_fields(
            purpose=last.purpose,
            owner=hash_for_log(request.owner),
            conversation=hash_for_log(last.conversation_id or ""),
            model=last.target.model,
            wire=last.target.wire,
            outcome=last.outcome.value,
            error=request.error_code,
            status=request.status,
            request_id=last.request_id,
            tries=attempts,
            first=_round_seconds(last.timing.first_token),
            total=_round_seconds(last.timing.total),
            input=usage.input,
            output=usage.output,
        )
        log.info("%s ended", last.purpose, extra=fields)

    def count_database_error(self) -> None:
        """Count an error of the database."""
        self._database_errors.inc()

    def to_prometheus_text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


def vendor_label(model: str) -> str:
    """Return the vendor of a model, "demo" for a model of the demo gateway, "other" for an unknown one."""
    vendor = vendors.vendor_of(model)
    return vendor if vendor in vendors.VENDORS else "demo" if model.startswith("demo-") else "other"


def _round_seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
