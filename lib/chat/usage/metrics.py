"""What is counted and logged of requests: how many, how they ended, how long they took, what they used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from lib.chat.turns.generation import Answer
from lib.config.log_setup import mark, told
from lib.core.conversation import Outcome, Timing, Usage
from lib.core.target import Target
from lib.core.usage import Purpose, Spend
from lib.gateway.catalog import vendors

log = logging.getLogger(__name__)

_BY = ("purpose", "wire", "family")
_FIRST = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)  # seconds
_WHOLE = (0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280)
_KINDS = ("input", "output", "cached", "written", "reasoning")


@dataclass(frozen=True)
class Ended:
    """A request that has ended: `code` is that of its error, or "", `tries` is how often it was sent."""

    purpose: Purpose
    owner: str
    conversation: str
    target: Target
    outcome: Outcome
    usage: Usage
    timing: Timing
    request_id: str = ""
    code: str = ""
    status: int | None = None
    tries: int = 1

    @staticmethod
    def by(owner: str, spends: Sequence[Spend], code: str) -> Ended:
        """What the ledger says of one request, each time that it was sent; `code` is of its last error."""
        last = spends[-1]
        return Ended(
            last.purpose,
            owner,
            last.conversation or "",
            last.target,
            last.outcome,
            sum((spend.usage for spend in spends), Usage()),
            last.timing,
            last.request_id,
            code,
            tries=len(spends),
        )


class Meter:
    """The figures of this process, for a monitor. Its methods may be called from any thread.

    A label is of a small, closed set, whatever models people type; no person and no conversation is one.
    """

    def __init__(self) -> None:
        self._kept = kept = CollectorRegistry()
        ProcessCollector(registry=kept)
        self._requests = Counter(
            "antler_requests", "Requests that have ended.", (*_BY, "outcome", "error"), registry=kept
        )
        self._retries = Counter("antler_retries", "Times that a request was sent again.", _BY, registry=kept)
        self._tokens = Counter(
            "antler_tokens", "Tokens, as the gateway told them.", (*_BY, "kind"), registry=kept
        )
        self._first = Histogram(
            "antler_first_token_seconds",
            "From sending to the first token.",
            _BY,
            buckets=_FIRST,
            registry=kept,
        )
        self._whole = Histogram(
            "antler_request_seconds", "From sending to the end.", _BY, buckets=_WHOLE, registry=kept
        )
        self._store = Counter(
            "antler_database_errors", "Statements that the database refused.", registry=kept
        )
        self._running = Gauge("antler_answers_running", "Answers that are arriving now.", registry=kept)
        self._closing = Gauge("antler_closing", "1 where no new turn is taken any more.", registry=kept)

    def watch(self, running: Callable[[], int], closing: Callable[[], bool]) -> None:
        """Ask these whenever the figures are asked for."""
        self._running.set_function(running)
        self._closing.set_function(lambda: float(closing()))

    def answered(self, answer: Answer) -> None:
        """Count an answer that has ended."""
        node = answer.wait(-1, 0).node
        if node.target is None or node.arriving:
            return
        failure = node.failure
        self.ended(
            Ended(
                "answer",
                answer.owner,
                answer.conversation,
                node.target,
                node.outcome,
                node.usage,
                node.timing,
                node.request_id or (failure.request_id if failure else ""),
                failure.code if failure else "",
                failure.status if failure else None,
                answer.tries,
            )
        )

    def ended(self, one: Ended) -> None:
        """Count a request, and write its line into the log."""
        by = (one.purpose, one.target.wire, family(one.target.model))
        self._requests.labels(*by, one.outcome.value, one.code).inc()
        if one.tries > 1:
            self._retries.labels(*by).inc(one.tries - 1)
        for kind in _KINDS:
            if count := getattr(one.usage, kind):
                self._tokens.labels(*by, kind).inc(max(0, count))
        if one.timing.first is not None:
            self._first.labels(*by).observe(one.timing.first)
        if one.timing.total is not None:
            self._whole.labels(*by).observe(one.timing.total)
        log.info("%s ended", one.purpose, extra=told(**_line(one)))

    def refused(self) -> None:
        """Count that the database refused."""
        self._store.inc()

    def figures(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._kept)


def family(model: str) -> str:
    """The maker that a model's name tells, "demo" for the demo's, "other" for whatever is not known."""
    maker = vendors.of(model)
    return maker if maker in vendors.KNOWN else "demo" if model.startswith("demo-") else "other"


def _line(one: Ended) -> dict[str, str | int | float | None]:
    """What a log may know of a request: no word of it, and whose it was only as a mark."""
    return {
        "purpose": one.purpose,
        "owner": mark(one.owner),
        "conversation": mark(one.conversation),
        "model": one.target.model,
        "wire": one.target.wire,
        "outcome": one.outcome.value,
        "error": one.code,
        "status": one.status,
        "request_id": one.request_id,
        "tries": one.tries,
        "first": _rounded(one.timing.first),
        "total": _rounded(one.timing.total),
        "input": one.usage.input,
        "output": one.usage.output,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
