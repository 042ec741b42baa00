"""The demo gateway's answers over Anthropic's messages: events, or a body."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lib.demo.reading import Wanted
from lib.demo.wire import (
    MESSAGES,
    Cache,
    Counts,
    End,
    Kind,
    Piece,
    Style,
    Why,
    data,
    error,
    event,
    sign,
)

_REASONS: MappingProxyType[Why, str] = MappingProxyType(
    {
        "done": "end_turn",
        "stop": "stop_sequence",
        "length": "max_tokens",
        "window": "model_context_window_exceeded",
        "refusal": "refusal",
        "filter": "refusal",
        "tool": "tool_use",
        "pause": "pause_turn",
    }
)
_DETAILS = MappingProxyType(
    {
        "type": "refusal",
        "category": "demo",
        "explanation": "The demo refuses here, to show what that is like.",
    }
)
_SIGNED: frozenset[Kind] = frozenset(("thinking", "sealed"))


@dataclass
class _Block:
    """A block of the answer: what it is made of, in pieces."""

    kind: Kind
    said: list[str] = field(default_factory=list)
    open: bool = True

    @property
    def text(self) -> str:
        return "".join(self.said)


class Messages:
    """One answer. Holds what was said so far."""

    def __init__(self, wanted: Wanted, style: Style, cache: Cache) -> None:
        self._wanted, self._style, self._cache = wanted, style, cache
        self._begin()

    def _begin(self) -> None:
        self._id, self._call = f"msg_{secrets.token_hex(12)}", f"toolu_{secrets.token_hex(12)}"
        self._blocks: list[_Block] = []
        self._end: End | None = None

    def opening(self) -> bytes:
        """Return what comes before the first piece."""
        return event({"type": "message_start", "message": self._shape([], 1)})

    def restart(self) -> bytes:
        """Forget what was said, and return the opening of another answer."""
        self._begin()
        return self.opening()

    def piece(self, piece: Piece) -> bytes:
        """Return the frame of one piece, and those that end and begin a block around it."""
        at = next((i for i, b in enumerate(self._blocks) if b.open and b.kind == piece.kind), None)
        before = b""
        if at is None:
            before = b"" if self._style.overlapping else self._close()
            at = len(self._blocks)
            self._blocks.append(_Block(piece.kind))
            empty = self._content(_Block(piece.kind, [piece.text] if piece.kind == "redacted" else []))
            before += event({"type": "content_block_start", "index": at, "content_block": empty})
        self._blocks[at].said.append(piece.text)
        return before + self._delta(at, piece)

    def closing(self, ends: Sequence[End]) -> bytes:
        """Return what comes after the last piece, with the reason why."""
        return self.finish(ends) + self.tail()

    def finish(self, ends: Sequence[End]) -> bytes:
        """Return the ends of open blocks and the reason."""
        before, self._end = self._close(), ends[0]
        delta: dict[str, Any] = {"stop_reason": _REASONS[ends[0].why], "stop_sequence": ends[0].sequence}
        if ends[0].why == "refusal":
            delta["stop_details"] = dict(_DETAILS)
        last = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": self._made()}}
        if self._style.usage == "never":
            last["usage"] = {}
        early = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": max(self._made() - 1, 1)}}
        return before + (event(early) if self._style.usage == "often" else b"") + event(last)

    def tail(self) -> bytes:
        """Return the end of the last block, where it is open, and the end marker."""
        return self._close() + event({"type": "message_stop"})

    def failure(self, code: str, message: str, request_id: str, named: bool = True) -> bytes:
        """Return an error in mid-stream, named as such or not."""
        said = error(MESSAGES, code, message, request_id)
        return event(said) if named else data(said)

    def early(self) -> bytes:
        """Return a sign of life that comes before the message."""
        return event({"type": "ping"})

    def oddities(self) -> bytes:
        """Return events that say nothing, and that no client knows."""
        return event({"type": "weather", "sky": "clear"}) + b"event: nothing\n\nid: 7\nretry: 3000\n\n"

    def late(self) -> bytes:
        """Return the other wire's end marker, which some gateways put behind their own."""
        return b"data: [DONE]\n\n"

    def whole(self) -> dict[str, Any]:
        """Return the answer as one body; its reason is null where it was never finished."""
        body = self._shape([self._content(block) for block in self._blocks], self._made())
        if self._end:
            body |= {"stop_reason": _REASONS[self._end.why], "stop_sequence": self._end.sequence}
            body |= {"stop_details": dict(_DETAILS)} if self._end.why == "refusal" else {}
        return body

    def _shape(self, content: list[dict[str, Any]], made: int) -> dict[str, Any]:
        head = {"id": self._id, "type": "message", "role": "assistant", "model": self._wanted.model}
        body = {**head, "content": content, "stop_reason": None, "stop_sequence": None}
        read, written = self._cache.read, self._cache.written
        usage = {
            "input_tokens": self._wanted.prompt - read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": made,
        }
        return {**body, "usage": {} if self._style.usage == "never" else usage}

    def counts(self) -> Counts:
        """Return what is to be paid for so far."""
        return Counts(self._wanted.prompt, self._cache.read, self._cache.written, self._made())

    def _made(self) -> int:
        return sum(len(block.said) for block in self._blocks)

    def _content(self, block: _Block) -> dict[str, Any]:
        match block.kind:
            case "text" | "refusal":
                return {"type": "text", "text": block.text}
            case "thinking" | "sealed":
                signature = self._signature(block) if block.said else ""
                return {
                    "type": "thinking",
                    "thinking": block.text if block.kind == "thinking" else "",
                    "signature": signature,
                }
            case "redacted":
                return {"type": "redacted_thinking", "data": sign(block.text)}
            case "tool":
                # The arguments may be cut by the limit, and are no JSON then.
                whole = block.text.endswith("}")
                called = json.loads(block.text) if whole else {}
                return {"type": "tool_use", "id": self._call, "name": self._wanted.tool, "input": called}
            case _:
                return {"type": "hologram", "light": block.text}

    def _signature(self, block: _Block) -> str:
        return sign(block.text) if self._style.signed else ""

    def _delta(self, at: int, piece: Piece) -> bytes:
        match piece.kind:
            case "text" | "refusal":
                delta = {"type": "text_delta", "text": piece.text}
            case "thinking":
                delta = {"type": "thinking_delta", "thinking": piece.text}
            case "tool":
                delta = {"type": "input_json_delta", "partial_json": piece.text}
            case "unknown":
                delta = {"type": "hologram_delta", "light": piece.text}
            case _:
                return b""
        return event({"type": "content_block_delta", "index": at, "delta": delta})

    def _close(self) -> bytes:
        """End the blocks that are open: first those that sign, then the others."""
        frames = b""
        for at, block in enumerate(self._blocks):
            if block.open and block.kind in _SIGNED and (signature := self._signature(block)):
                delta = {"type": "signature_delta", "signature": signature}
                frames += event({"type": "content_block_delta", "index": at, "delta": delta})
        for at, block in enumerate(self._blocks):
            frames += event({"type": "content_block_stop", "index": at}) if block.open else b""
            block.open = False
        return frames
