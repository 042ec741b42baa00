"""Our values to Anthropic's JSON, its frames to our events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from lib.core.conversation import Message, ThinkingPart, Usage
from lib.core.errors import GatewayError, MissingFinishReason, StreamInterrupted
from lib.core.params import (
    MIN_THINKING_BUDGET,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.reply import (
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
from lib.core.sanitize import parse_token_count
from lib.gateway.transport.sse import Frame, get_object
from lib.gateway.wires import errors, finish_reasons, model_quirks
from lib.gateway.wires.tool_calls import ToolCalls

PATH = "/v1/messages"
ANTHROPIC_VERSION = "2023-06-01"
# The format demands a limit; this is the one that the gateway fills in where none is given.
DEFAULT_MAX_TOKENS = 8192

_METADATA_FIELDS = ("id", "model", "type", "role")
_STOP_FIELDS = ("stop_sequence", "stop_details")


def headers(key: str) -> dict[str, str]:
    """The headers that carry the key and the format's version; one credential, never two."""
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return {**bearer, "anthropic-version": ANTHROPIC_VERSION}


def body(model: str, messages: Sequence[Message], params: Params) -> dict[str, Any]:
    """The request's JSON. Untouched parameters are left out; only signed thinking is sent back."""
    fitting, _ = model_quirks.adapt_params("anthropic", model, params)
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": fitting.max_tokens or DEFAULT_MAX_TOKENS + (_thinking_budget(fitting) or 0),
        "messages": [{"role": message.role, "content": _build_content(message)} for message in messages],
        "stream": params.stream,
    }
    if params.system:
        request["system"] = params.system
    request |= _build_fields(fitting)
    return merge_patch(request, parse_json_object(params.extra))


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """The body with the name of who asks in its field, and in no other that could name somebody."""
    return merge_patch(body, {"metadata": {"user_id": user}, "user": None, "safety_identifier": None})


def dropped_params(model: str, params: Params) -> list[ParamAdjustment]:
    """What of the parameters does not go into the body, or goes in another form."""
    fitting, found = model_quirks.adapt_params("anthropic", model, params)
    found += find_unsupported("anthropic", fitting)
    if fitting.budget and fitting.thinking != "budget":
        found.append(ParamAdjustment("budget_needs", "budget"))
    if fitting.format == "json":
        found.append(ParamAdjustment("schema_only", "format"))
    if any(not stop.strip() for stop in fitting.stop):
        found.append(ParamAdjustment("stops_blank", "stop"))
    if fitting.effort == "minimal":
        found.append(ParamAdjustment("sent_as", "effort", "low"))
    if fitting.effort == "none":
        thinks = fitting.thinking in ("adaptive", "budget")
        off = [name for name in ("thinking", "budget") if thinks and getattr(fitting, name)]
        found.append(ParamAdjustment("thinking_off", ",".join(("effort", *off))))
    elif fitting.thinking == "budget" and _thinking_budget(fitting) != (
        fitting.budget or MIN_THINKING_BUDGET
    ):
        budget = _thinking_budget(fitting)
        found.append(
            ParamAdjustment("budget_lowered", "budget", str(budget))
            if budget
            else ParamAdjustment("no_room", "budget")
        )
    return found


def _build_content(message: Message) -> str | list[dict[str, Any]]:
    """A message's text, with the signed thinking that it began with in front."""
    thoughts = [
        {"type": "redacted_thinking", "data": part.sealed}
        if part.sealed
        else {"type": "thinking", "thinking": part.text, "signature": part.signature}
        for part in takewhile(lambda part: isinstance(part, ThinkingPart), message.parts)
        if isinstance(part, ThinkingPart) and part.is_replayable
    ]
    return [*thoughts, {"type": "text", "text": message.text}] if thoughts else message.text


def _thinking_budget(params: Params) -> int | None:
    """The tokens of thinking, which are part of the limit and must leave room below it; None for none."""
    if params.thinking != "budget" or params.effort == "none":
        return None
    wanted = params.budget or MIN_THINKING_BUDGET
    if params.max_tokens is None or wanted < params.max_tokens:
        return wanted
    room = params.max_tokens * 4 // 5
    return room if room >= MIN_THINKING_BUDGET else None


def _build_fields(params: Params) -> dict[str, Any]:
    plain = ("temperature", "top_p", "top_k")
    fields: dict[str, Any] = {name: v for name in plain if (v := getattr(params, name)) is not None}
    # A sequence of blanks alone is refused.
    if stops := [stop for stop in params.stop if stop.strip()]:
        fields["stop_sequences"] = stops
    if params.user:
        fields["metadata"] = {"user_id": params.user}
    if params.cache:
        ttl = {"ttl": params.cache} if params.cache != "5m" else {}
        fields["cache_control"] = {"type": "ephemeral", **ttl}
    return fields | _build_thinking(params) | _build_output_config(params)


def _build_thinking(params: Params) -> dict[str, Any]:
    if params.thinking == "off" or params.effort == "none":
        return {"thinking": {"type": "disabled"}}
    if params.thinking == "adaptive":
        return {"thinking": {"type": "adaptive"}}
    if budget := _thinking_budget(params):
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return {}


def _build_output_config(params: Params) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if params.effort not in ("", "none"):
        config["effort"] = "low" if params.effort == "minimal" else params.effort
    if params.format == "schema" and params.schema:
        config["format"] = {"type": "json_schema", "schema": parse_json_object(params.schema)}
    return {"output_config": config} if config else {}


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """The events of a stream, or of one whole message in a single frame.

    Raises the gateway's error where a frame holds one, and Cut where no stop reason came.
    """
    answer = _StreamParser()
    return finish_reasons.ignore_errors_after_finish(
        _parse_events(answer, frames), lambda: answer.is_finished
    )


def _parse_events(parser: _StreamParser, frames: Iterable[Frame]) -> Iterator[Event]:
    for frame in frames:
        if frame.name == "comment":
            yield Heartbeat()
            continue
        try:
            event = frame.json()
        except StreamInterrupted:
            parser.is_incomplete = not parser.is_finished  # read on: what follows may tell why
            continue
        kind = event.get("type") or frame.name
        if kind == "content_block_delta":
            delta = get_object(event, "delta")
            text = delta.get("text")
            # Nearly all events are of this kind, so it has a way of its own.
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
                raise MissingFinishReason
            return
    if not parser.is_finished:
        raise StreamInterrupted


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """The error that a refusal means; this route answers in either format's shape."""
    return errors.error_from_response(status, headers, payload)


class _StreamParser:
    """What has to be remembered from event to event."""

    def __init__(self) -> None:
        self._raw_usage: dict[str, Any] = {}
        self.tool_calls = ToolCalls()
        self._has_started = False
        self.is_finished = False
        self.is_incomplete = False  # whether an event came broken, so that something is missing

    def parse_event(self, kind: str, event: dict[str, Any]) -> Iterator[Event]:
        if kind == "message_start":
            if self._has_started:
                self._raw_usage, self.tool_calls, self.is_finished, self.is_incomplete = (
                    {},
                    ToolCalls(),
                    False,
                    False,
                )
                yield Restart()
            self._has_started = True
            event = {**get_object(event, "message"), "type": "message"}
        if kind in ("message_start", "message"):
            yield ProviderMetadata(
                {name: event[name] for name in _METADATA_FIELDS if isinstance(event.get(name), str)}
            )
        if kind == "ping":
            yield Heartbeat()
        for index, block in _content_blocks(kind, event):
            yield from _parse_block(index, block)
            self._add_tool_call(index, block)
        # Counters are cumulative, and null where nothing new is known: merge by overwriting.
        if news := {k: v for k, v in get_object(event, "usage").items() if v is not None}:
            self._raw_usage |= news
            yield UsageReport(_parse_usage(self._raw_usage), dict(self._raw_usage))
        end = event if event.get("stop_reason") else get_object(event, "delta")
        if (reason := end.get("stop_reason")) and not self.is_incomplete:
            self.is_finished = True
            yield ProviderMetadata(
                {
                    **self.tool_calls.to_metadata(),
                    **{name: end[name] for name in _STOP_FIELDS if end.get(name)},
                }
            )
            yield Finish(finish_reasons.to_outcome(str(reason)), str(reason))

    def parse_delta(self, index: int, delta: dict[str, Any]) -> Iterator[Event]:
        """What a part of a block adds that is no text."""
        yield from _parse_block_delta(index, delta)
        if delta.get("type") == "input_json_delta":
            self.tool_calls.add_delta(index, arguments=delta.get("partial_json"))

    def _add_tool_call(self, index: int, block: dict[str, Any]) -> None:
        if block.get("type") == "tool_use":
            given = json.dumps(block["input"]) if block.get("input") else ""
            self.tool_calls.add_delta(index, block.get("id"), block.get("name"), given)


def _block_index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _content_blocks(kind: str, event: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The blocks that begin with an event. They may overlap, so all goes by the index."""
    if kind == "content_block_start":
        return [(_block_index(event), get_object(event, "content_block"))]
    content = event.get("content") if kind in ("message_start", "message") else None
    blocks = enumerate(content if isinstance(content, list) else [])
    return [(place, block) for place, block in blocks if isinstance(block, dict)]


def _parse_block(index: int, block: dict[str, Any]) -> Iterator[Event]:
    """What a block holds from its start: nothing in most streams, all of it in a whole message."""
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
    """`input` here is what the format splits in three: fresh, read from the cache, written to it."""
    split = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    fresh, cached, written = (parse_token_count(raw.get(name)) for name in split)
    known = [count for count in (fresh, cached, written) if count is not None]
    return Usage(
        input=sum(known) if known else None,
        output=parse_token_count(raw.get("output_tokens")),
        cached=cached,
        written=written,
        reasoning=parse_token_count(get_object(raw, "output_tokens_details").get("thinking_tokens")),
    )
