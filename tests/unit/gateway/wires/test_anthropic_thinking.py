"""Anthropic's wire: thinking whose text is omitted."""

import json
from typing import Any

from lib.core.events import Event, Heartbeat, ProviderMetadata, SignatureDelta, TextDelta
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import anthropic


def stream_events(*events: dict[str, Any]) -> list[Event]:
    frames = (Frame(event["type"], json.dumps(event)) for event in events)
    return [event for event in anthropic.events(frames) if not isinstance(event, ProviderMetadata)]


def block(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": fields}


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def test_thinking_without_text_is_a_sign_of_thinking() -> None:
    """Source: platform.claude.com, "Thinking", the event sequence with `display` "omitted"."""
    events = stream_events(
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": [], "usage": {}}},
        block(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking=""),
        delta(0, type="signature_delta", signature="s"),
        block(1, type="text", text=""),
        delta(1, type="text_delta", text="4"),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )
    kinds = [type(event) for event in events[:3]]
    assert kinds == [Heartbeat, SignatureDelta, TextDelta]
    assert events[0] == Heartbeat(is_thinking=True)
