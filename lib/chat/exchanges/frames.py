"""Frames of a recorded response with their events, as rows of a table that can be filtered."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    FinishRevoked,
    Heartbeat,
    ProviderMetadata,
    RedactedThinking,
    SignatureDelta,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    UsageReport,
)
from lib.core.exchanges import Attempt
from lib.core.target import Wire
from lib.gateway.replay import iter_frames_of

NO_EVENT = "none"
# Kinds of events by their class, in the order of a filter.
_KINDS: dict[type, str] = {
    TextDelta: "text",
    ThinkingDelta: "thinking",
    SignatureDelta: "signature",
    RedactedThinking: "thinking",
    ContentPart: "part",
    Citation: "citation",
    UsageReport: "usage",
    Finish: "finish",
    FinishRevoked: "finish",
    TextWasThinking: "thinking",
    ProviderMetadata: "metadata",
    Heartbeat: "heartbeat",
}
_MAX_VALUE_CHARS = 2_000


@dataclass(frozen=True)
class FrameRow:
    """A frame with its number from 1, the offset of its last byte in seconds, and the events that it was read as."""

    number: int
    offset: float
    name: str
    data: str
    events: tuple[Event, ...] = ()
    is_damaged: bool = False  # bytes that are no UTF-8 were replaced

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its events, each once; NO_EVENT for a frame without any."""
        return tuple(dict.fromkeys(map(kind_of, self.events))) or (NO_EVENT,)


def list_frames(attempt: Attempt, wire: Wire | None = None) -> list[FrameRow]:
    """Return all frames of a response; those of an attempt without a response are none."""
    return [
        FrameRow(number, offset, frame.name, frame.data, events, frame.has_invalid_bytes)
        for number, (offset, frame, events) in enumerate(iter_frames_of(attempt, wire), 1)
    ]


def filter_frames(rows: Sequence[FrameRow], kinds: Collection[str] = (), text: str = "") -> list[FrameRow]:
    """Return the frames with an event of these kinds, or of any, that contain a text in any case."""
    folded = text.casefold().strip()
    return [
        row
        for row in rows
        if (not kinds or not set(kinds).isdisjoint(row.kinds))
        and (not folded or folded in row.data.casefold() or folded in row.name.casefold())
    ]


def list_kinds(rows: Sequence[FrameRow]) -> list[str]:
    """Return the kinds of events that occur, in the order of a filter."""
    found = {kind for row in rows for kind in row.kinds}
    return [kind for kind in (*dict.fromkeys(_KINDS.values()), "other", NO_EVENT) if kind in found]


def kind_of(event: Event) -> str:
    """Return the kind of an event."""
    return _KINDS.get(type(event), "other")


def describe_event(event: Event) -> str:
    """Return the fields of an event that have a value, as JSON; of a plain delta its text alone."""
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    values = {name: value for name, value in values.items() if value not in (None, "", 0, False)}
    if set(values) == {"text"}:
        return _dump(values["text"])
    return _dump(values)


def _dump(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=_to_json)
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"


def _to_json(value: Any) -> Any:
    """Return what JSON has no form for: mappings, values of this program, and bytes by their size."""
    if hasattr(value, "__dataclass_fields__"):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: item for name, item in found.items() if item not in (None, "", ())}
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return dict(value) if hasattr(value, "keys") else str(value)
