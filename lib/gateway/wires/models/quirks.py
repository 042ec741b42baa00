"""Parameters that model families reject on either wire, adapted by the model's name and capabilities before sending.

These are rules of the vendors' APIs. A model's own list of levels and types, from the gateway, has priority.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lib.core.models import Capabilities
from lib.core.params import (
    MIN_THINKING_BUDGET,
    ParamAdjustment,
    Params,
    changed_params,
    clamp_params,
    is_search_param,
)
from lib.core.target import Wire
from lib.gateway.wires.models import claude_rules, web_search
from lib.gateway.wires.models.claude_rules import claude_version, is_claude

DEFAULT_THINKING_BUDGET = 4096  # for models that cannot think as needed

# The changed Params fields and the adjustment to report, if any; None if the quirk does not apply.
Change = tuple[dict[str, Any], ParamAdjustment | None] | None
Quirk = Callable[[str, Params, Capabilities], Change]

_OPENAI_NAME = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])(?!\d)", re.IGNORECASE)
# OpenAI's models with a prompt cache, as OpenAI names them: gpt-4o, o1 and later.
_OPENAI_CACHED_MODEL = re.compile(r"(?:openai/)?(?:(?:gpt-4o|gpt-4\.[15]|chatgpt-4o)|o\d(?!\d)|gpt-[5-9](?!\d))", re.I)
_OPENAI_VERSION = re.compile(r"(?:.*/)?gpt-(\d)(?:\.(\d))?(?!\d)(.*)", re.IGNORECASE)
# OpenAI's models without reasoning: they take sampling parameters, and no effort or verbosity.
_OPENAI_CHAT_MODEL = re.compile(r"(?:.*/)?gpt-5(?:\.\d)?-chat", re.IGNORECASE)
# Verbosity came with gpt-5; earlier models accept its default only.
_OPENAI_WITHOUT_VERBOSITY = re.compile(r"(?:.*/)?(?:gpt-[34]|chatgpt-4|o\d)(?!\d)", re.IGNORECASE)
# o3 and o4-mini by OpenAI's API description; gpt-5 to 5.2 answer "'stop' is not supported with this model".
_MODEL_WITHOUT_STOP = re.compile(r"(?:.*/)?(?:(?:o3|o4-mini)(?!\w)|gpt-5(?:\.[12])?(?![\d.])(?!-chat))", re.IGNORECASE)
_SAMPLING_PARAMS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def takes_max_completion_tokens(model: str) -> bool:
    """Return True for OpenAI's models from o1 and gpt-5 on, which reject the older name `max_tokens`."""
    return bool(_OPENAI_NAME.match(model))


def takes_prompt_cache_key(model: str) -> bool:
    """Return True for OpenAI's models from gpt-4o and o1 on, under the names that OpenAI gives them."""
    return bool(_OPENAI_CACHED_MODEL.match(model))


def is_openai_reasoning(model: str) -> bool:
    """Return True for OpenAI's reasoning models: o1 and later, gpt-5 and later without `-chat`."""
    return takes_max_completion_tokens(model) and not _OPENAI_CHAT_MODEL.match(model)


def adapt_params(
    wire: Wire, model: str, params: Params, capabilities: Capabilities
) -> tuple[Params, list[ParamAdjustment]]:
    """Return the parameters as the wire and the model accept them, and every adjustment made.

    On Anthropic's wire, which requires it, the result has an output limit.
    """
    params, adjustments = clamp_params(wire, params)
    for quirk in _QUIRKS_BY_WIRE[wire]:
        if change := quirk(model, params, capabilities):
            fields, adjustment = change
            params = replace(params, **fields)
            if adjustment:
                adjustments.append(adjustment)
    return params, adjustments


def thinking_budget(params: Params) -> int | None:
    """Tokens of the thinking budget, which has to stay below max_tokens; None without thinking or room."""
    if params.thinking != "budget" or params.effort == "none":
        return None
    budget = params.budget or MIN_THINKING_BUDGET
    if params.max_tokens is None or budget < params.max_tokens:
        return budget
    lowered = params.max_tokens * 4 // 5
    return lowered if lowered >= MIN_THINKING_BUDGET else None


def thinks(model: str, params: Params, capabilities: Capabilities) -> bool:
    """Return True if a request with these adapted parameters thinks on Anthropic's wire."""
    if params.effort == "none" or params.thinking == "off":
        return False
    if params.thinking == "budget":
        return thinking_budget(params) is not None
    return params.thinking == "adaptive" or claude_rules.rules_of(model, capabilities).thinks_by_default


def _limit_output(model: str, params: Params, capabilities: Capabilities) -> Change:
    limit = claude_rules.max_output_tokens(model, capabilities)
    if limit is None or (params.max_tokens or 0) <= limit:
        return None
    return {"max_tokens": limit}, ParamAdjustment("output_limit", "max_tokens", str(limit))


def _set_output_limit(model: str, params: Params, capabilities: Capabilities) -> Change:
    if params.max_tokens:
        return None
    budget = thinking_budget(params) or 0
    return {"max_tokens": claude_rules.default_output_limit(model, capabilities, budget)}, None


def _clamp_claude_temperature(model: str, params: Params, _: Capabilities) -> Change:
    if not is_claude(model) or (params.temperature or 0) <= 1:
        return None
    return {"temperature": 1.0}, ParamAdjustment("claude_temperature", "temperature", "1")


def _drop_claude_sampling(model: str, params: Params, _: Capabilities) -> Change:
    """Models after Opus 4.6 reject sampling parameters other than the defaults.

    The API reference allows a top_p from 0.99 on; the models of 5.5 reject 1, too.
    """
    if claude_rules.is_before_claude_4_7(model):
        return None
    max_top_p = 0.99 if claude_version(model) >= (5, 5) else 1.0
    return _drop_params(_changed_samplers(params, min_top_p=0.99, max_top_p=max_top_p), "family")


def _drop_sampling_with_thinking(model: str, params: Params, _: Capabilities) -> Change:
    """Claude rejects thinking with a temperature, a top_k, or a top_p that is not close to 1."""
    is_thinking = params.thinking in ("adaptive", "budget") and params.effort != "none"
    if not is_claude(model) or not is_thinking:
        return None
    return _drop_params(_changed_samplers(params, min_top_p=0.95), "with_thinking")


def _changed_samplers(params: Params, min_top_p: float, max_top_p: float = 1.0) -> list[str]:
    """Names of Claude's sampling parameters that differ from the default; a top_p near 1 does not."""
    is_changed = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and not min_top_p <= params.top_p <= max_top_p,
        "top_k": params.top_k is not None,
    }
    return [name for name, changed in is_changed.items() if changed]


def _drop_second_sampler(model: str, params: Params, _: Capabilities) -> Change:
    """Models from Opus 4.1 on reject temperature and top_p together."""
    is_affected = claude_version(model) >= (4, 1) or not claude_rules.is_before_claude_4_7(model)
    if not is_affected or params.temperature is None or params.top_p is None:
        return None
    return {"top_p": None}, ParamAdjustment("one_sampler", "top_p")


def _replace_thinking_budget(model: str, params: Params, capabilities: Capabilities) -> Change:
    """Models from Opus 4.7 on reject a thinking budget, those before Claude 3.7 do not think."""
    types = claude_rules.rules_of(model, capabilities).thinking_types
    if params.thinking != "budget" or params.effort == "none" or "enabled" in types:
        return None
    if "adaptive" not in types:
        return _drop_params(["thinking"], "family")
    return {"thinking": "adaptive", "budget": None}, ParamAdjustment("adaptive", "budget")


def _replace_adaptive_thinking(model: str, params: Params, capabilities: Capabilities) -> Change:
    """Models up to Opus 4.5 think within a budget only, those before Claude 3.7 not at all."""
    types = claude_rules.rules_of(model, capabilities).thinking_types
    if params.thinking != "adaptive" or params.effort == "none" or "adaptive" in types:
        return None
    if "enabled" not in types:
        return _drop_params(["thinking"], "family")
    budget = params.budget or DEFAULT_THINKING_BUDGET
    return {"thinking": "budget", "budget": budget}, ParamAdjustment("as_budget", "thinking")


def _keep_thinking(model: str, params: Params, capabilities: Capabilities) -> Change:
    """Opus 5.5, Fable and Mythos reject thinking that is turned off; models before Claude 3.7 never think."""
    rules = claude_rules.rules_of(model, capabilities)
    if params.thinking != "off" or rules.off_type:
        return None
    return _drop_params(["thinking"], "always_thinks" if rules.thinks_always else "family")


def _replace_claude_effort(model: str, params: Params, capabilities: Capabilities) -> Change:
    """Send the nearest level that the model accepts; "none" is the lowest where thinking cannot be off."""
    rules = claude_rules.rules_of(model, capabilities)
    if not params.effort or rules.efforts is None or (params.effort == "none" and rules.off_type):
        return None
    is_off = params.thinking == "off" and rules.limits_effort_when_off
    effort = rules.nearest_effort("high" if is_off and params.effort in ("xhigh", "max") else params.effort)
    if effort == params.effort:
        return None
    if not effort:
        return _drop_params(["effort"], "family")
    return {"effort": effort}, ParamAdjustment("sent_as", "effort", effort)


def _drop_display(model: str, params: Params, capabilities: Capabilities) -> Change:
    """`thinking.display` is rejected where thinking is off, and needs a type of thinking."""
    is_needless = params.display and not thinks(model, params, capabilities)
    return _drop_params(["display"], "display_needs") if is_needless else None


def _drop_openai_sampling(model: str, params: Params, _: Capabilities) -> Change:
    """Reasoning models reject sampling parameters; with effort "none", gpt-5.1 and later take two of them.

    Source: OpenAI's model guides, "parameter compatibility". "none" is the default of gpt-5.1 to 5.4.
    """
    if not is_openai_reasoning(model):
        return None
    kept = ("temperature", "top_p") if _is_openai_effort_none(model, params.effort) else ()
    names = [name for name in _SAMPLING_PARAMS if name not in kept and getattr(params, name) not in (None, "")]
    return _drop_params(names, "family")


def thinks_on_openai_wire(model: str, effort: str) -> bool:
    """Return True for a reasoning model of OpenAI with an effort that makes it reason."""
    return is_openai_reasoning(model) and effort != "none" and not _is_openai_effort_none(model, effort)


def _is_openai_effort_none(model: str, effort: str) -> bool:
    match = _OPENAI_VERSION.match(model)
    if not match or effort not in ("", "none") or re.search(r"-(?:pro|codex)", match[3], re.IGNORECASE):
        return False
    version = (int(match[1]), int(match[2] or 0))
    return version >= (5, 1) if effort else (5, 1) <= version <= (5, 4)


def _drop_chat_effort(model: str, params: Params, _: Capabilities) -> Change:
    return _drop_params(["effort"], "family") if params.effort and _OPENAI_CHAT_MODEL.match(model) else None


def _drop_verbosity(model: str, params: Params, _: Capabilities) -> Change:
    is_without = _OPENAI_CHAT_MODEL.match(model) or _OPENAI_WITHOUT_VERBOSITY.match(model)
    return _drop_params(["verbosity"], "family") if params.verbosity and is_without else None


def _drop_stop(model: str, params: Params, _: Capabilities) -> Change:
    return _drop_params(["stop"], "family") if params.stop and _MODEL_WITHOUT_STOP.match(model) else None


def _drop_search_model_params(model: str, params: Params, _: Capabilities) -> Change:
    """OpenAI's search models answer "Model incompatible request argument supplied" to these (mods issue 480)."""
    if not web_search.is_openai_search_model(model):
        return None
    names = (*_SAMPLING_PARAMS, "seed", "n", "stop", "effort", "verbosity")
    return _drop_params([name for name in names if getattr(params, name) != getattr(Params(), name)], "family")


def _drop_search(wire: Wire) -> Quirk:
    """Return the quirk that leaves out the search of a model that has none on this wire."""

    def drop(model: str, params: Params, capabilities: Capabilities) -> Change:
        if not params.web_search or web_search.search_mode(wire, model, capabilities):
            return None
        return _drop_params([name for name in changed_params(params) if is_search_param(name)], "family")

    return drop


def _drop_params(names: list[str], code: str) -> Change:
    if not names:
        return None
    defaults = Params()
    return {name: getattr(defaults, name) for name in names}, ParamAdjustment(code, ",".join(names))


_COMMON_QUIRKS: tuple[Quirk, ...] = (
    _limit_output,
    _clamp_claude_temperature,
    _drop_claude_sampling,
    _drop_second_sampler,
    _drop_openai_sampling,
    _drop_stop,
)
# OpenAI's wire has no field for Claude's thinking, so the quirks about it apply to Anthropic's only.
_QUIRKS_BY_WIRE: dict[Wire, tuple[Quirk, ...]] = {
    "openai": (
        _drop_search_model_params,
        *_COMMON_QUIRKS,
        _drop_chat_effort,
        _drop_verbosity,
        _drop_search("openai"),
    ),
    "anthropic": (
        *_COMMON_QUIRKS[:3],
        _keep_thinking,
        _replace_claude_effort,
        _replace_thinking_budget,
        _replace_adaptive_thinking,
        _set_output_limit,  # the kind of thinking and its budget are settled now
        _drop_display,
        _drop_sampling_with_thinking,
        *_COMMON_QUIRKS[3:],
        _drop_search("anthropic"),
    ),
}
