"""Parameters of a request that a turn decides where the user sets none: output limit and prompt caches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate
from lib.chat.usage import cost
from lib.core.conversation import Node
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import Params
from lib.core.pricing import ModelPrice
from lib.core.target import Target
from lib.gateway.wires import request_body

CapabilitiesLookup = Callable[[str], Capabilities]

# Below its minimum, a prompt is not cached: 512 to 4,096 tokens, by the model.
# Source: platform.claude.com, "Prompt caching", "Cache limitations".
MIN_CACHED_TOKENS = 4096
_CACHE_KEY_LENGTH = 32  # OpenAI allows 64


def unknown_capabilities(_: str) -> Capabilities:
    """Capabilities lookup that knows no model."""
    return UNKNOWN_CAPABILITIES


def resolve_params(
    target: Target,
    params: Params,
    capabilities: Capabilities,
    price: ModelPrice | None,
    estimate: ContextEstimate,
    path: Sequence[Node],
    conversation_id: str,
) -> Params:
    """Return the parameters with the output limit and the caches of a request that continues `path`.

    The same output limit is reserved and sent.
    """
    input_tokens = cost.max_usage(estimate, params).input or 0
    limit = request_body.output_limit(target, params, capabilities)
    if limit and params.max_tokens is None and capabilities.context_window:
        # Servers reject a request whose prompt and output limit together exceed the context window.
        limit = min(limit, max(capabilities.context_window - input_tokens, DEFAULT_ANSWER_TOKENS))
    params = replace(params, max_tokens=limit)
    if not params.cache and request_body.takes_cache_control(target) and _pays_to_cache(price, input_tokens, path):
        params = replace(params, cache="5m")
    # The field is sent by itself to OpenAI's own models only: other strict servers reject it.
    if not params.prompt_cache_key and request_body.takes_prompt_cache_key(target):
        params = replace(params, prompt_cache_key=cache_key_of(conversation_id))
    return params


def cache_key_of(conversation_id: str) -> str:
    """Return the mark of a conversation that is the same in all its requests, and tells nothing about it."""
    return hashlib.sha256(f"prompt cache {conversation_id}".encode()).hexdigest()[:_CACHE_KEY_LENGTH]


def _pays_to_cache(price: ModelPrice | None, input_tokens: int, path: Sequence[Node]) -> bool:
    """Return True for a long conversation in its second turn or later, if reading once repays the writing.

    Without a price for cached input there is nothing to gain.
    """
    has_answer = any(node.message.role == "assistant" for node in path)
    if price is None or input_tokens < MIN_CACHED_TOKENS or not has_answer:
        return False
    rates = price.price_for(input_tokens)
    if rates.cache_read is None:
        return False
    return rates.write_rate_5m - rates.input < rates.input - rates.cache_read
