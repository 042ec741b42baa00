"""Sources that either wire sends beside the text, in the fields of every vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lib.core.conversation import SourcePart
from lib.core.events import Citation
from lib.core.images import is_web_url
from lib.core.sanitize import get_list, get_object

# Lists whose order numbers the sources: a mark [1] in the text is the first of them (Perplexity, xAI, Qwen, Zhipu).
_NUMBERED_LISTS = ("citations", "search_results", "web_search", "web_search_results", "references")
# Lists of places in the text, each with its source (OpenAI, OpenRouter).
_UNNUMBERED_LISTS = ("annotations", "sources")
# Objects that hold such a list (Qwen, Hunyuan; Gemini's grounding, also through LiteLLM; Azure).
_HOLDERS = (
    *("search_info", "groundingMetadata", "grounding_metadata", "vertex_ai_grounding_metadata"),
    *("provider_specific_fields", "metadata", "context"),
    *("citationMetadata", "citation_metadata", "urlContextMetadata", "url_context_metadata"),
)
_HELD_LISTS = (
    *("search_results", "groundingChunks", "grounding_chunks", "citations", "sources", "citation"),
    *("citationSources", "citation_sources", "urlMetadata", "url_metadata"),
)
# Objects with the list instead of the list itself.
_LIST_NAMES = ("results", "items", "list", "data", "citations", "sources")
_NUMBER_NAMES = ("index", "number", "id", "ref", "refer", "citation_number")
_NUMBER = re.compile(r"(?:ref_?|\^|\[)?(\d{1,3})\]?")
CITATION_FIELDS = {*_NUMBERED_LISTS, *_UNNUMBERED_LISTS, *_HOLDERS}

_URL_NAMES = ("url", "uri", "link", "href", "source_url", "retrievedUrl", "retrieved_url", "source")
_TITLE_NAMES = ("title", "document_title", "filename", "file_name", "name", "site_name")
_QUOTE_NAMES = ("cited_text", "quote", "snippet", "content", "text", "summary")
# Objects inside a citation that describe its source (OpenAI, Gemini, Cohere).
_NESTED = ("url_citation", "file_citation", "file_path", "file", "web", "retrievedContext", "document", "source")


def find_citations(payload: Mapping[str, Any], choice: int = 0) -> Iterator[Citation]:
    """Yield the sources of a frame, a choice, a delta or a message."""
    for name in _NUMBERED_LISTS:
        if name in payload:
            yield from _parse_list(payload, name, choice, is_numbered=True)
    for name in _UNNUMBERED_LISTS:
        if name in payload:
            yield from _parse_list(payload, name, choice, is_numbered=False)
    for holder in _HOLDERS:
        if holder in payload:
            held = payload[holder]
            for values in held if isinstance(held, list) else [held]:
                for name in _HELD_LISTS if isinstance(values, dict) else ():
                    yield from _parse_list(values, name, choice, is_numbered=True)


def parse_citation(value: Any, choice: int = 0, block: int | None = None) -> Iterator[Citation]:
    """Yield the sources of one citation: one, but Cohere's has a list of them, and LiteLLM's is one.

    `block` is that of the text that ends with the citation.
    """
    if isinstance(value, list):
        for source in value:
            if part := parse_source(source):
                yield Citation(part, 0, choice, block)
    elif isinstance(value, dict) and get_list(value, "sources"):
        for source in get_list(value, "sources"):
            if part := parse_source(source):
                yield Citation(part, 0, choice, block)
    elif part := parse_source(value):
        yield Citation(part, 0, choice, block)


def parse_source(value: Any) -> SourcePart | None:
    """Return the source that a URL, a name or an object describes; None without any of them."""
    if isinstance(value, str):
        value = {"url": value} if is_web_url(value.strip()) else {"title": value}
    if not isinstance(value, dict):
        return None
    objects = [value, *(get_object(value, name) for name in _NESTED)]
    urls = [url for url in _texts(objects, _URL_NAMES) if is_web_url(url)]
    part = SourcePart(
        urls[0] if urls else "",
        next(_texts(objects, _TITLE_NAMES), "") or (next(_texts(objects, _URL_NAMES), "") if not urls else ""),
        next(_texts(objects, _QUOTE_NAMES), ""),
    )
    return part if part != SourcePart() else None


def _parse_list(payload: Mapping[str, Any], name: str, choice: int, *, is_numbered: bool) -> Iterator[Citation]:
    values = _find_list(payload.get(name))
    own_numbers = [_own_number(value) for value in values]
    # Numbers from 0 on, or some that stand twice, are no marks.
    has_own = 0 not in own_numbers and len(set(own_numbers)) == len(own_numbers)
    for position, (own, value) in enumerate(zip(own_numbers, values, strict=True), 1):
        is_place = isinstance(value, list) or (isinstance(value, dict) and "sources" in value)  # in the text (Cohere)
        number = 0 if is_place or not is_numbered else own if has_own and own else position
        for citation in parse_citation(value, choice):
            yield Citation(citation.source, number, choice)


def _find_list(values: Any) -> list[Any]:
    """Return the sources of a field: a list, one source, an object with a list, or sources by their numbers."""
    if isinstance(values, str):
        return [values] if is_web_url(values.strip()) else []
    if not isinstance(values, dict):
        return values if isinstance(values, list) else []
    if values and all(_NUMBER.fullmatch(str(name)) for name in values):
        entries = ((name, {"url": value} if isinstance(value, str) else value) for name, value in values.items())
        return [{"index": name, **value} for name, value in entries if isinstance(value, dict)]
    return next((values[name] for name in _LIST_NAMES if isinstance(values.get(name), list)), [values])


def _own_number(value: Any) -> int | None:
    """Return the number that a source states; None without one."""
    for name in _NUMBER_NAMES if isinstance(value, dict) else ():
        if match := _NUMBER.fullmatch(str(value.get(name))):
            return int(match[1])
    return None


def _texts(objects: list[dict[str, Any]], names: tuple[str, ...]) -> Iterator[str]:
    for values in objects:
        for name in names:
            value = values.get(name)
            if isinstance(value, str) and value.strip():
                yield value.strip()
