"""The format of a response, which some gateways send in that of the other endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from lib.core.errors import StreamInterrupted
from lib.core.events import Event, Heartbeat
from lib.core.target import WIRES, Wire
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.request_body import wire_module

_MESSAGE_TYPES = ("message_start", "message")


def parse_events(wire: Wire, frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a response to a request over `wire`, parsed in the format that its first frame shows.

    Gateways that forward a request to another vendor can leave the answer as that vendor sent it. Raises as
    `events` of these.
    """
    remaining = iter(frames)
    if wire in WIRES:
        for frame in remaining:
            if frame.name != "comment":
                wire, remaining = _detect(frame, wire), chain((frame,), remaining)
                break
            yield Heartbeat()
    yield from wire_module(wire).events(remaining)


def _detect(frame: Frame, expected: Wire) -> Wire:
    """Return the wire whose format a frame has; `expected` where that is not plain."""
    try:
        payload: Mapping[str, Any] = frame.json()
    except StreamInterrupted:
        return expected
    has_choices = isinstance(payload.get("choices"), list)
    is_message = payload.get("type") in _MESSAGE_TYPES
    if has_choices != is_message:
        return "openai" if has_choices else "anthropic"
    return expected
