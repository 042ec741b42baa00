"""Events of one response to a request for an answer, as it arrives or as it was recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Protocol

from lib.core.errors import AnswerError, GatewayError
from lib.core.events import Event, ProviderMetadata, Restart, UsageReport
from lib.gateway.answer_limit import limit_answer
from lib.gateway.key_redactor import KeyRedactor
from lib.gateway.repair import RequestRepair
from lib.gateway.stream_end import Deadline, limit_trailing_time
from lib.gateway.transport.body import read_frames
from lib.gateway.transport.cancel import CancelToken
from lib.gateway.transport.recorder import AttemptRecorder
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.content.think_tags import split_thinking
from lib.gateway.wires.errors.responses import request_id
from lib.gateway.wires.request_body import wire_module
from lib.gateway.wires.stream_format import parse_events

# Seconds after an error event in which its usage has to arrive.
USAGE_AFTER_ERROR_TIMEOUT = 1.0


class AnswerResponse(Deadline, Protocol):
    """The parts of a response that its events are read from."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    def iter_batches(self, get_interval: Callable[[], float]) -> Iterator[bytes]: ...
    def read_text(self) -> str: ...
    def drain(self) -> None: ...


def read_events(
    response: AnswerResponse, request: RequestRepair, get_read_interval: Callable[[], float]
) -> Iterator[Event]:
    """Yield the events of the response to a request. Raises an AnswerError, before the first event or in the stream."""
    wire = wire_module(request.target.wire)
    if response.status != 200:
        raise wire.error(response.status, response.headers, response.read_text())
    response_id = request_id(response.headers)
    metadata = ProviderMetadata({"request_id": response_id, **request.metadata()})
    if response_id or request.notes:
        yield metadata
    frames = read_frames(response.iter_batches(get_read_interval))
    if not get_read_interval():  # who reads without pauses wants each delta, such as a check of the gateway
        frames = map(Frame._make, frames)
    frames = request.watch(frames)
    events = parse_events(request.target.wire, frames)
    try:
        for event in limit_trailing_time(events, response, _choice_count(request.body)):
            yield event
            if type(event) is Restart:
                yield metadata
        response.drain()
    except GatewayError:
        response.set_deadline(USAGE_AFTER_ERROR_TIMEOUT)
        yield from read_trailing_usage(wire, frames)
        raise


def filter_events(events: Iterator[Event], redactor: KeyRedactor, max_chars: int) -> Iterator[Event]:
    """Yield the events of a response without the key, with thinking apart, up to the maximum length."""
    return limit_answer(split_thinking(redactor.redact_events(events)), max_chars)


@contextlib.contextmanager
def end_record(record: AttemptRecorder, redactor: KeyRedactor, cancel: CancelToken) -> Iterator[None]:
    """End the record of an attempt with the block that receives it. The key is redacted from its error."""
    code = ""
    try:
        yield
    except AnswerError as error:
        code = "" if cancel.cancelled else error.code
        raise redactor.redact_error(error) from None
    finally:
        record.end(code, cancel.connected_at)


def read_trailing_usage(wire: ModuleType, frames: Iterator[Frame]) -> Iterator[Event]:
    """Yield the usage that follows an error event in the stream."""
    with contextlib.suppress(AnswerError):
        for event in wire.events(frames):
            if isinstance(event, UsageReport):
                yield event


def _choice_count(body: Mapping[str, Any]) -> int:
    count = body.get("n", 1)
    return count if isinstance(count, int) and count > 0 else 1
