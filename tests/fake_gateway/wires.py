"""Wires of the fake gateway: those of the demo with content and habits of real gateways added."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from lib.demo.anthropic_wire import AnthropicWire, Block, sign
from lib.demo.openai_wire import OpenAIWire
from lib.demo.request import ParsedRequest
from lib.demo.wire import ANTHROPIC, CacheUsage, Delta, Finish, data_event, encode, error_payload, named_event


@dataclass(frozen=True)
class Style:
    """Differences between gateways in a regular answer."""

    reasoning_field: str = "reasoning_content"
    is_signed: bool = True
    is_overlapping: bool = False
    usage: Literal["once", "often", "never"] = "once"


def tool_name(body: Mapping[str, Any]) -> str:
    """Return the name of the first tool of a request."""
    tools = body.get("tools") or [{}]
    return (tools[0].get("function") or tools[0]).get("name") or "look_up"


def bare_error(code: str, message: str, request_id: str) -> bytes:
    """Return an error as a line of JSON that is no event."""
    return encode(error_payload(ANTHROPIC, code, message, request_id)) + b"\n"


class FakeOpenAIWire(OpenAIWire):
    """/v1/chat/completions with tool calls, hidden thinking and unknown content."""

    finish_reasons = MappingProxyType(
        {
            **OpenAIWire.finish_reasons,
            "window": "model_context_window_exceeded",
            "tool": "tool_calls",
            "pause": "pause_turn",
            "length once": "length",
        }
    )

    def __init__(self, request: ParsedRequest, cache: CacheUsage, style: Style) -> None:
        self.style = style
        self.fields = {**OpenAIWire.fields, "thinking": style.reasoning_field, "unknown": "unknown"}
        super().__init__(request, cache)

    def reset(self) -> None:
        super().reset()
        self.call_id = f"call_{secrets.token_hex(12)}"

    def delta_fields(self, delta: Delta) -> dict[str, Any]:
        match delta.kind:
            case "sealed":
                return {self.style.reasoning_field: "\n"}
            case "redacted":
                return {}
            case "tool":
                is_first = sum(earlier.kind == "tool" for earlier in self.choices[delta.choice]) == 1
                return {"tool_calls": [self._tool_call(delta.text, is_first)]}
        return super().delta_fields(delta)

    def message(self, deltas: Sequence[Delta]) -> dict[str, Any]:
        shown = [delta for delta in deltas if delta.kind in ("text", "thinking", "refusal")]
        message = super().message(shown)
        if arguments := "".join(delta.text for delta in deltas if delta.kind == "tool"):
            call = self._tool_call(arguments, is_first=True)
            message["tool_calls"] = [{name: call[name] for name in ("id", "type", "function")}]
        return message

    def chunk(self, index: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason}
        usage = self.usage() if self.style.usage == "often" else None
        return data_event(self.payload("chunk", [choice], usage))

    def usage(self) -> dict[str, Any] | None:
        return None if self.style.usage == "never" else super().usage()

    def failure(self, code: str, message: str, request_id: str, is_named: bool = False) -> bytes:
        return (b"event: error\n" if is_named else b"") + super().failure(code, message, request_id)

    def events_before(self) -> bytes:
        """Return a chunk that some servers send before the first one."""
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        return data_event({**first, "prompt_filter_results": [{"prompt_index": 0}]})

    def unknown_events(self) -> bytes:
        """Return chunks without content, as real servers send them."""
        bare = {"index": 0, "content_filter_offsets": {"start_offset": 0}, "finish_reason": None}
        return (
            b"id: 7\nretry: 3000\n"
            + data_event(self.payload("chunk", [], None) | {"object": "weather.report", "sky": "clear"})
            + data_event(self.payload("chunk", [bare], None))
            + self.chunk(0, {"content": None})
        )

    def events_after(self) -> bytes:
        """Return a comment after the end marker."""
        return b": the end\n\n"

    def _tool_call(self, arguments: str, is_first: bool) -> dict[str, Any]:
        if not is_first:
            return {"index": 0, "function": {"arguments": arguments}}
        function = {"name": tool_name(self.request.body), "arguments": arguments}
        return {"index": 0, "id": self.call_id, "type": "function", "function": function}


class FakeAnthropicWire(AnthropicWire):
    """/v1/messages with tool use, redacted thinking, unknown blocks and blocks that overlap."""

    finish_reasons = MappingProxyType(
        {
            **AnthropicWire.finish_reasons,
            "window": "model_context_window_exceeded",
            "tool": "tool_use",
            "pause": "pause_turn",
            "length once": "max_tokens",
        }
    )

    def __init__(self, request: ParsedRequest, cache: CacheUsage, style: Style) -> None:
        self.style = style
        super().__init__(request, cache)

    def reset(self) -> None:
        super().reset()
        self.call_id = f"toolu_{secrets.token_hex(12)}"

    def before_block(self) -> bytes:
        return b"" if self.style.is_overlapping else super().before_block()

    def opening_texts(self, delta: Delta) -> list[str]:
        return [delta.text] if delta.kind == "redacted" else []

    def finish(self, finishes: Sequence[Finish]) -> bytes:
        early = {"output_tokens": max(self.output_tokens() - 1, 1)}
        return (
            self.close_blocks()
            + (self._usage_event(early) if self.style.usage == "often" else b"")
            + super().finish(finishes)
        )

    def final_usage(self) -> dict[str, Any]:
        return {} if self.style.usage == "never" else super().final_usage()

    def message(self, content: list[dict[str, Any]], output_tokens: int) -> dict[str, Any]:
        message = super().message(content, output_tokens)
        return {**message, "usage": {}} if self.style.usage == "never" else message

    def signature(self, block: Block) -> str:
        is_thinking = block.kind in ("thinking", "sealed") and block.texts
        return sign(block.text) if is_thinking and self.style.is_signed else ""

    def content(self, block: Block) -> dict[str, Any]:
        match block.kind:
            case "sealed":
                return {"type": "thinking", "thinking": "", "signature": self.signature(block)}
            case "redacted":
                return {"type": "redacted_thinking", "data": sign(block.text)}
            case "tool":
                # Arguments cut by the length limit are not JSON.
                arguments = json.loads(block.text) if block.text.endswith("}") else {}
                name = tool_name(self.request.body)
                return {"type": "tool_use", "id": self.call_id, "name": name, "input": arguments}
            case "unknown":
                return {"type": "hologram", "light": block.text}
        return super().content(block)

    def delta_fields(self, delta: Delta) -> dict[str, Any]:
        match delta.kind:
            case "sealed" | "redacted":
                return {}
            case "tool":
                return {"type": "input_json_delta", "partial_json": delta.text}
            case "unknown":
                return {"type": "hologram_delta", "light": delta.text}
        return super().delta_fields(delta)

    def failure(self, code: str, message: str, request_id: str, is_named: bool = True) -> bytes:
        if is_named:
            return super().failure(code, message, request_id)
        return data_event(error_payload(ANTHROPIC, code, message, request_id))

    def events_before(self) -> bytes:
        """Return a heartbeat before the message."""
        return named_event({"type": "ping"})

    def unknown_events(self) -> bytes:
        """Return events that no client knows."""
        return named_event({"type": "weather", "sky": "clear"}) + b"event: nothing\n\nid: 7\nretry: 3000\n\n"

    def events_after(self) -> bytes:
        """Return the end marker of the other wire, which some gateways append."""
        return b"data: [DONE]\n\n"

    def _usage_event(self, usage: dict[str, int]) -> bytes:
        return named_event({"type": "message_delta", "delta": {}, "usage": usage})
