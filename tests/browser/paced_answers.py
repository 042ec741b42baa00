"""Answers of the replayed gateway that arrive piece by piece, at a pace that no load of the machine changes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.support.replay import Canned

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
_EVENT_BYTES = 200


def build_paced_answer(wire: str, pieces: Sequence[str], pause: float, *, thoughts: Sequence[str] = ()) -> Canned:
    """Return the response over a wire that sends these pieces of thinking and of text, `pause` seconds after each."""
    if wire == "openai":
        deltas = [*({"reasoning_content": piece} for piece in thoughts), *({"content": piece} for piece in pieces)]
        events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    else:
        event = {"type": "content_block_delta"}
        events = [{**event, "index": 0, "delta": {"type": "thinking_delta", "thinking": piece}} for piece in thoughts]
        events += [{**event, "index": 1, "delta": {"type": "text_delta", "text": piece}} for piece in pieces]
        events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}})
        events.append({"type": "message_stop"})
    return Canned(b"".join(_encode(event) for event in events), piece=_EVENT_BYTES, pause=pause)


def _encode(event: dict) -> bytes:
    data = json.dumps(event).encode()
    # Of one length, so that each piece that is sent is one event.
    return b"data: " + data + b" " * (_EVENT_BYTES - 8 - len(data)) + b"\n\n"
