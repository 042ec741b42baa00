"""Rules of prompt caches: who asks for one, the shortest prompt that is kept, and how long it is kept.

Sources, as of November 2026: platform.claude.com, "Prompt caching" and "Cache diagnostics"; developers.openai.com,
"Prompt caching", and `prompt_cache_options` in the API description; ai.google.dev, "Context caching";
api-docs.deepseek.com, "Context caching".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.core.sanitize import get_object, get_objects
from lib.core.target import Target
from lib.gateway.catalog import vendors
from lib.gateway.wires.models import claude_rules

_FIVE_MINUTES, _HALF_HOUR, _HOUR = 300.0, 1800.0, 3600.0
# Blocks before a breakpoint in which Anthropic looks for an earlier one.
LOOKBACK_BLOCKS = 20
# Tokens by family and first version, the newest first. Between 4.5 and 4.7 each model has its own minimum.
_CLAUDE_MINIMUMS: Mapping[str, tuple[tuple[tuple[int, int], int], ...]] = {
    "opus": (((5, 0), 512), ((4, 8), 1024), ((4, 7), 2048), ((4, 5), 4096), ((0, 1), 1024)),
    "fable": (((0, 1), 512),),
    "mythos": (((0, 1), 512),),
    "sonnet": (((0, 1), 1024),),
    "haiku": (((4, 5), 4096), ((0, 1), 2048)),
}
_OPENAI_MINIMUM, _GEMINI_MINIMUM, _DEEPSEEK_MINIMUM = 1024, 1024, 64
# From gpt-5.6 on, an entry is kept for at least half an hour by default.
_KEPT_LONGER = re.compile(r"gpt-(?:5[.-](?:[6-9]|\d\d)|[6-9])(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class CacheRules:
    """Rules of a target's prompt cache; None is unknown.

    With `is_explicit` a request has to ask for it, by a field that only one wire has: `has_field` is set there.
    `minimum` is in tokens. `lifetime` are the seconds without use after which an entry is gone, with `may_stay` only
    possibly. Of an `is_positional` cache only the ends of earlier requests are kept, else any beginning.
    """

    is_explicit: bool = False
    has_field: bool = True
    minimum: int | None = None
    lifetime: float | None = None
    may_stay: bool = False
    is_positional: bool = False


def cache_rules(target: Target, body: Mapping[str, Any]) -> CacheRules:
    """Return the rules for a request with this body."""
    if claude_rules.is_claude(target.model):
        has_field = target.wire == "anthropic" or asks_for_cache(body)
        lifetime = _HOUR if '"1h"' in _controls(body) else _FIVE_MINUTES
        return CacheRules(True, has_field, _claude_minimum(target.model), lifetime, is_positional=True)
    match vendors.vendor_of(target.model):
        case "OpenAI":
            lifetime = _HALF_HOUR if _KEPT_LONGER.search(target.model) else _FIVE_MINUTES
            return CacheRules(minimum=_OPENAI_MINIMUM, lifetime=lifetime, may_stay=True)
        case "Google":
            return CacheRules(minimum=_GEMINI_MINIMUM)
        case "DeepSeek":
            return CacheRules(minimum=_DEEPSEEK_MINIMUM)
    return CacheRules()


def asks_for_cache(body: Mapping[str, Any]) -> bool:
    """Return True for a request with `cache_control`, at its top or in any of its blocks."""
    return bool(_controls(body))


def _controls(body: Mapping[str, Any]) -> str:
    """Return the values of all `cache_control` fields of a body as one text."""
    holders = [body, *get_objects(body, "tools"), *get_objects(body, "system")]
    for message in get_objects(body, "messages"):
        holders += get_objects(message, "content")
    found = (get_object(holder, "cache_control") for holder in holders)
    return "".join(f'{control.get("type")} "{control.get("ttl", "5m")}" ' for control in found if control)


def _claude_minimum(model: str) -> int | None:
    version = claude_rules.claude_version(model)
    minimums = _CLAUDE_MINIMUMS.get(claude_rules.family(model), ())
    return next((minimum for first, minimum in minimums if version >= first), None)
