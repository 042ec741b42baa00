"""Answers of the demo gateway over /v1/chat/completions."""

import secrets
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from lib.demo.request import ParsedRequest
from lib.demo.search import annotation
from lib.demo.wire import OPENAI, CacheUsage, Delta, Finish, TokenCounts, data_event, error_payload

_NOT_THINKING = ("text", "refusal", "search", "found", "citation")


class OpenAIWire:
    """One answer of one or more choices, as stream chunks or as one body; holds the deltas sent so far."""

    finish_reasons: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "stop": "stop",
            "stop_sequence": "stop",
            "length": "length",
            "refusal": "stop",
            "filter": "content_filter",
        }
    )
    fields: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"text": "content", "thinking": "reasoning_content", "refusal": "refusal"}
    )

    def __init__(self, request: ParsedRequest, cache: CacheUsage) -> None:
        self.request, self.cache = request, cache
        self.reset()

    def reset(self) -> None:
        """Begin a new answer under a new id."""
        self.id, self.created = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())
        self.choices: list[list[Delta]] = [[] for _ in range(self.request.choices)]
        self.finishes: Sequence[Finish] = ()

    def opening(self) -> bytes:
        """Return the chunks before the first delta."""
        return b"".join(self.chunk(i, {"role": "assistant", "content": ""}) for i in range(len(self.choices)))

    def delta(self, delta: Delta) -> bytes:
        """Record a delta and return its chunk."""
        self.choices[delta.choice].append(delta)
        return self.chunk(delta.choice, self.delta_fields(delta))

    def finish(self, finishes: Sequence[Finish]) -> bytes:
        """Return the chunks with the finish reasons, one for each choice."""
        self.finishes = finishes
        return b"".join(self.chunk(i, {}, self.finish_reasons[end.reason]) for i, end in enumerate(finishes))

    def end(self) -> bytes:
        """Return the usage, if requested, and the end marker."""
        usage = self.usage() if self.request.wants_usage else None
        return (data_event(self.payload("chunk", [], usage)) if usage else b"") + b"data: [DONE]\n\n"

    def failure(self, code: str, message: str, request_id: str) -> bytes:
        """Return an error event for the middle of a stream."""
        return data_event(error_payload(OPENAI, code, message, request_id))

    def body(self) -> dict[str, Any]:
        """Return the answer as one body; finish reasons are null when it was never finished."""
        reasons = [self.finish_reasons[end.reason] for end in self.finishes]
        choices = [
            {
                "index": i,
                "message": {"role": "assistant", "content": "", **self.message(deltas)},
                "finish_reason": reasons[i] if reasons else None,
            }
            for i, deltas in enumerate(self.choices)
        ]
        return self.payload("completion", choices, self.usage())

    def counts(self) -> TokenCounts:
        """Return the tokens to be billed so far."""
        return TokenCounts(self.request.prompt_tokens, sum(map(len, self.choices)), self.cache, self.searches())

    def delta_fields(self, delta: Delta) -> dict[str, Any]:
        """Return the `delta` object of a chunk; it is empty for a search, which this wire does not show."""
        if delta.kind == "citation":
            return {"annotations": [self.annotation(delta)]}
        return {self.fields[delta.kind]: delta.text} if delta.kind in self.fields else {}

    def message(self, deltas: Sequence[Delta]) -> dict[str, Any]:
        """Return the fields of a whole message, without its role."""
        message: dict[str, Any] = {}
        for delta in deltas:
            if delta.kind == "citation":
                message["annotations"] = [*message.get("annotations", ()), self.annotation(delta)]
            elif delta.kind in self.fields:
                field = self.fields[delta.kind]
                message[field] = message.get(field, "") + delta.text
        return message

    def annotation(self, delta: Delta) -> Mapping[str, Any]:
        """Return a citation at the end of the text so far."""
        position = sum(len(earlier.text) for earlier in self.choices[delta.choice] if earlier.kind == "text")
        return annotation(delta.text, self.request.is_chinese, position)

    def searches(self) -> int:
        """Return the number of searches so far."""
        return sum(delta.kind == "search" for deltas in self.choices for delta in deltas)

    def payload(self, kind: str, choices: list[Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Return a chunk or a whole completion."""
        return {
            "id": self.id,
            "created": self.created,
            "object": "chat.completion.chunk" if kind == "chunk" else "chat.completion",
            "model": self.request.model,
            "choices": choices,
            "usage": usage,
        }

    def chunk(self, index: int, delta: dict[str, Any], reason: str | None = None) -> bytes:
        """Return one event of one choice."""
        choice = {"index": index, "delta": delta, "finish_reason": reason}
        return data_event(self.payload("chunk", [choice], None))

    def usage(self) -> dict[str, Any] | None:
        """Return the token counts so far, or None for a gateway that reports none."""
        counts = self.counts()
        reasoning = sum(delta.kind not in _NOT_THINKING for deltas in self.choices for delta in deltas)
        return {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "prompt_tokens_details": {"cached_tokens": self.cache.read},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
            # As LiteLLM and OpenRouter name them.
            **({"server_tool_use": {"web_search_requests": counts.searches}} if counts.searches else {}),
        }
