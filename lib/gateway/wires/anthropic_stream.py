"""Anthropic's stream of events, or a complete message, as events of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lib.core.conversation import ImagePart, OtherPart, Part, SourcePart, TextPart, ThinkingPart
from lib.core.errors import MissingFinishReason, StreamInterrupted
from lib.core.events import (
    Citation,
    ContentPart,
    Event,
    Finish,
    Heartbeat,
    ProviderMetadata,
    RedactedThinking,
    Restart,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.sanitize import get_list, get_object
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import finish_reasons
from lib.gateway.wires.content import content_parts
from lib.gateway.wires.content.citations import find_citations, parse_citation
from lib.gateway.wires.content.tool_calls import ToolCalls
from lib.gateway.wires.content.web_searches import RESULT_TYPE, WebSearches, is_search_call
from lib.gateway.wires.errors import responses
from lib.gateway.wires.errors.refusals import RefusalDetector
from lib.gateway.wires.frames import DamagedValue, FrameBatches, check_object, check_text, parse_frames
from lib.gateway.wires.usage import find_usage, merge_raw_usage, parse_anthropic_usage

_METADATA_FIELDS = ("id", "model", "type", "role")
_STOP_FIELDS = ("stop_sequence", "stop_details")
# An image in a tool's result is shown behind the result: each block of the wire has room for several parts.
_SLOTS = 100
# Events that nobody knows stand behind all blocks.
_UNKNOWN_SLOT, _MAX_UNKNOWN_EVENTS = 10**9, 20
_KNOWN_EVENTS = (
    *("message_start", "message", "message_delta", "message_stop", "content_block_start", "content_block_delta"),
    *("content_block_stop", "ping", "error", "comment", "usage", "keepalive", "heartbeat"),
)
_MAX_INPUT_LENGTH = 20_000  # characters of a server tool's input that are kept


def parse_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a stream; raises as `anthropic.events`."""
    guard, batches = finish_reasons.FinishGuard(), FrameBatches(frames)
    return guard.wrap(batches.join_texts(_parse_frames(_StreamParser(guard), batches)))


def _parse_frames(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    refusals = RefusalDetector("content", "choices")
    for frame, event in parse_frames(frames, lambda: parser.finish.add_damage()):
        if frame.name == "comment":
            yield Heartbeat()
            continue
        kind = event.get("type") or frame.name
        if kind == "content_block_delta":
            if text := parser.parse_text_event(event):
                yield text
            elif event:
                yield from parser.parse_delta_event(event)
            continue
        if frame.name == "error" or responses.is_error(event):
            raise responses.error_from_stream_event(event or frame.data)
        yield from parser.parse_event(kind, event)
        if kind == "message_stop" or frame.data.strip() == "[DONE]":
            if not parser.finish.is_finished:
                refusals.raise_words(has_started=parser.has_started)
            parser.handle_stop()
            return
        refusals.add(frame, event)
    if parser.finish.is_damaged or not parser.finish.is_finished:
        yield refusals.end(has_started=parser.has_started, is_incomplete=parser.finish.is_damaged)


class _StreamParser:
    """State of a stream between its events."""

    def __init__(self, guard: finish_reasons.FinishGuard) -> None:
        self._guard = guard
        self.has_started = False
        self._reset()

    def _reset(self) -> None:
        self._raw_usage: dict[str, Any] = {}
        self._tool_calls = ToolCalls()
        self._searches = WebSearches()
        self._blocks: dict[int, dict[str, Any]] = {}  # blocks without a form of their own, by index
        self._unknown_count = 0
        self._inputs: dict[int, str] = {}  # JSON of their input so far
        self.finish = self._guard.state = finish_reasons.FinishState()

    def handle_stop(self) -> None:
        """Raise an error for an end marker after a broken event, or without a stop reason."""
        if self.finish.is_damaged:
            raise StreamInterrupted
        if not self.finish.is_finished:
            raise MissingFinishReason

    def parse_text_event(self, event: dict[str, Any]) -> TextDelta | None:
        """Return the text of a delta in the middle of an answer, as nearly all events are; None for any other."""
        delta = event.get("delta")
        if type(delta) is not dict or delta.get("type") != "text_delta" or 0 not in self.finish.started:
            return None
        text = delta.get("text")
        if type(text) is not str or not text or self.finish.finished:
            return None
        return TextDelta(text, _block_index(event) * _SLOTS)

    def parse_event(self, kind: Any, event: dict[str, Any]) -> Iterator[Event]:
        if not isinstance(kind, str):
            self.finish.add_damage()
            return
        if kind == "message_start":
            if self.has_started:
                self._reset()
                yield Restart()
            self.has_started = True
            event = {**event, **get_object(event, "message"), "type": "message"}
        if kind in ("message_start", "message"):
            yield ProviderMetadata({name: event[name] for name in _METADATA_FIELDS if isinstance(event.get(name), str)})
            if diagnostics := get_object(event, "diagnostics"):  # of the prompt cache, where the request asked for them
                yield ProviderMetadata({"diagnostics": diagnostics})
        if kind == "ping":
            yield Heartbeat()
        yield from self._guard_damage(self._parse_content(kind, event))
        if kind == "content_block_stop":
            yield from self._finish_block(_block_index(event))
        yield from find_citations(event)
        holders = (event, get_object(event, "delta"), get_object(event, "message"))
        yield from self._parse_stop(next((fields for fields in holders if fields.get("stop_reason")), {}))
        yield from self._parse_usage(event)

    def parse_delta_event(self, event: dict[str, Any]) -> Iterator[Event]:
        """Events of a delta of any type; deltas of tool calls are collected."""
        yield from self._guard_damage(self._parse_delta(_block_index(event), event.get("delta")))

    def _guard_damage(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield content, and note that it came; a field of a wrong type leaves the rest of the event out."""
        try:
            for event in events:
                if not isinstance(event, Citation | SignatureDelta | Heartbeat):
                    self.finish.add_text(0)
                yield event
        except DamagedValue:
            self.finish.add_damage()

    def _parse_content(self, kind: str, event: dict[str, Any]) -> Iterator[Event]:
        if kind == "content_block_start":
            yield from self._parse_block(_block_index(event), check_object(event.get("content_block")))
        elif kind in ("message_start", "message"):
            content = event.get("content")
            blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
            for index, block in enumerate(blocks):
                yield from self._parse_block(index, check_object(block))
                yield from self._finish_block(index)
        elif kind not in _KNOWN_EVENTS and (part := content_parts.name_block(event, kind)).label:
            self._unknown_count = min(self._unknown_count + 1, _MAX_UNKNOWN_EVENTS)
            yield ContentPart(part, _UNKNOWN_SLOT + self._unknown_count)

    def _parse_block(self, index: int, block: dict[str, Any]) -> Iterator[Event]:
        """Events of a block's initial content: empty in a stream, all of it in a complete message."""
        slot = index * _SLOTS
        match block.get("type"):
            case "text":
                yield from _parse_known_delta(slot, {**block, "type": "text_delta"})
                for citation in get_list(block, "citations"):
                    yield from parse_citation(citation, block=slot)
            case "thinking":
                yield Heartbeat(is_thinking=True)  # its text may be omitted
                yield from _parse_known_delta(slot, {**block, "type": "thinking_delta"})
                yield from _parse_known_delta(slot, {**block, "type": "signature_delta"})
            case "redacted_thinking":
                if data := check_text(block.get("data")):
                    yield RedactedThinking(data, slot)
            case "tool_use":
                arguments = json.dumps(block["input"]) if block.get("input") else ""
                self._tool_calls.add_delta(index, block.get("id"), block.get("name"), arguments)
            case "server_tool_use" if is_search_call(block):
                self._blocks[index] = dict(block)
                yield from self._searches.add_call(block, slot)
            case kind if kind == RESULT_TYPE:
                yield from self._searches.add_result(block, slot)
            case _ if block:
                self._blocks[index] = dict(block)
                yield from _place_parts(slot, content_parts.parse_content(block))

    def _parse_delta(self, index: int, delta: Any) -> Iterator[Event]:
        delta = check_object(delta)
        kind = delta.get("type")
        if kind is None and set(delta) == {"text"}:
            kind, delta = "text_delta", {**delta, "type": "text_delta"}
        if kind in _EVENT_BY_DELTA_TYPE:
            yield from _parse_known_delta(index * _SLOTS, delta)
        elif kind == "citations_delta":
            yield from parse_citation(delta.get("citation"), block=index * _SLOTS)
        elif kind == "input_json_delta" and index not in self._blocks:
            self._tool_calls.add_delta(index, arguments=delta.get("partial_json"))
        elif kind == "input_json_delta":
            known = self._inputs.get(index, "")
            self._inputs[index] = (known + check_text(delta.get("partial_json")))[:_MAX_INPUT_LENGTH]
        elif delta:
            yield self._extend_block(index, delta)

    def _extend_block(self, index: int, delta: dict[str, Any]) -> ContentPart:
        """Name a block after a delta of an unknown type, whose texts continue those of the block."""
        block = self._blocks.setdefault(index, {"type": delta.get("type")})
        for name, value in delta.items():
            known = block.get(name)
            if isinstance(known, str) and isinstance(value, str) and name != "type":
                block[name] = (known + value)[:_MAX_INPUT_LENGTH]
            elif name != "type":
                block[name] = value
        return ContentPart(content_parts.name_block(block), index * _SLOTS)

    def _finish_block(self, index: int) -> Iterator[Event]:
        """Name a block again when its input is complete."""
        block, text = self._blocks.get(index), self._inputs.pop(index, "")
        if block and text:
            try:
                block = {**block, "input": json.loads(text)}
            except (ValueError, RecursionError):
                block = {**block, "input": text}
            if is_search_call(block):
                yield from self._searches.add_call(block, index * _SLOTS)
            else:
                yield ContentPart(content_parts.name_block(block), index * _SLOTS)

    def _parse_stop(self, fields: Mapping[str, Any]) -> Iterator[Event]:
        reason = finish_reasons.parse_reason(fields.get("stop_reason"))
        if reason and not self.finish.is_damaged:
            self.finish.add_finish(0)
            details = {name: fields[name] for name in _STOP_FIELDS if fields.get(name)}
            yield ProviderMetadata({**self._tool_calls.to_metadata(), **details})
            is_tentative = not self.finish.is_choice_settled(0)
            yield Finish(finish_reasons.to_outcome(reason), reason, 0, is_tentative)

    def _parse_usage(self, event: dict[str, Any]) -> Iterator[Event]:
        """Counters are cumulative, and null where they are unknown."""
        raw = find_usage(event) or find_usage(get_object(event, "delta")) or find_usage(get_object(event, "message"))
        if counts := {name: value for name, value in raw.items() if value is not None}:
            self._raw_usage = merge_raw_usage(self._raw_usage, counts)
            if self.finish.finished:
                self.finish.add_usage()
            yield UsageReport(parse_anthropic_usage(self._raw_usage), dict(self._raw_usage))


def _block_index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _place_parts(slot: int, parts: Iterator[Part]) -> Iterator[Event]:
    """Events of the parts of one block, the second and later ones in slots behind it."""
    for number, part in enumerate(parts):
        place = slot + min(number, _SLOTS - 1)
        match part:
            case TextPart(text):
                yield TextDelta(text, place)
            case ThinkingPart(text):
                yield ThinkingDelta(text, place)
            case SourcePart():
                yield Citation(part)
            case ImagePart() | OtherPart():
                yield ContentPart(part, place)


_EVENT_BY_DELTA_TYPE: dict[Any, Callable[[str, int], Event]] = {
    "text_delta": TextDelta,
    "thinking_delta": ThinkingDelta,
    "signature_delta": SignatureDelta,
}


def _parse_known_delta(slot: int, delta: dict[str, Any]) -> Iterator[Event]:
    kind = str(delta.get("type"))
    if value := check_text(delta.get(kind.removesuffix("_delta"), delta.get("text"))):
        yield _EVENT_BY_DELTA_TYPE[kind](value, slot)
