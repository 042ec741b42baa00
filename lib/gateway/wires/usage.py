"""Token counters of both wires, with the rules for gateways whose numbers contradict each other.

Sources: the types of the openai and anthropic SDKs, new-api's `dto.Usage`, LiteLLM's `Usage`, Gemini's
`UsageMetadata`, and reports of wrong counters (inspect_ai#5528, pi#2017).

1. A counter is an integer of at least 0; 12.0 and "12" count as 12, anything else as not reported.
2. Reports of one request are cumulative: a later number replaces an earlier one, null and a missing field keep
   it, and so does 0 where a positive number is known: converters send a zero where they have none.
3. OpenAI's names for prompt and completion decide; the other wire's names are read where those are missing or 0.
4. OpenAI's input includes the tokens of the cache, Anthropic's does not. The sum decides where it contradicts:
   a total equal to input and output without the cache says that the cache is inside; one that is larger by
   exactly the cache, or a cache larger than the input, that it is outside.
5. Output is total less prompt where that is larger: some vendors leave thinking out of the completion, but not
   out of the total. Without a total, more thinking than completion means that it is outside, too.
   A prompt of 0 beside a completion is none: it is what the completion leaves of the total.
6. A total that is smaller than its parts is wrong, and is ignored.
7. Cache writes are the larger of the sum and of its parts by lifetime: gateways fill in one and leave 0 in the other.
   A part that stands in several places counts once, with the largest number.
8. Writes of one hour are those that are reported for it or for a longer lifetime. Where only the part of five
   minutes is reported they are the rest of the sum. A rest that neither part claims counts as five minutes, which is
   Anthropic's default; so does a sum without parts, and one whose parts are 0.
9. Web searches count where the gateway names their number, in any of the objects that vendors use for it.
10. The tokens of a compaction are charged, and Anthropic leaves them out of the counters beside its `iterations`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from lib.core.conversation import Usage
from lib.core.sanitize import get_object, get_objects, parse_token_count

_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details")
_TOTAL_NAMES = ("total_tokens", "totalTokenCount", "totalTokens")
_READ_NAMES = (
    "cache_read_input_tokens",
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cachedContentTokenCount",
    "cacheReadInputTokens",
    "cacheReadInputTokenCount",
    "cache_read_tokens",
    "cachedInputTokens",
)
_READ_DETAIL_NAMES = ("cached_tokens", "cache_read_tokens", "cache_read_input_tokens")
_WRITE_NAMES = (
    "cache_creation_input_tokens",
    "cache_write_tokens",
    "cache_creation_tokens",
    "cacheWriteInputTokens",
    "cacheWriteInputTokenCount",
    "cache_write_input_tokens",
)
_WRITE_DETAIL_NAMES = (
    *("cache_write_tokens", "cache_creation_tokens", "cached_creation_tokens"),
    *("cache_creation_input_tokens", "cache_write_input_tokens"),
)
_WRITE_PART = re.compile(r"ephemeral_(\w+)_input_tokens|claude_cache_creation_(\w+)_tokens")
# Objects with the parts: Anthropic's, and LiteLLM's within the details of the prompt.
_WRITE_PARTS = ("cache_creation", "cache_creation_token_details")
_SHORT_LIFETIME = "5m"
_THINKING_NAMES = ("reasoning_tokens", "thinking_tokens", "thoughtsTokenCount", "reasoningTokens")
# Gemini counts thinking and the prompts of tools apart, and Bedrock has names of its own.
_INPUT_NAMES = ("promptTokenCount", "inputTokenCount", "inputTokens", "promptTokens")
_OUTPUT_NAMES = ("candidatesTokenCount", "outputTokenCount", "outputTokens", "completionTokens")

# Web searches: Anthropic and OpenRouter, LiteLLM, Perplexity.
_SEARCH_HOLDERS = ("server_tool_use", "prompt_tokens_details", "server_tool_use_details")
_SEARCH_NAMES = ("web_search_requests", "num_search_queries")

_PLACES = ("usage", "usageMetadata", "usage_metadata")
# Bedrock adds its own counters to the last event, under Anthropic's meaning and its own names.
_BEDROCK_PLACE = "amazon-bedrock-invocationMetrics"
_BEDROCK_NAMES = {
    "inputTokenCount": "input_tokens",
    "outputTokenCount": "output_tokens",
    "cacheReadInputTokenCount": "cache_read_input_tokens",
    "cacheWriteInputTokenCount": "cache_creation_input_tokens",
}


def find_usage(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage object of a frame, a choice or a message; {} without one that counts anything."""
    for name in _PLACES:
        if raw := get_object(payload, name):
            return raw
    if metrics := get_object(payload, _BEDROCK_PLACE):
        return {_BEDROCK_NAMES.get(name, name): value for name, value in metrics.items()}
    return get_object(get_object(payload, "x_groq"), "usage")


def parse_openai_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage of OpenAI's format, in which input includes the tokens of the cache."""
    names = ("prompt_tokens", "input_tokens", *_INPUT_NAMES), ("completion_tokens", "output_tokens", *_OUTPUT_NAMES)
    is_outside = str(raw.get("usage_semantic", "")).lower() == "anthropic"  # new-api names it
    return _parse_usage(raw, *names, is_cache_outside=is_outside)


def parse_anthropic_usage(raw: Mapping[str, Any]) -> Usage:
    """Return the usage of Anthropic's format, in which input excludes the tokens of the cache."""
    names = ("input_tokens", *_INPUT_NAMES), ("output_tokens", *_OUTPUT_NAMES)
    pairs = ((names[0], "prompt_tokens"), (names[1], "completion_tokens"))
    if any(_first_count(raw, own) is None and _count(raw.get(other)) is not None for own, other in pairs):
        return parse_openai_usage(raw)  # a converter that left the names of the other wire
    usage = _parse_usage(raw, *names, is_cache_outside=True)
    for entry in get_objects(raw, "iterations"):
        if entry.get("type") == "compaction":
            usage += _parse_usage(entry, *names, is_cache_outside=True)
    return usage


def merge_usage(earlier: Usage, later: Usage) -> Usage:
    """Return the counters of two reports of one request, the later one's where it has them (rule 2)."""
    pairs = ((getattr(earlier, f.name), getattr(later, f.name)) for f in fields(Usage))
    return Usage(*(old if new is None or (new == 0 and old) else new for old, new in pairs))


def merge_raw_usage(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw counters of two reports of one request, merged as `merge_usage` does."""
    kept = {name: value for name, value in later.items() if value is not None and (value != 0 or not earlier.get(name))}
    for name, value in kept.items():
        if isinstance(value, Mapping) and isinstance(known := earlier.get(name), Mapping):
            kept[name] = merge_raw_usage(known, value)
    return {**earlier, **kept}


def _parse_usage(
    raw: Mapping[str, Any], input_names: tuple[str, ...], output_names: tuple[str, ...], *, is_cache_outside: bool
) -> Usage:
    prompt, completion = _first_count(raw, input_names), _first_count(raw, output_names)
    total = _first_count(raw, _TOTAL_NAMES)
    read = _prefer_positive([_first_count(raw, _READ_NAMES), _detail_count(raw, _DETAILS, _READ_DETAIL_NAMES)])
    write, write_1h = _cache_writes(raw)
    thinking = _prefer_positive(
        [_detail_count(raw, _OUTPUT_DETAILS, _THINKING_NAMES), _first_count(raw, _THINKING_NAMES)]
    )
    if prompt is None and (missed := _first_count(raw, ("prompt_cache_miss_tokens",))) is not None:
        prompt = missed + (read or 0)
    prompt = _add_counts(prompt, _first_count(raw, ("toolUsePromptTokenCount",)))
    if "thoughtsTokenCount" in raw:
        completion = _add_counts(completion, _first_count(raw, ("thoughtsTokenCount",)))
    cache = (read or 0) + (write or 0)
    is_outside = _is_cache_outside(prompt or 0, completion or 0, cache, thinking or 0, total, default=is_cache_outside)
    if cache and is_outside and (prompt is not None or is_cache_outside):
        prompt = (prompt or 0) + cache
    searches = _prefer_positive([_first_count(raw, _SEARCH_NAMES), _detail_count(raw, _SEARCH_HOLDERS, _SEARCH_NAMES)])
    return Usage(*_complete_counts(prompt, completion, total, thinking), read, write, thinking, write_1h, searches)


def _is_cache_outside(
    prompt: int, completion: int, cache: int, thinking: int, total: int | None, default: bool
) -> bool:
    """Apply rule 4 to an input as it was reported."""
    if cache > prompt:
        return True
    if total is None or not prompt:
        return default
    if total in (prompt + completion, prompt + completion + thinking):
        return False
    return total == prompt + completion + cache or default


def _complete_counts(
    prompt: int | None, completion: int | None, total: int | None, thinking: int | None
) -> tuple[int | None, int | None]:
    """Return input and output after rules 5 and 6; a missing one is what the other leaves of the total."""
    if total is not None and not prompt and completion and total >= completion:
        prompt = total - completion
    if total is not None and prompt is not None and total - prompt > (completion or 0):
        return prompt, total - prompt
    if completion is not None and thinking and thinking > completion:
        return prompt, completion + thinking
    return prompt, completion


def _cache_writes(raw: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the tokens written to the cache, and those of them that stay for an hour (rules 7 and 8)."""
    total = _prefer_positive([_first_count(raw, _WRITE_NAMES), _detail_count(raw, _DETAILS, _WRITE_DETAIL_NAMES)])
    parts = _writes_by_lifetime(raw)
    if not parts:
        return total, None
    short = parts.pop(_SHORT_LIFETIME, 0)
    long = sum(parts.values()) if parts or not short else max(0, (total or 0) - short)
    return max(total or 0, short + long), long


def _writes_by_lifetime(raw: Mapping[str, Any]) -> dict[str, int]:
    """Return the reported parts of the cache writes by lifetime: "5m", "1h"."""
    details = [get_object(raw, name) for name in _DETAILS]
    objects = [raw, *details, *(get_object(holder, name) for holder in (raw, *details) for name in _WRITE_PARTS)]
    parts: dict[str, int] = {}
    for name, value in ((name, value) for values in objects for name, value in values.items()):
        match, count = _WRITE_PART.fullmatch(str(name)), _count(value)
        if match and count is not None:
            lifetime = (match[1] or match[2]).replace("_", "")
            parts[lifetime] = max(parts.get(lifetime, 0), count)
    return parts


def _detail_count(raw: Mapping[str, Any], objects: tuple[str, ...], names: tuple[str, ...]) -> int | None:
    counts = [_first_count(get_object(raw, key), names) for key in objects]
    return _prefer_positive(counts)


def _first_count(raw: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the first positive counter of these names, else a zero, else None."""
    return _prefer_positive([_count(raw.get(name)) for name in names])


def _prefer_positive(counts: list[int | None]) -> int | None:
    return next((count for count in counts if count), next((count for count in counts if count is not None), None))


def _add_counts(first: int | None, second: int | None) -> int | None:
    return first if second is None else (first or 0) + second


def _count(value: object) -> int | None:
    """Return a counter (rule 1)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value.strip()):
        value = int(value)
    return parse_token_count(value)
