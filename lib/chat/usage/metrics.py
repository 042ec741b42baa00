"""Prometheus metrics, and log lines of requests."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from lib.chat.usage.recorder import RequestOutcome
from lib.config.log_setup import hash_for_log, log_fields
from lib.config.version import VERSION
from lib.core.conversation import Usage
from lib.gateway.catalog import vendors

log = logging.getLogger(__name__)

_LABELS = ("purpose", "wire", "family")
_FIRST_TOKEN_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)  # seconds
_REQUEST_BUCKETS = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
_DATABASE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
# The ends of the descriptions of histograms.
_FIRST_TOKEN, _REQUEST = "from sending to the first token.", "from sending to the end."
_TRANSACTION = "of transactions, with the wait for a connection and for locks."
_LOOP_LAG = "by which the event loop is late, measured four times a second."
_COLLECTION = "of full garbage collections, in which all threads wait."
# Gauges by the name after "antler_"; each is exported from the time that its source is known.
GAUGES = {
    "answers_running": "Running generations.",
    "answers_unsaved": "Generations whose answer the database refuses.",
    "followers": "Pages that follow a running answer.",
    "closing": "1 while the process shuts down.",
    "sessions_connected": "Sessions with an open page.",
    "sessions_disconnected": "Sessions without a page, which their browser may resume.",
    "database_connections": "Connections to the database in use.",
    "database_connections_limit": "Connections to the database that may be in use at once.",
    "gateway_up": "1 if the last check of the gateway succeeded, else 0.",
}
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

    def __init__(self, trace: Callable[[RequestOutcome], None] = lambda _: None) -> None:
        """Create the metrics; `trace` gets each finished request, too."""
        self._trace = trace
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "antler_requests", "Finished requests.", (*_LABELS, "outcome", "error"), registry=registry
        )
        self._retries = Counter("antler_retries", "Retries of requests.", _LABELS, registry=registry)
        self._tokens = Counter(
            "antler_tokens", "Tokens as reported by the gateway.", (*_LABELS, "kind"), registry=registry
        )
        self._database_errors = Counter(
            "antler_database_errors", "Statements refused by the database.", registry=registry
        )

        def histogram(name: str, text: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
            return Histogram(f"antler_{name}_seconds", f"Seconds {text}", labels, registry=registry, buckets=buckets)

        self._first_token_seconds = histogram("first_token", _FIRST_TOKEN, _FIRST_TOKEN_BUCKETS, _LABELS)
        self._request_seconds = histogram("request", _REQUEST, _REQUEST_BUCKETS, _LABELS)
        self._database_seconds = histogram("database", _TRANSACTION, _DATABASE_BUCKETS, ("kind",))
        # For other parts to report in seconds, from any thread.
        self.observe_loop_lag = histogram("event_loop_lag", _LOOP_LAG, _LAG_BUCKETS).observe
        self.observe_collection = histogram("full_collection", _COLLECTION, _LAG_BUCKETS).observe
        self._gauges: dict[str, Gauge] = {}
        build = Gauge("antler_build_info", "Versions of the program.", ("version", "python"), registry=registry)
        build.labels(VERSION, platform.python_version()).set(1)

    def set_gauges(self, **sources: Callable[[], float]) -> None:
        """Read these of the GAUGES at each scrape; a source may not block or raise."""
        for name, source in sources.items():
            if name not in self._gauges:
                self._gauges[name] = Gauge(f"antler_{name}", GAUGES[name], registry=self._registry)
            self._gauges[name].set_function(source)

    def observe_transaction(self, kind: str, seconds: float) -> None:
        """Record a transaction: "read" or "write"."""
        self._database_seconds.labels(kind).observe(seconds)

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
        self._trace(request)

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
