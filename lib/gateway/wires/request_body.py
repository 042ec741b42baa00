"""Request bodies for a target: message order, and the parameters that it does not accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from types import ModuleType
from typing import Any

from lib.core.conversation import Message, TextPart
from lib.core.extra_json import absorb_extra
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import ParamAdjustment, Params
from lib.core.target import Target, Wire
from lib.gateway.wires import anthropic, claude_rules, model_quirks, openai

WIRE_MODULES: dict[Wire, ModuleType] = {"openai": openai, "anthropic": anthropic}

# Fields of Params, each with a value that is no target's default.
_PROBE_VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "presence_penalty": 1.0,
    "frequency_penalty": 1.0,
    "logit_bias": "{}",
    "seed": 1,
    "effort": "low",
    "thinking": "adaptive",
    "budget": 2048,
    "display": "omitted",
    "verbosity": "low",
    "prompt_cache_key": "a",
    "stop": ("a",),
    "n": 2,
    "user": "a",
}


def build_body(
    target: Target, messages: Sequence[Message], params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> dict[str, Any]:
    """Return the JSON of a request to the target, with the path in an order that both wires accept."""
    path = normalize_messages(messages)
    body: dict[str, Any] = WIRE_MODULES[target.wire].body(target.model, path, params, capabilities)
    return body


def output_limit(target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> int | None:
    """Return the output limit of a request in tokens; None if it is left to the gateway."""
    params = absorb_extra(target.wire, params)
    adapted, _ = model_quirks.adapt_params(target.wire, target.model, params, capabilities)
    return adapted.max_tokens


def thinks(target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> bool:
    """Return True if the model is known to think before it answers such a request."""
    adapted, _ = model_quirks.adapt_params(target.wire, target.model, params, capabilities)
    if target.wire == "openai":
        return model_quirks.thinks_on_openai_wire(target.model, adapted.effort)
    return model_quirks.thinks(target.model, adapted, capabilities)


def takes_cache_control(target: Target) -> bool:
    """Return True for Claude on its own wire, where a field of the request controls the prompt cache."""
    return target.wire == "anthropic" and claude_rules.is_claude(target.model)


def takes_prompt_cache_key(target: Target) -> bool:
    """Return True for models of OpenAI on its own wire: they are known to take `prompt_cache_key`."""
    return target.wire == "openai" and model_quirks.takes_prompt_cache_key(target.model)


def normalize_messages(messages: Sequence[Message]) -> list[Message]:
    """Return the path without empty messages, starting with the user, and with alternating roles.

    Consecutive messages of one role are merged, separated by a blank line.
    """
    path: list[Message] = []
    for message in messages:
        if not message.text.strip():
            continue
        if path and path[-1].role == message.role:
            path[-1] = Message(message.role, (*path[-1].parts, TextPart("\n\n"), *message.parts))
        elif path or message.role == "user":
            path.append(message)
    return path


def dropped_params(
    target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are dropped or changed for the target; of several adjustments of one, the last."""
    adjustments: list[ParamAdjustment] = WIRE_MODULES[target.wire].dropped_params(target.model, params, capabilities)
    last_by_param = {name: adjustment for adjustment in adjustments for name in adjustment.param_names.split(",")}
    return [adjustment for adjustment in adjustments if adjustment in last_by_param.values()]


@lru_cache(maxsize=256)  # called at every rerun of a page; the result never changes
def unsupported_params(target: Target, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> frozenset[str]:
    """Names of the parameters that the target does not accept at all, found by probing each."""
    return frozenset(
        name
        for name, value in _PROBE_VALUES.items()
        for adjustment in dropped_params(target, replace(Params(), **{name: value}), capabilities)
        if adjustment.code in ("not_on_wire", "family") and adjustment.param_names == name
    )
