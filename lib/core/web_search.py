"""Web searches of an answer: queries, results and errors, stored as parts of their own kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lib.core.conversation import OtherPart, SourcePart
from lib.core.sanitize import get_objects, replace_surrogates

SEARCH_KIND = "web_search"  # of an OtherPart
MAX_RESULTS = 20  # stored of one search
_MAX_QUERY_LENGTH, _MAX_TITLE_LENGTH, _MAX_URL_LENGTH = 200, 120, 1_000  # characters
_MAX_ERROR_LENGTH = 80


@dataclass(frozen=True)
class WebSearch:
    """A search by the model. `result_count` is None until its end, `error` the vendor's code of a failed one.

    `results` are the first MAX_RESULTS of them.
    """

    query: str = ""
    result_count: int | None = None
    results: tuple[SourcePart, ...] = ()
    error: str = ""

    @property
    def is_running(self) -> bool:
        return self.result_count is None and not self.error


def search_to_part(query: str, results: Sequence[SourcePart] | None = None, error: str = "") -> OtherPart:
    """Return the part of a search; `results` are None until they arrive."""
    query = " ".join(replace_surrogates(query).split())[:_MAX_QUERY_LENGTH]
    if error:
        return OtherPart(SEARCH_KIND, query, json.dumps({"error": replace_surrogates(error)[:_MAX_ERROR_LENGTH]}))
    if results is None:
        return OtherPart(SEARCH_KIND, query)
    listed = [
        {
            "url": replace_surrogates(result.url)[:_MAX_URL_LENGTH],
            "title": replace_surrogates(" ".join(result.title.split()))[:_MAX_TITLE_LENGTH],
        }
        for result in results[:MAX_RESULTS]
    ]
    details = json.dumps({"count": len(results), "results": listed}, ensure_ascii=False)
    return OtherPart(SEARCH_KIND, query, details)


def search_from_part(part: OtherPart) -> WebSearch:
    """Return the search of a part, which may come from another program's file: what is not as expected is left out."""
    try:
        details = json.loads(part.details or "{}")
    except (ValueError, RecursionError):
        details = {}
    details = details if isinstance(details, dict) else {}
    texts = [
        {name: value for name in ("url", "title") if isinstance(value := entry.get(name), str)}
        for entry in get_objects(details, "results")[:MAX_RESULTS]
    ]
    results = tuple(SourcePart(values.get("url", ""), values.get("title", "")) for values in texts if values)
    count, error = details.get("count"), details.get("error")
    is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 0
    return WebSearch(part.label, count if is_count else None, results, error if isinstance(error, str) else "")
