"""OpenTelemetry traces of requests, where an endpoint is configured by OpenTelemetry's own variables."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any

from lib.chat.usage.recorder import RequestOutcome
from lib.config.log_setup import hash_for_log
from lib.config.version import VERSION
from lib.core.conversation import Outcome
from lib.core.usage import UsageRecord

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
MISSING = "traces need the SDK: pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
# The names of the semantic conventions for generative AI.
_OPERATIONS = {"images": "generate_content"}
_FAILED = frozenset({Outcome.FAILED, Outcome.INTERRUPTED})


class Tracer:
    """Exports each finished request as a trace: a span for the whole, and one for each attempt.

    The spans are built from the times that are recorded anyway, so that an answer in progress costs nothing. They have
    no content, and owner and conversation as hashes.
    """

    def __init__(self, provider: Any, trace_api: Any) -> None:
        """Create a tracer from a `TracerProvider` and the module `opentelemetry.trace`."""
        self._provider = provider
        self._api = trace_api
        self._tracer = provider.get_tracer("antler", VERSION)

    def record_request(self, request: RequestOutcome) -> None:
        """Export a finished request, in the background."""
        first, last = request.usage_records[0], request.usage_records[-1]
        turn = self._tracer.start_span(
            last.purpose,
            start_time=_nanoseconds(first.created_at),
            attributes={
                "antler.owner": hash_for_log(request.owner),
                "antler.conversation": hash_for_log(last.conversation_id or ""),
                "antler.outcome": last.outcome.value,
                "antler.attempts": len(request.usage_records),
            },
        )
        parent = self._api.set_span_in_context(turn)
        for record in request.usage_records:
            self._record_attempt(record, parent, request if record is last else None)
        self._set_status(turn, last, request)
        turn.end(max(map(_end_time, request.usage_records)))

    def close(self) -> None:
        """Export what is left."""
        self._provider.shutdown()

    def _record_attempt(self, record: UsageRecord, parent: Any, request: RequestOutcome | None) -> None:
        operation, model = _OPERATIONS.get(record.target.wire, "chat"), record.target.model
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": record.usage.input,
            "gen_ai.usage.output_tokens": record.usage.output,
            "antler.wire": record.target.wire,
        }
        if record.request_id:
            attributes["gen_ai.response.id"] = record.request_id
        start = record.created_at
        span = self._tracer.start_span(
            f"{operation} {model}",
            context=parent,
            kind=self._api.SpanKind.CLIENT,
            start_time=_nanoseconds(start),
            attributes=attributes,
        )
        if record.timing.first_token is not None:
            span.add_event("first token", timestamp=_nanoseconds(start + record.timing.first_token))
        self._set_status(span, record, request)
        span.end(_end_time(record))

    def _set_status(self, span: Any, record: UsageRecord, request: RequestOutcome | None) -> None:
        """Mark a failure; `request` has the error of the last attempt."""
        if request and request.status:
            span.set_attribute("http.response.status_code", request.status)
        if record.outcome in _FAILED:
            code = request.error_code if request else ""
            span.set_attribute("error.type", code or record.outcome.value)
            span.set_status(self._api.Status(self._api.StatusCode.ERROR, code))


def open_tracer(environ: Mapping[str, str]) -> Tracer | None:
    """Return the tracer for the endpoint of these variables; None without one, or without the SDK.

    All other variables of OpenTelemetry apply, too. The SDK is imported here only: it is not a requirement.
    """
    if not any(environ.get(name) for name in ENDPOINTS):
        return None
    try:
        trace_api = importlib.import_module("opentelemetry.trace")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        exports = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        log.warning(MISSING)
        return None
    service = {"service.name": environ.get("OTEL_SERVICE_NAME") or "antler", "service.version": VERSION}
    provider = sdk.TracerProvider(resource=resources.Resource.create(service))
    provider.add_span_processor(exports.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return Tracer(provider, trace_api)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)


def _end_time(record: UsageRecord) -> int:
    return _nanoseconds(record.created_at + (record.timing.total or 0.0))
