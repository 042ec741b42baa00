"""Our values to Anthropic's JSON, its frames to our events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.errors import Cut, GatewayError
from lib.core.reply import (
    Event,
    Finish,
    Restart,
    Served,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from lib.core.types import TEMPERATURE_MAX, Message, Outcome, Params, Usage, count
from lib.gateway import faults
from lib.gateway.frames import Frame, inner

PATH = "/v1/messages"
VERSION = "2023-06-01"
# The format demands a limit; this is the one that the gateway fills in where none is given.
DEFAULT_MAX_TOKENS = 8192

_OUTCOMES = {
    "max_tokens": Outcome.LENGTH,
    "model_context_window_exceeded": Outcome.LENGTH,
    "refusal": Outcome.REFUSED,
}


def headers(key: str) -> dict[str, str]:
    """The headers that carry the key and the format's version; one credential, never two."""
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    return {**bearer, "anthropic-version": VERSION}


def body(model: str, messages: Sequence[Message], params: Params) -> dict[str, Any]:
    """The request's JSON. Untouched parameters are left out; thinking is not sent back."""
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": params.max_tokens or DEFAULT_MAX_TOKENS,
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "stream": True,
    }
    if params.system:
        request["system"] = params.system
    if params.temperature is not None:
        request["temperature"] = min(params.temperature, TEMPERATURE_MAX["anthropic"])
    return request


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """The events of a stream, or of one whole message in a single frame.

    Raises the gateway's error where a frame holds one, and Cut where no stop reason came.
    """
    raw_usage: dict[str, Any] = {}
    started = finished = False
    for frame in frames:
        if frame.data.strip() == "[DONE]":
            break
        event = frame.json()
        if frame.name == "error" or faults.is_error(event):
            raise faults.midway(event or frame.data)
        kind = event.get("type") or frame.name
        if kind == "message_start":
            if started:
                raw_usage, finished = {}, False
                yield Restart()
            started = True
            event = {**inner(event, "message"), "type": "message"}
        yield from _said(kind, event)
        # Counters are cumulative, and null where nothing new is known: merge by overwriting.
        if news := {k: v for k, v in inner(event, "usage").items() if v is not None}:
            raw_usage |= news
            yield UsageReport(_usage(raw_usage))
        if reason := event.get("stop_reason") or inner(event, "delta").get("stop_reason"):
            finished = True
            yield Finish(_OUTCOMES.get(str(reason), Outcome.COMPLETE), str(reason))
        if kind == "message_stop":
            break
    if not finished:
        raise Cut


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """The error that a refusal means; this route answers in either format's shape."""
    return faults.refusal(status, headers, payload)


def _said(kind: str, event: dict[str, Any]) -> Iterator[Event]:
    """What one event adds. Blocks may overlap, so all goes by the index, never by "the current block"."""
    index = event["index"] if isinstance(event.get("index"), int) else 0
    match kind:
        case "message_start":
            yield Served(str(event.get("id") or ""), str(event.get("model") or ""))
        case "content_block_start":
            yield from _block(index, inner(event, "content_block"))
        case "content_block_delta":
            yield from _delta(index, inner(event, "delta"))
        case "message":
            yield Served(str(event.get("id") or ""), str(event.get("model") or ""))
            content = event.get("content")
            for place, block in enumerate(content if isinstance(content, list) else []):
                if isinstance(block, dict):
                    yield from _block(place, block)


def _block(index: int, block: dict[str, Any]) -> Iterator[Event]:
    """What a block holds from its start: nothing in most streams, all of it in a whole message."""
    if block.get("type") == "text":
        yield from _delta(index, {**block, "type": "text_delta"})
    elif block.get("type") == "thinking":
        yield from _delta(index, {**block, "type": "thinking_delta"})
        yield from _delta(index, {**block, "type": "signature_delta"})


def _delta(index: int, delta: dict[str, Any]) -> Iterator[Event]:
    name = str(delta.get("type") or "").removesuffix("_delta")
    value = delta.get(name)
    if not isinstance(value, str) or not value:
        return
    if name == "text":
        yield TextDelta(value, index)
    elif name == "thinking":
        yield ThinkingDelta(value, index)
    elif name == "signature":
        yield SignatureDelta(value, index)


def _usage(raw: dict[str, Any]) -> Usage:
    """`input` here is what the format splits in three: fresh, read from the cache, written to it."""
    fresh, cached, written = (
        count(raw.get(name))
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    known = [count for count in (fresh, cached, written) if count is not None]
    return Usage(
        input=sum(known) if known else None,
        output=count(raw.get("output_tokens")),
        cached=cached,
        written=written,
        reasoning=count(inner(raw, "output_tokens_details").get("thinking_tokens")),
    )
