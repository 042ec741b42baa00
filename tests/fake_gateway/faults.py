"""Faults in the middle of an answer, and plays: answers that take an unusual course."""

from __future__ import annotations

from collections.abc import Iterator

from lib.demo.deltas import split_text
from lib.demo.exchange import Step
from lib.demo.wire import Delta
from tests.fake_gateway.exchange import FakeExchange
from tests.fake_gateway.wires import bare_error

_FIRST_ATTEMPT = (
    "This is a first try, which the gateway abandons before it begins again. If you can read it beside the "
    "second, the page has mixed up the two."
)
_SILENCE, _GAP, _LONG_GAP = 600.0, 60.0, 6_000.0  # seconds


# Faults take the place of the regular end of an answer.
def named_error(exchange: FakeExchange) -> Iterator[Step]:
    """An error in an event named "error"."""
    yield Step(exchange.wire.failure(*exchange.fail(), exchange.request_id, is_named=True))


def unnamed_error(exchange: FakeExchange) -> Iterator[Step]:
    """An error in an event without a name, then the end marker."""
    failure = exchange.wire.failure(*exchange.fail(), exchange.request_id, is_named=False)
    yield Step(failure + exchange.wire.end())


def error_without_line_end(exchange: FakeExchange) -> Iterator[Step]:
    """An error as the last bytes of the stream."""
    failure = exchange.wire.failure(*exchange.fail(), exchange.request_id, is_named=False)
    yield Step(failure.rstrip(b"\n"))


def bare_json_error(exchange: FakeExchange) -> Iterator[Step]:
    """An error as a line of JSON between the events."""
    yield Step(bare_error(*exchange.fail(), exchange.request_id))


def end_without_reason(exchange: FakeExchange) -> Iterator[Step]:
    """The end marker without a finish reason."""
    yield Step(exchange.wire.end())


def closed_connection(exchange: FakeExchange) -> Iterator[Step]:
    """A regular end of the HTTP body in the middle of the text."""
    yield Step()


# Plays replace the whole answer.
def reason_without_end(exchange: FakeExchange) -> Iterator[Step]:
    """The finish reason without the end marker."""
    yield Step(exchange.wire.opening())
    yield from exchange.deltas()
    if exchange.choices[0].is_limited:
        yield exchange.closing()
    else:
        yield Step(exchange.wire.finish([choice.finish for choice in exchange.choices]))


def silence(exchange: FakeExchange) -> Iterator[Step]:
    """Ten minutes without a byte."""
    yield Step(delay=_SILENCE)


def restart(exchange: FakeExchange) -> Iterator[Step]:
    """An abandoned attempt, then the answer from its beginning."""
    yield Step(exchange.wire.opening())
    for text in split_text(_FIRST_ATTEMPT):
        yield Step(exchange.wire.delta(Delta(text)), delay=0.02)
    exchange.wire.reset()
    yield Step(exchange.wire.opening(), delay=1.0)
    yield from exchange.deltas()
    yield exchange.closing()


def long_gap(exchange: FakeExchange) -> Iterator[Step]:
    """A minute of silence after the first words."""
    yield Step(exchange.wire.opening())
    yield from exchange.deltas(20)
    yield Step(delay=_GAP)
    yield from exchange.deltas()
    yield exchange.closing()


def hold(exchange: FakeExchange) -> Iterator[Step]:
    """Over an hour of silence after the first words: an answer to be stopped that does not grow meanwhile."""
    yield Step(exchange.wire.opening())
    yield from exchange.deltas(20)
    yield Step(delay=_LONG_GAP)
    yield from exchange.deltas()
    yield exchange.closing()


def unknown_events(exchange: FakeExchange) -> Iterator[Step]:
    """Events that no client knows before, between and after those of the answer."""
    yield Step(exchange.wire.events_before())
    yield Step(exchange.wire.opening())
    yield Step(exchange.wire.unknown_events())
    yield from exchange.deltas(12)
    yield Step(exchange.wire.unknown_events())
    yield from exchange.deltas()
    yield exchange.closing()
    yield Step(exchange.wire.events_after())
