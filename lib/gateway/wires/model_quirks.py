"""Parameters that model families reject on either wire, adapted by the model's name before sending.

These are rules of the vendors' APIs, not capabilities of single models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lib.core.params import ParamAdjustment, Params, clamp_params
from lib.core.target import Wire

# The changed Params fields and the adjustment to report, or None if the quirk does not apply.
Change = tuple[dict[str, Any], ParamAdjustment] | None
Quirk = Callable[[str, Params], Change]

_OPENAI_REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])(?!\d)", re.IGNORECASE)
_MODEL_WITHOUT_STOP = re.compile(r"(?:.*/)?(?:o3|o4-mini)(?!\w)", re.IGNORECASE)
_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.IGNORECASE)
_SAMPLING_PARAMS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def is_openai_reasoning(model: str) -> bool:
    """Return True for OpenAI's reasoning models: o1 and later, gpt-5 and later."""
    return bool(_OPENAI_REASONING_MODEL.match(model))


def is_claude(model: str) -> bool:
    """Return True if the model's name contains "claude"; vendor folders like `anthropic/` do not count."""
    return "claude" in model.rsplit("/", 1)[-1].lower()


def claude_version(model: str) -> tuple[int, int]:
    """Major and minor version in the name of a Claude model, e.g. (4, 6); (0, 0) without one."""
    match = _CLAUDE_VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match and is_claude(model) else (0, 0)


def adapt_params(wire: Wire, model: str, params: Params) -> tuple[Params, list[ParamAdjustment]]:
    """Return the parameters as the wire and the model family accept them, and every adjustment made."""
    params, adjustments = clamp_params(wire, params)
    for quirk in _QUIRKS_BY_WIRE[wire]:
        if change := quirk(model, params):
            fields, adjustment = change
            params = replace(params, **fields)
            adjustments.append(adjustment)
    return params, adjustments


def _clamp_claude_temperature(model: str, params: Params) -> Change:
    if not is_claude(model) or (params.temperature or 0) <= 1:
        return None
    return {"temperature": 1.0}, ParamAdjustment("claude_temperature", "temperature", "1")


def _drop_claude_sampling(model: str, params: Params) -> Change:
    """Models after Opus 4.6 reject sampling parameters other than the defaults."""
    if claude_version(model) <= (4, 6):
        return None
    return _drop_params(_changed_samplers(params, min_top_p=0.99), "family")


def _drop_sampling_with_thinking(model: str, params: Params) -> Change:
    """Claude rejects thinking with a temperature, a top_k, or a top_p that is not close to 1."""
    is_thinking = params.thinking in ("adaptive", "budget") and params.effort != "none"
    if not is_claude(model) or not is_thinking:
        return None
    return _drop_params(_changed_samplers(params, min_top_p=0.95), "with_thinking")


def _changed_samplers(params: Params, min_top_p: float) -> list[str]:
    """Names of Claude's sampling parameters that differ from the default; a top_p near 1 does not."""
    is_changed = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and params.top_p < min_top_p,
        "top_k": params.top_k is not None,
    }
    return [name for name, changed in is_changed.items() if changed]


def _drop_second_sampler(model: str, params: Params) -> Change:
    """Models from 4.5 on reject temperature and top_p together."""
    if claude_version(model) < (4, 5) or params.temperature is None or params.top_p is None:
        return None
    return {"top_p": None}, ParamAdjustment("one_sampler", "top_p")


def _replace_thinking_budget(model: str, params: Params) -> Change:
    """Models from Opus 4.7 on reject a thinking budget."""
    if claude_version(model) < (4, 7) or params.thinking != "budget" or params.effort == "none":
        return None
    return {"thinking": "adaptive", "budget": None}, ParamAdjustment("adaptive", "budget")


def _drop_openai_sampling(model: str, params: Params) -> Change:
    if not is_openai_reasoning(model):
        return None
    return _drop_params([name for name in _SAMPLING_PARAMS if getattr(params, name) not in (None, "")], "family")


def _drop_stop(model: str, params: Params) -> Change:
    return _drop_params(["stop"], "family") if params.stop and _MODEL_WITHOUT_STOP.match(model) else None


def _drop_params(names: list[str], code: str) -> Change:
    if not names:
        return None
    defaults = Params()
    return {name: getattr(defaults, name) for name in names}, ParamAdjustment(code, ",".join(names))


_COMMON_QUIRKS: tuple[Quirk, ...] = (
    _clamp_claude_temperature,
    _drop_claude_sampling,
    _drop_second_sampler,
    _drop_openai_sampling,
    _drop_stop,
)
# OpenAI's wire has no field for Claude's thinking, so the quirks about it apply to Anthropic's only.
_QUIRKS_BY_WIRE: dict[Wire, tuple[Quirk, ...]] = {
    "openai": _COMMON_QUIRKS,
    "anthropic": (
        _clamp_claude_temperature,
        _drop_claude_sampling,
        _replace_thinking_budget,
        _drop_sampling_with_thinking,
        *_COMMON_QUIRKS[2:],
    ),
}
