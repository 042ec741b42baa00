"""The demo gateway's answers over chat completions: frames, or a body."""

import json
import secrets
import time
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from lib.demo.reading import Wanted
from lib.demo.wire import CHAT, Cache, Counts, End, Piece, Style, Why, data, error

_REASONS: MappingProxyType[Why, str] = MappingProxyType(
    {
        "done": "stop",
        "stop": "stop",
        "length": "length",
        "window": "model_context_window_exceeded",
        "refusal": "stop",
        "filter": "content_filter",
        "tool": "tool_calls",
        "pause": "pause_turn",
    }
)


class Chat:
    """One answer, of one or more choices. Holds what was said so far."""

    def __init__(self, wanted: Wanted, style: Style, cache: Cache) -> None:
        self._wanted, self._style, self._cache = wanted, style, cache
        self._begin()

    def _begin(self) -> None:
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time())}
        self._call = f"call_{secrets.token_hex(12)}"
        self._said: list[list[Piece]] = [[] for _ in range(self._wanted.count)]
        self._ends: Sequence[End] = ()

    def opening(self) -> bytes:
        """Return what comes before the first piece."""
        return b"".join(self._chunk(i, {"role": "assistant", "content": ""}) for i in range(len(self._said)))

    def restart(self) -> bytes:
        """Forget what was said, and return the opening of another answer."""
        self._begin()
        return self.opening()

    def piece(self, piece: Piece) -> bytes:
        """Return the frame of one piece."""
        said = self._said[piece.choice]
        first = piece.kind not in [earlier.kind for earlier in said]
        said.append(piece)
        match piece.kind:
            case "text":
                delta: dict[str, Any] = {"content": piece.text}
            case "thinking":
                delta = {self._style.reasoning: piece.text}
            case "sealed":
                delta = {self._style.reasoning: "\n"}
            case "redacted":
                delta = {}
            case "tool":
                delta = {"tool_calls": [self._tool(piece.text, first)]}
            case kind:
                delta = {kind: piece.text}
        return self._chunk(piece.choice, delta)

    def closing(self, ends: Sequence[End]) -> bytes:
        """Return what comes after the last piece, of each choice the reason why."""
        return self.finish(ends) + self.tail()

    def finish(self, ends: Sequence[End]) -> bytes:
        """Return the reasons alone."""
        self._ends = ends
        return b"".join(self._chunk(i, {}, _REASONS[end.why]) for i, end in enumerate(ends))

    def tail(self) -> bytes:
        """Return the usage, where it was asked for, and the end marker."""
        counted = self._wanted.counted and self._style.usage != "never"
        return (data(self._shape("chunk", [], self._usage())) if counted else b"") + b"data: [DONE]\n\n"

    def failure(self, code: str, message: str, request_id: str, named: bool = False) -> bytes:
        """Return an error in mid-stream: an event without a name, unless it is to be `named`."""
        return (b"event: error\n" if named else b"") + data(error(CHAT, code, message, request_id))

    def early(self) -> bytes:
        """Return a chunk that some servers send before the first one."""
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        return data({**first, "prompt_filter_results": [{"prompt_index": 0}]})

    def oddities(self) -> bytes:
        """Return chunks that say nothing, and that real servers send all the same."""
        bare = {"index": 0, "content_filter_offsets": {"start_offset": 0}, "finish_reason": None}
        return (
            b"id: 7\nretry: 3000\n"
            + data(self._shape("chunk", [], None) | {"object": "weather.report", "sky": "clear"})
            + data(self._shape("chunk", [bare], None))
            + self._chunk(0, {"content": None})
        )

    def late(self) -> bytes:
        """Return what comes after the end marker, and means nothing any more."""
        return b": the end\n\n"

    def whole(self) -> dict[str, Any]:
        """Return the answer as one body; its reasons are null where it was never finished."""
        reasons: Sequence[str | None] = [_REASONS[end.why] for end in self._ends] or [None] * len(self._said)
        choices = [
            {"index": i, "message": self._message(said), "finish_reason": reason}
            for i, (said, reason) in enumerate(zip(self._said, reasons, strict=True))
        ]
        return self._shape("completion", choices, None if self._style.usage == "never" else self._usage())

    def _message(self, said: Sequence[Piece]) -> dict[str, Any]:
        found: dict[str, str] = {}
        for piece in said:
            found[piece.kind] = found.get(piece.kind, "") + piece.text
        message: dict[str, Any] = {"role": "assistant", "content": found.get("text", "")}
        message |= {"refusal": found["refusal"]} if "refusal" in found else {}
        message |= {self._style.reasoning: found["thinking"]} if "thinking" in found else {}
        if "tool" in found:
            call = self._tool(found["tool"], first=True)
            message["tool_calls"] = [{name: call[name] for name in ("id", "type", "function")}]
        return message

    def _tool(self, arguments: str, first: bool) -> dict[str, Any]:
        if not first:
            return {"index": 0, "function": {"arguments": arguments}}
        called = {"name": self._wanted.tool, "arguments": arguments}
        return {"index": 0, "id": self._call, "type": "function", "function": called}

    def _shape(self, kind: str, choices: list[Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        head = {**self._head, "object": "chat.completion" + (".chunk" if kind == "chunk" else "")}
        return {**head, "model": self._wanted.model, "choices": choices, "usage": usage}

    def _chunk(self, index: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason}
        usage = self._usage() if self._style.usage == "often" else None
        return data(self._shape("chunk", [choice], usage))

    def counts(self) -> Counts:
        """Return what is to be paid for so far."""
        return Counts(self._wanted.prompt, self._cache.read, 0, sum(map(len, self._said)))

    def _usage(self) -> dict[str, Any]:
        said = [piece for choice in self._said for piece in choice]
        thought = sum(piece.kind not in ("text", "tool", "refusal") for piece in said)
        counts = {"prompt_tokens": self._wanted.prompt, "completion_tokens": len(said)}
        return {
            **counts,
            "total_tokens": self._wanted.prompt + len(said),
            "prompt_tokens_details": {"cached_tokens": self._cache.read},
            "completion_tokens_details": {"reasoning_tokens": thought},
        }


def arguments(query: str) -> str:
    """Return the arguments of the call that the demo would like to make, as JSON."""
    return json.dumps({"query": query, "results": 3}, ensure_ascii=False)
