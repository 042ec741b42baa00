"""The tools that a model wants to use, put together from their pieces: kept and shown, not used."""

from __future__ import annotations

from typing import Any

MAX_TOOL_CALLS = 64
MAX_ARGUMENTS_LENGTH = 20_000  # letters kept of one call's input


class ToolCalls:
    """The calls of one answer, by the numbers that they have on the wire."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, str]] = {}

    def add_delta(self, index: Any, call_id: Any = None, name: Any = None, arguments: Any = None) -> None:
        """Take in a piece: id and name come once, the arguments in parts. What is no text is left out."""
        key = index if isinstance(index, int) else len(self._calls)
        if key not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
            return
        call = self._calls.setdefault(key, {"arguments": ""})
        call |= {
            what: text for what, text in (("id", call_id), ("name", name)) if isinstance(text, str) and text
        }
        if isinstance(arguments, str) and len(call["arguments"]) < MAX_ARGUMENTS_LENGTH:
            call["arguments"] += arguments

    def to_metadata(self) -> dict[str, Any]:
        """What is to be kept of them with the answer; {} without any."""
        return {"tool_calls": list(self._calls.values())} if self._calls else {}
