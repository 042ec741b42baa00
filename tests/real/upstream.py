"""Responses of an upstream behind the proxy, in the format of either wire."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lib.core.target import Wire
from tests.support.replay import JSON, Canned

PATHS: dict[Wire, str] = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


def complete_stream(wire: Wire, text: Sequence[str], thinking: Sequence[str] = ()) -> Canned:
    """A complete stream of these deltas: 1,000 input tokens, 400 of them cached, and 50 output tokens."""
    return Canned(b"".join((*stream_start(wire, text, thinking), *_stream_end(wire, bool(thinking)))))


def failing_stream(wire: Wire, text: Sequence[str], message: str) -> Canned:
    """A stream of these deltas that ends with an error event."""
    error = {"type": "overloaded_error", "message": message}
    last = _data({"error": error}) if wire == "openai" else _event("error", error=error)
    return Canned(b"".join((*stream_start(wire, text), last)))


def error_response(wire: Wire, status: int, error_type: str, message: str) -> Canned:
    """An error response in the wire's format."""
    error: dict[str, Any] = {"type": error_type, "message": message}
    shape = {"error": error} if wire == "openai" else {"type": "error", "error": error}
    return Canned(json.dumps(shape).encode(), status, JSON, framing="length")


def stream_start(wire: Wire, text: Sequence[str], thinking: Sequence[str] = ()) -> Iterable[bytes]:
    """The first frames of a stream, with one delta of text or thinking in each."""
    if wire == "openai":
        yield _chunk({"role": "assistant", "content": ""})
        yield from (_chunk({"reasoning_content": part}) for part in thinking)
        yield from (_chunk({"content": part}) for part in text)
        return
    usage = {"input_tokens": 600, "cache_read_input_tokens": 400, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "replayed", "content": []}
    yield _event("message_start", message={**message, "stop_reason": None, "usage": usage})
    if thinking:
        yield _event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
        yield from (_delta(0, "thinking", part) for part in thinking)
        yield _delta(0, "signature", "c2lnbmVk")
        yield _event("content_block_stop", index=0)
    index = 1 if thinking else 0
    yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    yield from (_delta(index, "text", part) for part in text)


def _stream_end(wire: Wire, has_thinking: bool) -> Iterable[bytes]:
    if wire == "openai":
        yield _chunk({}, "stop")
        yield _data({**_CHUNK_FIELDS, "choices": [], "usage": _USAGE})
        yield b"data: [DONE]\n\n"
        return
    yield _event("content_block_stop", index=1 if has_thinking else 0)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _event("message_delta", delta=delta, usage={"output_tokens": 50})
    yield _event("message_stop")


_CHUNK_FIELDS: Mapping[str, object] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "replayed",
}
_USAGE: Mapping[str, object] = {
    "prompt_tokens": 1_000,
    "completion_tokens": 50,
    "total_tokens": 1_050,
    "prompt_tokens_details": {"cached_tokens": 400},
}


def _chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
    return _data({**_CHUNK_FIELDS, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _delta(index: int, block_type: str, part: str) -> bytes:
    return _event("content_block_delta", index=index, delta={"type": f"{block_type}_delta", block_type: part})


def _event(name: str, **fields: object) -> bytes:
    return f"event: {name}\n".encode() + _data({"type": name, **fields})


def _data(value: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
