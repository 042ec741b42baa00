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
from lib.core.params import PARAM_FIELDS, ParamAdjustment, Params, is_search_param
from lib.core.target import IMAGES, Target, Wire
from lib.gateway.wires import anthropic, images, openai
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents, has_files
from lib.gateway.wires.models import claude_rules, image_rules, quirks, web_search

WIRE_MODULES: dict[Wire, ModuleType] = {"openai": openai, "anthropic": anthropic}  # those of chat

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
    "web_search": True,
    "search_context": "low",
    "search_uses": 1,
    "search_domains": ("a",),
    "search_blocked": ("a",),
    "search_country": "US",
    "search_city": "a",
}


def wire_module(wire: Wire) -> ModuleType:
    """Return the module of a wire, with the functions that all of them have."""
    return images if wire == IMAGES else WIRE_MODULES[wire]


def build_body(
    target: Target,
    messages: Sequence[Message],
    params: Params,
    capabilities: Capabilities = UNKNOWN_CAPABILITIES,
    files: FileContents = NO_CONTENTS,
) -> dict[str, Any]:
    """Return the JSON of a request to the target, with the path in an order that both wires accept.

    `files` are sent as they are; each is a Base64Text in the JSON.
    """
    path = list(messages) if target.makes_images else normalize_messages(messages, files)
    body: dict[str, Any] = wire_module(target.wire).body(target.model, path, params, capabilities, files)
    return body


def output_limit(target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> int | None:
    """Return the output limit of a request in tokens; None if it is left to the gateway."""
    if target.makes_images:
        return None
    params = absorb_extra(target.wire, params)
    adapted, _ = quirks.adapt_params(target.wire, target.model, params, capabilities)
    return adapted.max_tokens


def thinks(target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> bool:
    """Return True if the model is known to think before it answers such a request."""
    if target.makes_images:
        return False
    adapted, _ = quirks.adapt_params(target.wire, target.model, params, capabilities)
    if target.wire == "openai":
        return quirks.thinks_on_openai_wire(target.model, adapted.effort)
    return quirks.thinks(target.model, adapted, capabilities)


def search_mode(target: Target, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> web_search.SearchMode:
    """Return how the target searches the web: never, if it is asked to, or with every question."""
    return web_search.search_mode(target.wire, target.model, capabilities)


def max_searches(target: Target, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> int:
    """Return the most web searches that a request with these parameters allows; 0 for one without a search."""
    try:
        return web_search.max_searches(build_body(target, (), params, capabilities))
    except ValueError:  # Extra JSON that is none: there will be no request
        return 0


def takes_cache_control(target: Target) -> bool:
    """Return True for Claude on its own wire, where a field of the request controls the prompt cache."""
    return target.wire == "anthropic" and claude_rules.is_claude(target.model)


def takes_prompt_cache_key(target: Target) -> bool:
    """Return True for models of OpenAI on its own wire: they are known to take `prompt_cache_key`."""
    return target.wire == "openai" and quirks.takes_prompt_cache_key(target.model)


def normalize_messages(messages: Sequence[Message], files: FileContents = NO_CONTENTS) -> list[Message]:
    """Return the path without empty messages, starting with the user, and with alternating roles.

    Consecutive messages of one role are merged, separated by a blank line. A message of files alone is not empty.
    """
    path: list[Message] = []
    for message in messages:
        if not message.text.strip() and not has_files(message, files):
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
    adjustments: list[ParamAdjustment] = wire_module(target.wire).dropped_params(target.model, params, capabilities)
    last_by_param = {name: adjustment for adjustment in adjustments for name in adjustment.param_names.split(",")}
    return [adjustment for adjustment in adjustments if adjustment in last_by_param.values()]


def _unsupported_image_params(target: Target) -> frozenset[str]:
    """Names of the parameters without a field in the format of images, or without a value that the model takes."""
    rules = image_rules.rules_of(target.model)
    return frozenset(
        field.name
        for field in PARAM_FIELDS
        if not field.images_name
        or (field.group == "image" and not rules.choices(field.name) and not rules.takes_any_value)
    )


@lru_cache(maxsize=256)  # called at every rerun of a page; the result never changes
def unsupported_params(target: Target, capabilities: Capabilities = UNKNOWN_CAPABILITIES) -> frozenset[str]:
    """Names of the parameters that the target does not accept at all, found by probing each."""
    if target.makes_images:
        return _unsupported_image_params(target)
    return frozenset(
        name
        for name, value in _PROBE_VALUES.items()
        for adjustment in dropped_params(target, _probe(name, value), capabilities)
        if adjustment.code in ("not_on_wire", "family") and name in adjustment.param_names.split(",")
    )


def _probe(name: str, value: Any) -> Params:
    """Return parameters with one that is set; an option of a web search needs the search too."""
    return replace(Params(web_search=is_search_param(name)), **{name: value})
