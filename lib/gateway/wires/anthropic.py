"""Anthropic's wire: request bodies for /v1/messages, and its stream as events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from lib.core.conversation import Message, ThinkingPart, Usage
from lib.core.errors import GatewayError, MissingFinishReason, StreamInterrupted
from lib.core.events import (
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
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    MIN_THINKING_BUDGET,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.sanitize import get_object, parse_token_count
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import claude_rules, errors, finish_reasons, model_quirks
from lib.gateway.wires.refusals import RefusalDetector
from lib.gateway.wires.tool_calls import ToolCalls

PATH = "/v1/messages"
ANTHROPIC_VERSION = "2023-06-01"

_METADATA_FIELDS = ("id", "model", "type", "role")
_STOP_FIELDS = ("stop_sequence", "stop_details")


def headers(key: str) -> dict[str, str]:
    """Headers that carry the format's version and the key, as a single credential."""
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return {**bearer, "anthropic-version": ANTHROPIC_VERSION}


def body(
    model: str, messages: Sequence[Message], params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> dict[str, Any]:
    """Return the JSON of a request. Unset parameters are omitted, and only signed thinking is sent back.

    Two are sent without a value: the output limit, which the format requires, and the display of thinking
    for models that would leave out its text.
    """
    adapted, _ = model_quirks.adapt_params("anthropic", model, params, capabilities)
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": adapted.max_tokens,
        "messages": [{"role": message.role, "content": _build_content(message)} for message in messages],
        "stream": params.stream,
    }
    if params.system:
        request["system"] = params.system
    request |= _build_fields(adapted) | _build_thinking(claude_rules.rules_of(model, capabilities), adapted)
    return merge_patch(request, parse_json_object(params.extra))


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `metadata.user_id` and in no other user field."""
    return merge_patch(body, {"metadata": {"user_id": user}, "user": None, "safety_identifier": None})


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = model_quirks.adapt_params("anthropic", model, params, capabilities)
    adjustments += find_unsupported("anthropic", adapted)
    if adapted.budget and adapted.thinking != "budget":
        adjustments.append(ParamAdjustment("budget_needs", "budget"))
    if adapted.format == "json":
        adjustments.append(ParamAdjustment("schema_only", "format"))
    if any(not stop.strip() for stop in adapted.stop):
        adjustments.append(ParamAdjustment("stops_blank", "stop"))
    if adapted.effort == "minimal":
        adjustments.append(ParamAdjustment("sent_as", "effort", "low"))
    return [*adjustments, *_thinking_adjustments(adapted)]


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a stream, or of a complete message in a single frame.

    Raises the gateway's error for an error frame, StreamInterrupted without a stop reason, and
    MissingFinishReason for `message_stop` without one.
    """
    parser = _StreamParser()
    return finish_reasons.ignore_errors_after_finish(_parse_events(parser, frames), lambda: parser.is_finished)


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of Anthropic or of any gateway."""
    return errors.error_from_response(status, headers, payload)


def _thinking_adjustments(params: Params) -> list[ParamAdjustment]:
    """Return the adjustment of thinking and its budget, if there is one."""
    if params.effort == "none":
        is_thinking = params.thinking in ("adaptive", "budget")
        dropped = [name for name in ("thinking", "budget") if is_thinking and getattr(params, name)]
        return [ParamAdjustment("thinking_off", ",".join(("effort", *dropped)))]
    budget = model_quirks.thinking_budget(params)
    if params.thinking != "budget" or budget == (params.budget or MIN_THINKING_BUDGET):
        return []
    if not budget:
        return [ParamAdjustment("no_room", "budget")]
    return [ParamAdjustment("budget_lowered", "budget", str(budget))]


def _build_content(message: Message) -> str | list[dict[str, Any]]:
    """Return the text of a message, preceded by the signed or redacted thinking at its start."""
    thinking = [
        {"type": "redacted_thinking", "data": part.redacted_data}
        if part.redacted_data
        else {"type": "thinking", "thinking": part.text, "signature": part.signature}
        for part in takewhile(lambda part: isinstance(part, ThinkingPart), message.parts)
        if isinstance(part, ThinkingPart) and part.is_replayable
    ]
    return [*thinking, {"type": "text", "text": message.text}] if thinking else message.text


def _build_fields(params: Params) -> dict[str, Any]:
    names = ("temperature", "top_p", "top_k")
    fields: dict[str, Any] = {name: v for name in names if (v := getattr(params, name)) is not None}
    # Anthropic rejects stop sequences of whitespace only.
    if stops := [stop for stop in params.stop if stop.strip()]:
        fields["stop_sequences"] = stops
    if params.user:
        fields["metadata"] = {"user_id": params.user}
    if params.cache not in ("", "off"):
        ttl = {"ttl": params.cache} if params.cache != "5m" else {}
        fields["cache_control"] = {"type": "ephemeral", **ttl}
    return fields | _build_output_config(params)


def _build_thinking(rules: claude_rules.ClaudeRules, params: Params) -> dict[str, Any]:
    if params.thinking == "off" or params.effort == "none":
        return {"thinking": {"type": rules.off_type}}
    text = params.display or ("summarized" if rules.omits_thinking else "")
    display = {"display": text} if text else {}
    # Where thinking is on by default, "adaptive" is what a request without the field does.
    if params.thinking == "adaptive" or (not params.thinking and rules.thinks_by_default and display):
        return {"thinking": {"type": "adaptive", **display}}
    if budget := model_quirks.thinking_budget(params):
        return {"thinking": {"type": "enabled", "budget_tokens": budget, **display}}
    return {}


def _build_output_config(params: Params) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if params.effort not in ("", "none"):
        config["effort"] = "low" if params.effort == "minimal" else params.effort
    if params.format == "schema" and params.schema:
        config["format"] = {"type": "json_schema", "schema": parse_json_object(params.schema)}
    return {"output_config": config} if config else {}


def _parse_events(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    refusals = RefusalDetector("content", "choices")
    for frame in frames:
        if frame.name == "comment":
            yield Heartbeat()
            continue
        try:
            event = frame.json()
        except StreamInterrupted:
            parser.is_incomplete = not parser.is_finished  # read on: an error may follow
            continue
        kind = event.get("type") or frame.name
        if kind == "content_block_delta":
            delta = get_object(event, "delta")
            text = delta.get("text")
            # A shortcut for nearly all events.
            if delta.get("type") == "text_delta" and isinstance(text, str) and text:
                yield TextDelta(text, _block_index(event))
            else:
                yield from parser.parse_delta(_block_index(event), delta)
            continue
        if frame.name == "error" or errors.is_error(event):
            raise errors.error_from_stream_event(event or frame.data)
        yield from parser.parse_event(kind, event)
        if kind == "message_stop" or frame.data.strip() == "[DONE]":
            if not parser.is_finished:
                refusals.raise_words(has_started=parser.has_started)
                raise MissingFinishReason
            return
        refusals.add(frame, event)
    if not parser.is_finished:
        yield refusals.end(has_started=parser.has_started, is_incomplete=parser.is_incomplete)


class _StreamParser:
    """State of a stream between its events."""

    def __init__(self) -> None:
        self.has_started = False
        self._reset()

    def _reset(self) -> None:
        self._raw_usage: dict[str, Any] = {}
        self._tool_calls = ToolCalls()
        self.is_finished = False
        self.is_incomplete = False  # true after a broken event: part of the answer is missing

    def parse_event(self, kind: str, event: dict[str, Any]) -> Iterator[Event]:
        if kind == "message_start":
            if self.has_started:
                self._reset()
                yield Restart()
            self.has_started = True
            event = {**get_object(event, "message"), "type": "message"}
        if kind in ("message_start", "message"):
            yield ProviderMetadata({name: event[name] for name in _METADATA_FIELDS if isinstance(event.get(name), str)})
        if kind == "ping":
            yield Heartbeat()
        for index, block in _content_blocks(kind, event):
            yield from _parse_block(index, block)
            self._add_tool_call(index, block)
        # Counters are cumulative, and null where they are unknown: merge by overwriting.
        if counts := {name: v for name, v in get_object(event, "usage").items() if v is not None}:
            self._raw_usage |= counts
            yield UsageReport(_parse_usage(self._raw_usage), dict(self._raw_usage))
        yield from self._parse_stop(event if event.get("stop_reason") else get_object(event, "delta"))

    def _parse_stop(self, fields: dict[str, Any]) -> Iterator[Event]:
        reason = fields.get("stop_reason")
        if reason and not self.is_incomplete:
            self.is_finished = True
            details = {name: fields[name] for name in _STOP_FIELDS if fields.get(name)}
            yield ProviderMetadata({**self._tool_calls.to_metadata(), **details})
            yield Finish(finish_reasons.to_outcome(str(reason)), str(reason))

    def parse_delta(self, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        """Events of a delta of any type; deltas of tool calls are collected."""
        yield from _parse_block_delta(index, delta)
        if delta.get("type") == "input_json_delta":
            self._tool_calls.add_delta(index, arguments=delta.get("partial_json"))

    def _add_tool_call(self, index: int, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use":
            arguments = json.dumps(block["input"]) if block.get("input") else ""
            self._tool_calls.add_delta(index, block.get("id"), block.get("name"), arguments)


def _block_index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _content_blocks(kind: str, event: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Content blocks that start with this event, by index: on the wire they may overlap."""
    if kind == "content_block_start":
        return [(_block_index(event), get_object(event, "content_block"))]
    content = event.get("content") if kind in ("message_start", "message") else None
    blocks = enumerate(content if isinstance(content, list) else [])
    return [(index, block) for index, block in blocks if isinstance(block, dict)]


def _parse_block(index: int, block: dict[str, Any]) -> Iterator[Event]:
    """Events of a block's initial content: empty in a stream, all of it in a complete message."""
    match block.get("type"):
        case "text":
            yield from _parse_block_delta(index, {**block, "type": "text_delta"})
        case "thinking":
            yield from _parse_block_delta(index, {**block, "type": "thinking_delta"})
            yield from _parse_block_delta(index, {**block, "type": "signature_delta"})
        case "redacted_thinking" if isinstance(block.get("data"), str):
            yield RedactedThinking(block["data"], index)


_EVENT_BY_DELTA_TYPE: dict[str, Callable[[str, int], Event]] = {
    "text_delta": TextDelta,
    "thinking_delta": ThinkingDelta,
    "signature_delta": SignatureDelta,
}


def _parse_block_delta(index: int, delta: dict[str, Any]) -> Iterator[Event]:
    kind = str(delta.get("type"))
    value = delta.get(kind.removesuffix("_delta"))
    if kind in _EVENT_BY_DELTA_TYPE and isinstance(value, str) and value:
        yield _EVENT_BY_DELTA_TYPE[kind](value, index)


def _parse_usage(raw: dict[str, Any]) -> Usage:
    """Usage with `input` as the sum of uncached input, cache reads and cache writes."""
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    uncached, cached, written = (parse_token_count(raw.get(name)) for name in names)
    counts = [count for count in (uncached, cached, written) if count is not None]
    return Usage(
        input=sum(counts) if counts else None,
        output=parse_token_count(raw.get("output_tokens")),
        cache_read=cached,
        cache_write=written,
        reasoning=parse_token_count(get_object(raw, "output_tokens_details").get("thinking_tokens")),
    )
