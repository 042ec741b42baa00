"""Turns that the vendor has paused: the content of the answer, which the next request sends back unchanged.

Anthropic ends a response with `pause_turn` when its own tools take long. The next request has the content so far as the
last message, encrypted results and signatures included. Source: platform.claude.com, "Handling stop reasons".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lib.core.sanitize import get_list, get_object
from lib.gateway.transport.sse import Frame

MAX_CONTINUATIONS = 5  # of one answer
_MAX_CHARS = 20_000_000  # of the frames of one response; a longer one is not continued
_TEXT_FIELDS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class TurnContent:
    """The content blocks of one response, read beside the parser of its events."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._chunks: dict[tuple[int, str], list[str]] = {}
        self._stop_reason = ""
        self._size = 0

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames unchanged, and keep what they say."""
        for frame in frames:
            self._size += len(frame.data)
            if frame.name != "comment" and self._size <= _MAX_CHARS:
                self._read(frame.data)
            yield frame

    def continuation(self) -> list[dict[str, Any]]:
        """Return the content of a paused turn as it is sent back; [] for a turn that is not paused, or too long."""
        if self._stop_reason != "pause_turn" or self._size > _MAX_CHARS:
            return []
        blocks = [self._close(index, block) for index, block in sorted(self._blocks.items())]
        # The format rejects empty texts, which a stream may begin with.
        return [block for block in blocks if block.get("type") != "text" or str(block.get("text") or "").strip()]

    def _read(self, data: str) -> None:
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return
        if not isinstance(event, dict):
            return
        if event.get("type") == "message_start":
            self._blocks.clear()
            self._chunks.clear()
        message = event if event.get("type") == "message" else get_object(event, "message")
        for number, whole in enumerate(get_list(message, "content")):
            self._start(number, whole)
        index = event.get("index")
        if isinstance(index, int) and event.get("type") == "content_block_start":
            self._start(index, event.get("content_block"))
        elif isinstance(index, int) and event.get("type") == "content_block_delta":
            self._extend(index, get_object(event, "delta"))
        reason = get_object(event, "delta").get("stop_reason") or message.get("stop_reason")
        if isinstance(reason, str):
            self._stop_reason = reason

    def _start(self, index: int, block: Any) -> None:
        if isinstance(block, dict):
            self._blocks[index] = dict(block)

    def _extend(self, index: int, delta: Mapping[str, Any]) -> None:
        block, kind = self._blocks.get(index), delta.get("type")
        if block is None:
            return
        if kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
        elif kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
            self._chunks.setdefault((index, "input"), []).append(delta["partial_json"])
        elif (name := _TEXT_FIELDS.get(str(kind), "")) and isinstance(delta.get(name), str):
            self._chunks.setdefault((index, name), []).append(delta[name])

    def _close(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        """Return a block with its deltas."""
        result = dict(block)
        for name in _TEXT_FIELDS.values():
            if chunks := self._chunks.get((index, name)):
                result[name] = str(result.get(name) or "") + "".join(chunks)
        if chunks := self._chunks.get((index, "input")):
            try:
                result["input"] = json.loads("".join(chunks))
            except (ValueError, RecursionError):
                result.setdefault("input", {})
        return result


def continue_turn(body: Mapping[str, Any], content: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request that continues a paused turn: its last message is the answer so far."""
    messages = list(get_list(dict(body), "messages"))
    if messages and get_object({"last": messages[-1]}, "last").get("role") == "assistant":
        last = messages.pop()
        content = [*get_list(last, "content"), *content]
    return {**body, "messages": [*messages, {"role": "assistant", "content": content}]}
