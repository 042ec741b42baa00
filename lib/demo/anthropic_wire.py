"""Answers of the demo gateway over /v1/messages."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from lib.demo.request import ParsedRequest
from lib.demo.search import citation, results
from lib.demo.wire import (
    ANTHROPIC,
    CacheUsage,
    Delta,
    DeltaKind,
    Finish,
    TokenCounts,
    error_payload,
    named_event,
)

_REFUSAL_DETAILS = MappingProxyType(
    {"type": "refusal", "category": "demo", "explanation": "The demo refuses to show a refusal."}
)


@dataclass
class Block:
    """A content block: its kind and its deltas."""

    kind: DeltaKind
    texts: list[str] = field(default_factory=list)
    is_open: bool = True
    citations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.texts)


class AnthropicWire:
    """One answer as events or as one body; holds the blocks sent so far."""

    finish_reasons: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "stop": "end_turn",
            "stop_sequence": "stop_sequence",
            "length": "max_tokens",
            "refusal": "refusal",
            "filter": "refusal",
        }
    )

    def __init__(self, request: ParsedRequest, cache: CacheUsage) -> None:
        self.request, self.cache = request, cache
        self.reset()

    def reset(self) -> None:
        """Begin a new answer under a new id."""
        self.id = f"msg_{secrets.token_hex(12)}"
        self.blocks: list[Block] = []
        self.stop: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}

    def opening(self) -> bytes:
        """Return the events before the first delta."""
        return named_event({"type": "message_start", "message": self.message([], 1)})

    def delta(self, delta: Delta) -> bytes:
        """Record a delta and return its event, after those that close and open blocks for it."""
        if delta.kind == "citation":
            return self.cite(delta)
        index = self.open_block(delta.kind)
        opening = b""
        if index is None:
            index, opening = len(self.blocks), self.before_block()
            self.blocks.append(Block(delta.kind))
            opening += named_event(
                {
                    "type": "content_block_start",
                    "index": index,
                    "content_block": self.content(Block(delta.kind, self.opening_texts(delta))),
                }
            )
        self.blocks[index].texts.append(delta.text)
        events = opening + self.delta_event(index, self.delta_fields(delta))
        # A search runs once its query is complete.
        return events + self.close_blocks() if delta.kind == "search" else events

    def cite(self, delta: Delta) -> bytes:
        """Add a citation to the open text and return its event; b"" without a text."""
        index = self.open_block("text")
        if index is None:
            return b""
        cited = citation(delta.text, self.request.is_chinese)
        self.blocks[index].citations.append(cited)
        return self.delta_event(index, {"type": "citations_delta", "citation": cited})

    def finish(self, finishes: Sequence[Finish]) -> bytes:
        """Close all blocks and return the event with the stop reason of the first choice."""
        closing = self.close_blocks()
        reason, sequence = self.finish_reasons[finishes[0].reason], finishes[0].stop_sequence
        self.stop = {"stop_reason": reason, "stop_sequence": sequence}
        if finishes[0].reason == "refusal":
            self.stop["stop_details"] = dict(_REFUSAL_DETAILS)
        last = {"type": "message_delta", "delta": self.stop, "usage": self.final_usage()}
        return closing + named_event(last)

    def end(self) -> bytes:
        """Return the last event, after those that close open blocks."""
        return self.close_blocks() + named_event({"type": "message_stop"})

    def failure(self, code: str, message: str, request_id: str) -> bytes:
        """Return an error event for the middle of a stream."""
        return named_event(error_payload(ANTHROPIC, code, message, request_id))

    def body(self) -> dict[str, Any]:
        """Return the answer as one body; the stop reason is null when it was never finished."""
        content = [self.content(block) for block in self.blocks]
        return {**self.message(content, self.output_tokens()), **self.stop}

    def counts(self) -> TokenCounts:
        """Return the tokens to be billed so far."""
        return TokenCounts(self.request.prompt_tokens, self.output_tokens(), self.cache, self.searches())

    def searches(self) -> int:
        """Return the number of searches so far."""
        return sum(block.kind == "search" for block in self.blocks)

    def output_tokens(self) -> int:
        """Return the number of deltas so far."""
        return sum(len(block.texts) for block in self.blocks)

    def final_usage(self) -> dict[str, Any]:
        """Return the usage of the last event."""
        return {"output_tokens": self.output_tokens(), **self.search_usage()}

    def search_usage(self) -> dict[str, Any]:
        """Return the number of searches as the wire names it; {} without any."""
        count = self.searches()
        return {"server_tool_use": {"web_search_requests": count}} if count else {}

    def message(self, content: list[dict[str, Any]], output_tokens: int) -> dict[str, Any]:
        """Return a message object."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.request.model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                "input_tokens": self.request.prompt_tokens - self.cache.read - self.cache.written,
                "cache_creation_input_tokens": self.cache.written,
                "cache_read_input_tokens": self.cache.read,
                "output_tokens": output_tokens,
                **self.search_usage(),
            },
        }

    def open_block(self, kind: DeltaKind) -> int | None:
        """Return the index of the open block of this kind, or None."""
        return next((i for i, block in enumerate(self.blocks) if block.is_open and block.kind == kind), None)

    def before_block(self) -> bytes:
        """Return the events before a new block: those that close the block before it."""
        return self.close_blocks()

    def opening_texts(self, delta: Delta) -> list[str]:
        """Return the texts that a block holds in its opening event already."""
        return [delta.text] if delta.kind == "found" else []

    def close_blocks(self) -> bytes:
        """Close the open blocks; thinking is signed first."""
        events = b""
        for index, block in enumerate(self.blocks):
            if block.is_open:
                signature = self.signature(block)
                if signature:
                    events += self.delta_event(index, {"type": "signature_delta", "signature": signature})
                events += named_event({"type": "content_block_stop", "index": index})
                block.is_open = False
        return events

    def signature(self, block: Block) -> str:
        """Return the signature of a block, empty for all but thinking."""
        return sign(block.text) if block.kind == "thinking" and block.texts else ""

    def content(self, block: Block) -> dict[str, Any]:
        """Return a content block."""
        if block.kind == "thinking":
            return {"type": "thinking", "thinking": block.text, "signature": self.signature(block)}
        if block.kind == "search":
            query = {"query": block.text} if block.text else {}
            return {"type": "server_tool_use", "id": self.call_id(block), "name": "web_search", "input": query}
        if block.kind == "found":
            found = results(block.text, self.request.is_chinese)
            return {"type": "web_search_tool_result", "tool_use_id": self.call_id(block), "content": found}
        return {"type": "text", "text": block.text, **({"citations": block.citations} if block.citations else {})}

    def call_id(self, block: Block) -> str:
        """Return the id of a search, which its results repeat; a block that is not recorded stands for the last."""
        position = next((i for i, known in enumerate(self.blocks) if known is block), len(self.blocks) - 1)
        count = sum(known.kind == "search" for known in self.blocks[:position])
        return f"srvtoolu_{self.id.removeprefix('msg_')}{count - (block.kind == 'found')}"

    def delta_fields(self, delta: Delta) -> dict[str, Any]:
        """Return the `delta` object of an event; empty when the delta has no event of its own."""
        if delta.kind == "thinking":
            return {"type": "thinking_delta", "thinking": delta.text}
        if delta.kind == "search":
            return {"type": "input_json_delta", "partial_json": json.dumps({"query": delta.text})}
        if delta.kind == "found":
            return {}
        return {"type": "text_delta", "text": delta.text}

    def delta_event(self, index: int, fields: dict[str, Any]) -> bytes:
        """Return the event of a delta of the block at `index`."""
        return named_event({"type": "content_block_delta", "index": index, "delta": fields}) if fields else b""


def sign(thinking: str) -> str:
    """Return a signature of `thinking`, by which a later request proves that the text is unchanged."""
    return base64.b64encode(hashlib.sha256(thinking.encode(errors="replace")).digest()).decode()
