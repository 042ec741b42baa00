"""OpenTelemetry traces of requests, received by a collector on loopback."""

from __future__ import annotations

import gzip
import importlib
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lib.chat.usage import tracing
from lib.chat.usage.metrics import Metrics
from lib.chat.usage.recorder import RequestOutcome
from lib.config.version import VERSION
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.target import Target
from lib.core.usage import UsageRecord

SECOND = 1_000_000_000
RETRIED = RequestOutcome(
    "ann@example.org",
    (
        UsageRecord(
            "r1", "c1", "answer", Target("m", "openai"), Usage(), Timing(total=0.5), Outcome.FAILED, "", 1000.0
        ),
        UsageRecord(
            "r2",
            "c1",
            "answer",
            Target("m", "openai"),
            Usage(12, 90),
            Timing(0.25, 0.25, 4.0),
            Outcome.COMPLETE,
            "req-7",
            1002.0,
        ),
    ),
)


class Collector:
    """A collector, and the requests that it has received."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        received = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                received.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector(monkeypatch) -> Iterator[Collector]:
    started = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", started.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield started
    started.server.shutdown()
    started.server.server_close()


def attributes(owner) -> dict[str, object]:
    """Return the attributes that are not empty: others come without a value."""
    found = {item.key: (item.value, item.value.WhichOneof("value")) for item in owner.attributes}
    return {key: getattr(value, kind) for key, (value, kind) in found.items() if kind}


def test_a_turn_is_a_trace_with_a_span_for_each_attempt_and_no_content(collector):
    tracer = tracing.open_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    assert tracer
    Metrics(tracer.record_request).record_request(RETRIED)
    tracer.close()
    spans = {(span.name, span.start_time_unix_nano // SECOND): span for span in collector.spans()}
    turn, failed, complete = spans["answer", 1000], spans["chat m", 1000], spans["chat m", 1002]
    assert len(spans) == 3
    assert {span.trace_id for span in spans.values()} == {turn.trace_id}
    assert failed.parent_span_id == complete.parent_span_id == turn.span_id
    assert (turn.end_time_unix_nano, complete.end_time_unix_nano) == (1006 * SECOND, 1006 * SECOND)
    assert failed.end_time_unix_nano == 1000.5 * SECOND
    assert [(event.name, event.time_unix_nano) for event in complete.events] == [("first token", 1002.25 * SECOND)]
    assert (failed.status.code, complete.status.code, turn.status.code) == (2, 0, 0)
    assert attributes(complete) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.id": "req-7",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 90,
        "antler.wire": "openai",
    }
    assert attributes(turn)["antler.attempts"] == 2
    assert b"ann@example.org" not in b"".join(request.SerializeToString() for request in collector.requests)
    service = attributes(collector.requests[0].resource_spans[0].resource)
    assert (service["service.name"], service["service.version"]) == ("antler", VERSION)


def test_a_failure_has_the_code_and_the_status_of_its_error(collector):
    tracer = tracing.open_tracer({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url})
    assert tracer
    tracer.record_request(RequestOutcome("ann", RETRIED.usage_records[:1], "overloaded", 529))
    tracer.close()
    for span in collector.spans():
        assert span.status.code == 2
        assert (attributes(span)["error.type"], attributes(span)["http.response.status_code"]) == ("overloaded", 529)
    assert len(collector.spans()) == 2


def test_without_an_endpoint_or_the_sdk_nothing_is_traced(monkeypatch, caplog):
    def import_nothing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", import_nothing)
    with caplog.at_level(logging.WARNING):
        assert tracing.open_tracer({}) is None
        assert not caplog.records
        assert tracing.open_tracer({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) is None
    assert "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http" in caplog.text
