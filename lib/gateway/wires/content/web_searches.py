"""Web searches in a stream of Anthropic's: a search and its result are one step of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.events import ContentPart
from lib.core.sanitize import get_object
from lib.core.web_search import search_to_part
from lib.gateway.wires.content.citations import parse_source

TOOL_NAME = "web_search"
RESULT_TYPE = "web_search_tool_result"
_MAX_SEARCHES = 200  # of one answer that are matched with their results


class WebSearches:
    """The searches of one answer, by the ids of their calls; `slot` is the place of a step among the blocks."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[int, str]] = {}

    def add_call(self, block: Mapping[str, Any], slot: int) -> Iterator[ContentPart]:
        """Yield the step of a search, whose query is "" until its input is complete."""
        query = get_object(dict(block), "input").get("query")
        query = query if isinstance(query, str) else ""
        if len(self._steps) < _MAX_SEARCHES:
            self._steps[str(block.get("id"))] = slot, query
        yield ContentPart(search_to_part(query), slot)

    def add_result(self, block: Mapping[str, Any], slot: int) -> Iterator[ContentPart]:
        """Yield the step of the search that the result is for, or one of its own for an unknown search."""
        slot, query = self._steps.get(str(block.get("tool_use_id")), (slot, ""))
        content = block.get("content")
        if isinstance(content, list):
            sources = (parse_source(item) for item in content)
            yield ContentPart(search_to_part(query, [source for source in sources if source]), slot)
        else:
            error = content.get("error_code") if isinstance(content, dict) else None
            yield ContentPart(search_to_part(query, error=str(error or "unavailable")), slot)


def is_search_call(block: Mapping[str, Any]) -> bool:
    """Return True for a search that the vendor runs."""
    return block.get("type") == "server_tool_use" and block.get("name") == TOOL_NAME
