"""Frames of both wires as JSON objects, and the recognition of broken ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from lib.core.errors import AnswerError, StreamInterrupted
from lib.core.events import Event, TextDelta
from lib.gateway.transport.sse import STRAY_TEXT_NAME, Frame

# Data that is no JSON object and no loss: markers such as [DONE], and what keep-alives carry.
_HARMLESS_DATA = re.compile(r"\s*(?:\[[A-Z_ ]{0,32}\]|\{\s*\}|null|\"\"|(?i:ping|pong|keep-?alive|heartbeat))?\s*")
_FIELD_NAMES = re.compile(r"^(?:data: ?)+(?=[{\[])")
_HARMLESS_EVENTS = (
    "comment",
    "ping",
    "heartbeat",
    "keepalive",
    "keep-alive",
    "open",
    "start",
    "done",
    "end",
    "close",
    "error",
    STRAY_TEXT_NAME,
)


class DamagedValue(Exception):
    """A field that holds content has a type that cannot: a part of the answer is lost."""


def parse_frames(frames: Iterable[Frame], add_damage: Callable[[], None]) -> Iterator[tuple[Frame, dict[str, Any]]]:
    """Yield frames with their JSON objects, {} for other data; `add_damage` is called where a part of the data is lost.

    Broken is JSON that is cut off or invalid, which is left out, bytes that are no UTF-8, and a list, a number or other
    words where an object has to be. The official SDKs end the answer with an error there; here the text so far is kept
    and read on, since an error may follow.
    """
    for frame in frames:
        is_broken, payload = False, {}
        try:
            payload = frame.json()
        except StreamInterrupted:
            is_broken = True
        is_noise = not payload and frame.name not in _HARMLESS_EVENTS and not _HARMLESS_DATA.fullmatch(frame.data)
        if (is_broken or is_noise) and (events := _separate_events(frame)):
            yield from events
            continue
        if is_broken or is_noise or frame.has_invalid_bytes:
            add_damage()
        if not is_broken:
            yield frame, payload


def _separate_events(frame: Frame) -> list[tuple[Frame, dict[str, Any]]]:
    """Return the events of a frame whose gateway left out blank lines, or named the field twice; [] for any other."""
    lines = [_FIELD_NAMES.sub("", line) for line in frame.data.split("\n") if line.strip()]
    events = [Frame(frame.name, line, frame.has_invalid_bytes) for line in lines]
    try:
        found = [(event, event.json()) for event in events]
    except StreamInterrupted:
        return []
    is_whole = all(payload or _HARMLESS_DATA.fullmatch(event.data) for event, payload in found)
    return found if is_whole and "".join(lines) != frame.data.strip() else []


def check_object(value: Any) -> dict[str, Any]:
    """Return an object, {} for null. Raises DamagedValue for any other type."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DamagedValue
    return value


def check_text(value: Any) -> str:
    """Return a text, "" for null. Raises DamagedValue for any other type."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DamagedValue
    return value


class FrameBatches:
    """Frames for a parser, which knows of its events which of them came together."""

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = frames
        self._has_next = False

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            self._has_next = frame.has_next
            yield frame

    def join_texts(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the parser's events, and one for the deltas of a text that came together.

        Each event costs every step from here to the answer.
        """
        held: list[TextDelta] = []
        try:
            for event in events:
                text = event if type(event) is TextDelta else None
                if held and (text is None or (text.block, text.choice) != (held[0].block, held[0].choice)):
                    yield _join(held)
                    held = []
                if text is None:
                    yield event
                    continue
                held.append(text)
                if not self._has_next:
                    yield _join(held)
                    held = []
        except AnswerError:
            if held:
                yield _join(held)
            raise
        if held:
            yield _join(held)


def _join(deltas: Sequence[TextDelta]) -> TextDelta:
    return deltas[0] if len(deltas) == 1 else replace(deltas[0], text="".join(delta.text for delta in deltas))
