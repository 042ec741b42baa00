"""What whole families of models refuse, whatever the wire: parameters that are taken back before sending.

These are rules of the makers' interfaces, not abilities of single models, and follow from a model's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lib.core.params import ParamAdjustment, Params, clamp_params
from lib.core.target import Wire

Quirk = Callable[[str, Params], tuple[dict[str, Any], ParamAdjustment] | None]

_OPENAI_REASONING_MODEL = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])(?!\d)", re.IGNORECASE)
_MODEL_WITHOUT_STOP = re.compile(r"(?:.*/)?(?:o3|o4-mini)(?!\w)", re.IGNORECASE)
_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.IGNORECASE)
_SAMPLING_PARAMS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def is_openai_reasoning(model: str) -> bool:
    """Whether this is of OpenAI's reasoning families, with rules of their own: o1 and on, gpt-5 and on."""
    return bool(_OPENAI_REASONING_MODEL.match(model))


def is_claude(model: str) -> bool:
    return "claude" in model.rsplit("/", 1)[-1].lower()


def claude_version(model: str) -> tuple[int, int]:
    """Claude's version by its name, such as (4, 6); (0, 0) where the name tells none."""
    found = _CLAUDE_VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found and is_claude(model) else (0, 0)


def adapt_params(wire: Wire, model: str, params: Params) -> tuple[Params, list[ParamAdjustment]]:
    """The parameters as the wire and the model's family take them, and what was changed for it."""
    params, losses = clamp_params(wire, params)
    for rule in _QUIRKS_BY_WIRE[wire]:
        if found := rule(model, params):
            changes, loss = found
            params = replace(params, **changes)
            losses.append(loss)
    return params, losses


def _clamp_claude_temperature(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    if not is_claude(model) or (params.temperature or 0) <= 1:
        return None
    return {"temperature": 1.0}, ParamAdjustment("claude_temperature", "temperature", "1")


def _drop_claude_sampling(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    """After Opus 4.6 only the defaults of the samplers are taken."""
    if claude_version(model) <= (4, 6):
        return None
    odd = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and params.top_p < 0.99,
        "top_k": params.top_k is not None,
    }
    return _drop_params([name for name, is_odd in odd.items() if is_odd], "family")


def _drop_sampling_with_thinking(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    """Thinking goes with the default temperature only, with no top_k, and with a top_p near one."""
    thinks = params.thinking in ("adaptive", "budget") and params.effort != "none"
    if not is_claude(model) or not thinks:
        return None
    odd = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and params.top_p < 0.95,
        "top_k": params.top_k is not None,
    }
    return _drop_params([name for name, is_odd in odd.items() if is_odd], "with_thinking")


def _drop_second_sampler(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    """From 4.5 on, temperature and top_p together are refused."""
    if claude_version(model) < (4, 5) or params.temperature is None or params.top_p is None:
        return None
    return {"top_p": None}, ParamAdjustment("one_sampler", "top_p")


def _replace_thinking_budget(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    """From Opus 4.7 on, thinking by a budget is refused."""
    if claude_version(model) < (4, 7) or params.thinking != "budget" or params.effort == "none":
        return None
    return {"thinking": "adaptive", "budget": None}, ParamAdjustment("adaptive", "budget")


def _drop_openai_sampling(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    if not is_openai_reasoning(model):
        return None
    return _drop_params(
        [name for name in _SAMPLING_PARAMS if getattr(params, name) not in (None, "")], "family"
    )


def _drop_stop(model: str, params: Params) -> tuple[dict[str, Any], ParamAdjustment] | None:
    return _drop_params(["stop"], "family") if params.stop and _MODEL_WITHOUT_STOP.match(model) else None


def _drop_params(names: list[str], rule: str) -> tuple[dict[str, Any], ParamAdjustment] | None:
    if not names:
        return None
    untouched = Params()
    return {name: getattr(untouched, name) for name in names}, ParamAdjustment(rule, ",".join(names))


_COMMON_QUIRKS: tuple[Quirk, ...] = (
    _clamp_claude_temperature,
    _drop_claude_sampling,
    _drop_second_sampler,
    _drop_openai_sampling,
    _drop_stop,
)
# OpenAI's wire has no field for Claude's thinking, so nothing has to give way to it there.
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
