"""What whole families of models refuse, whatever the wire: parameters that are taken back before sending.

These are rules of the makers' interfaces, not abilities of single models, and follow from a model's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lib.core.params import Loss, Params, within
from lib.core.target import Wire

Rule = Callable[[str, Params], tuple[dict[str, Any], Loss] | None]

_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])(?!\d)", re.IGNORECASE)
_NO_STOP = re.compile(r"(?:.*/)?(?:o3|o4-mini)(?!\w)", re.IGNORECASE)
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)", re.IGNORECASE)
_ODD_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def reasoning(model: str) -> bool:
    """Whether this is of OpenAI's reasoning families, with rules of their own: o1 and on, gpt-5 and on."""
    return bool(_REASONING.match(model))


def is_claude(model: str) -> bool:
    return "claude" in model.rsplit("/", 1)[-1].lower()


def claude(model: str) -> tuple[int, int]:
    """Claude's version by its name, such as (4, 6); (0, 0) where the name tells none."""
    found = _CLAUDE.search(model)
    return (int(found[1]), int(found[2] or 0)) if found and is_claude(model) else (0, 0)


def fit(wire: Wire, model: str, params: Params) -> tuple[Params, list[Loss]]:
    """The parameters as the wire and the model's family take them, and what was changed for it."""
    params, losses = within(wire, params)
    for rule in _RULES[wire]:
        if found := rule(model, params):
            changes, loss = found
            params = replace(params, **changes)
            losses.append(loss)
    return params, losses


def _hot(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    if not is_claude(model) or (params.temperature or 0) <= 1:
        return None
    return {"temperature": 1.0}, Loss("claude_temperature", "temperature", "1")


def _sampling_gone(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    """After Opus 4.6 only the defaults of the samplers are taken."""
    if claude(model) <= (4, 6):
        return None
    odd = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and params.top_p < 0.99,
        "top_k": params.top_k is not None,
    }
    return _without([name for name, is_odd in odd.items() if is_odd], "family")


def _thinking_steady(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    """Thinking goes with the default temperature only, with no top_k, and with a top_p near one."""
    thinks = params.thinking in ("adaptive", "budget") and params.effort != "none"
    if not is_claude(model) or not thinks:
        return None
    odd = {
        "temperature": params.temperature not in (None, 1),
        "top_p": params.top_p is not None and params.top_p < 0.95,
        "top_k": params.top_k is not None,
    }
    return _without([name for name, is_odd in odd.items() if is_odd], "with_thinking")


def _one_sampler(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    """From 4.5 on, temperature and top_p together are refused."""
    if claude(model) < (4, 5) or params.temperature is None or params.top_p is None:
        return None
    return {"top_p": None}, Loss("one_sampler", "top_p")


def _budget_gone(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    """From Opus 4.7 on, thinking by a budget is refused."""
    if claude(model) < (4, 7) or params.thinking != "budget" or params.effort == "none":
        return None
    return {"thinking": "adaptive", "budget": None}, Loss("adaptive", "budget")


def _fixed_sampling(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    if not reasoning(model):
        return None
    return _without([name for name in _ODD_SAMPLING if getattr(params, name) not in (None, "")], "family")


def _no_stop(model: str, params: Params) -> tuple[dict[str, Any], Loss] | None:
    return _without(["stop"], "family") if params.stop and _NO_STOP.match(model) else None


def _without(names: list[str], rule: str) -> tuple[dict[str, Any], Loss] | None:
    if not names:
        return None
    untouched = Params()
    return {name: getattr(untouched, name) for name in names}, Loss(rule, ",".join(names))


_SAMPLING: tuple[Rule, ...] = (_hot, _sampling_gone, _one_sampler, _fixed_sampling, _no_stop)
# OpenAI's wire has no field for Claude's thinking, so nothing has to give way to it there.
_RULES: dict[Wire, tuple[Rule, ...]] = {
    "openai": _SAMPLING,
    "anthropic": (_hot, _sampling_gone, _budget_gone, _thinking_steady, *_SAMPLING[2:]),
}
