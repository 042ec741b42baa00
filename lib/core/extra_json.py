"""Extra JSON of the parameters: fields that decide about permission or cost are read from it, not passed through.

Permission, reservation, price and usage record are computed from `Params`. So a field that counts there has one place
only: what the extra JSON sets is moved into `Params` by `absorb_extra`, and what it must not set is removed. Names are
compared without case, as Go does: gateways of the one-api family read `Model` as `model`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lib.core.params import Params, parse_json_object

if TYPE_CHECKING:  # lib.core.target imports lib.core.params
    from lib.core.target import Wire

# The question itself, its model, and the shape of the response; fields by which gateways pick another model
# (OpenRouter: models, route; LiteLLM: fallbacks, …) or another server.
_RESERVED = frozenset({"model", "messages", "stream", "stream_options"}) | {
    *("models", "route", "fallbacks", "fallback_models", "context_window_fallbacks", "content_policy_fallbacks"),
    *("model_list", "deployment_id", "engine", "prompt", "input", "contents", "api_base", "base_url", "api_key"),
    *("api_version", "custom_llm_provider", "extra_headers", "extra_query", "user_config", "mock_response"),
}
# Names of the output limit: OpenAI's two, and those that gateways map to it.
_OUTPUT_LIMITS = frozenset(
    {"max_tokens", "max_completion_tokens", "max_output_tokens", "maxoutputtokens", "max_new_tokens", "num_predict"}
)
_ANSWER_COUNTS = frozenset({"n", "best_of", "candidate_count", "candidatecount"})
# Thinking that some gateways add to the output limit.
_THINKING_BUDGETS = frozenset({"budget_tokens", "thinking_budget", "thinkingbudget", "reasoning_max_tokens"})
# Objects whose fields gateways read like those of the request.
_CONTAINERS = frozenset({"extra_body", "options", "parameters", "generation_config", "generationconfig", "google"})
# Values that multiply a price, which no price list states: OpenAI's priority tier, Anthropic's fast mode.
_PRICED = {"service_tier": ("priority", "scale", "fast"), "speed": ("fast",)}
_MAX_COUNT = 1_000_000  # more than any model allows, and little enough for the sums of a quota
# Names of the caller, which the gateway's body must have in one spelling only.
_CALLER = frozenset({"user", "metadata", "user_id", "safety_identifier"})


def absorb_extra(wire: Wire, params: Params) -> Params:
    """Return the parameters with the output limit and the number of answers of the extra JSON in their fields.

    The rest of the extra JSON stays, without reserved fields. Calling it again changes nothing. What is no JSON stays
    as it is; no request can be built of it.
    """
    extra = _parse(params)
    if not extra:
        return params
    found: dict[str, list[int | None]] = {"max_tokens": [], "n": []}
    rest = _strip(extra, found)
    changes: dict[str, Any] = {"extra": json.dumps(rest, ensure_ascii=False) if rest else ""}
    if found["max_tokens"]:
        changes["max_tokens"] = max((limit for limit in found["max_tokens"] if limit), default=None)
    if found["n"] and wire != "anthropic":
        changes["n"] = max((count for count in found["n"] if count), default=None)
    return replace(params, **changes) if rest != extra else params


def reserved_fields(params: Params) -> tuple[str, ...]:
    """Return the fields of the extra JSON that are not sent, as they are written there."""
    return tuple(dict.fromkeys(_iter_reserved(_parse(params))))


def other_spellings(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that name the caller in another spelling than the one that a gateway is sent."""
    metadata = fields.get("metadata")
    names = (*fields, *(metadata if isinstance(metadata, Mapping) else ()))
    return tuple(name for name in names if name.casefold() in _CALLER and name not in _CALLER)


def extra_thinking_tokens(params: Params) -> int:
    """Return the tokens of thinking that the extra JSON asks for, and that may come on top of the output limit."""
    return max((budget for budget in _iter_budgets(_parse(params))), default=0)


def _parse(params: Params) -> dict[str, Any]:
    try:
        return parse_json_object(params.extra)
    except ValueError:
        return {}


def _strip(extra: Mapping[str, Any], found: dict[str, list[int | None]]) -> dict[str, Any]:
    """Return the fields that are sent, and add the values of limits and counts to `found`."""
    rest: dict[str, Any] = {}
    for name, value in extra.items():
        folded = name.casefold()
        if folded in _OUTPUT_LIMITS:
            found["max_tokens"].append(_to_count(value))
        elif folded in _ANSWER_COUNTS:
            found["n"].append(_to_count(value))
        elif folded in _CONTAINERS and isinstance(value, Mapping):
            rest[folded if folded in rest else name] = _strip(value, found)
        elif not _is_reserved(folded, value):
            rest[folded if folded in _CALLER else name] = _fold_caller(value) if folded == "metadata" else value
    return rest


def _is_reserved(folded: str, value: Any) -> bool:
    return folded in _RESERVED or (isinstance(value, str) and value.casefold() in _PRICED.get(folded, ()))


def _fold_caller(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {name.casefold() if name.casefold() in _CALLER else name: item for name, item in value.items()}


def _iter_reserved(extra: Mapping[str, Any]) -> Iterator[str]:
    for name, value in extra.items():
        if _is_reserved(name.casefold(), value):
            yield name
        elif name.casefold() in _CONTAINERS and isinstance(value, Mapping):
            yield from _iter_reserved(value)


def _iter_budgets(value: Any, parent: str = "") -> Iterator[int]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            folded = name.casefold()
            is_budget = folded in _THINKING_BUDGETS or (parent == "reasoning" and folded in _OUTPUT_LIMITS)
            if is_budget and (budget := _to_count(item)):
                yield budget
            yield from _iter_budgets(item, folded)


def _to_count(value: Any) -> int | None:
    """Return a positive number as a gateway may read it: also of a text or a fraction; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(float(value))
    except (ValueError, OverflowError):
        return None
    return min(number, _MAX_COUNT) if number > 0 else None
