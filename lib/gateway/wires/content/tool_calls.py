"""Tool calls of an answer, assembled from their deltas: stored and shown, never executed."""

from __future__ import annotations

from typing import Any

MAX_TOOL_CALLS = 64
MAX_ARGUMENTS_LENGTH = 20_000  # characters stored of one call's arguments


class ToolCalls:
    """The tool calls of one answer, by their index on the wire."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}

    def add_delta(self, index: Any, call_id: Any = None, name: Any = None, arguments: Any = None) -> None:
        """Add a delta: id and name arrive once, the arguments in parts. Other types are ignored."""
        key = index if isinstance(index, int) else len(self._calls)
        if key not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
            return
        call = self._calls.setdefault(key, {"arguments": ""})
        for field, value in (("id", call_id), ("name", name)):
            if isinstance(value, str) and value:
                call[field] = value
        if isinstance(arguments, str) and len(call["arguments"]) < MAX_ARGUMENTS_LENGTH:
            call["arguments"] += arguments

    def to_metadata(self) -> dict[str, Any]:
        """Return the calls as metadata to store with the answer; {} without any."""
        return {"tool_calls": list(self._calls.values())} if self._calls else {}
