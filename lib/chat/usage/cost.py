"""Costs of requests: actual, expected and maximal."""

from __future__ import annotations

import decimal
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate, answer_tokens
from lib.core import tokens
from lib.core.conversation import Usage
from lib.core.extra_json import extra_thinking_tokens
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice

# Nano-dollars per token at a price of one dollar per million tokens.
_NANOS_PER_TOKEN = NANOS_PER_DOLLAR // 10**6
ESTIMATE_MARGIN = 1.25  # token estimates can be a fifth too low
PROMPT_OVERHEAD_TOKENS = 50  # that a gateway may add to a request
# More counts as a wrong token count; a column could not hold the sums.
MAX_PLAUSIBLE_COST = 10**6 * NANOS_PER_DOLLAR


def calculate_cost(usage: Usage, model_price: ModelPrice | None) -> int | None:
    """Return the cost in nano-dollars, rounded half up; None if the price or a token count is unknown."""
    if model_price is None or usage.input is None or usage.output is None:
        return None
    price = model_price.price_for(usage.input)
    cached, written = usage.cache_read or 0, usage.cache_write or 0
    fresh = max(0, usage.input - cached - written)
    reasoning = min(usage.reasoning or 0, usage.output)
    with decimal.localcontext(prec=60):
        dollars_per_million = (
            fresh * price.input
            + cached * _price_or_default(price.cache_read, price.input)
            + written * _price_or_default(price.cache_write, price.input)
            + reasoning * _price_or_default(price.reasoning, price.output)
            + (usage.output - reasoning) * price.output
        )
        nanos = int(
            (dollars_per_million * _NANOS_PER_TOKEN + price.per_request * NANOS_PER_DOLLAR).to_integral_value(
                ROUND_HALF_UP
            )
        )
    return nanos if nanos <= MAX_PLAUSIBLE_COST else None


def expected_usage(estimate: ContextEstimate, params: Params) -> Usage:
    """Return the expected usage of a request, with nothing cached.

    An answer without a limit counts as DEFAULT_ANSWER_TOKENS.
    """
    reserved = answer_tokens(params, estimate.context_window)
    return Usage(max(0, estimate.tokens - reserved), (reserved or DEFAULT_ANSWER_TOKENS) * (params.n or 1))


def max_usage(estimate: ContextEstimate, params: Params, output_limit: int | None = None) -> Usage:
    """Return an upper bound of the usage of a request, for quota reservations. `params` are absorbed.

    It allows for a low estimate and for text added by the gateway. `output_limit` is the limit that is sent, if
    not that of `params`. An answer without any counts as DEFAULT_ANSWER_TOKENS here too: the maximum of the
    model would use up a small quota at once.
    """
    expected = expected_usage(estimate, params)
    margin = 1.0 if estimate.is_counted else ESTIMATE_MARGIN
    output = output_limit * (params.n or 1) if output_limit else expected.output or 0
    # Extra JSON can add to the prompt (tools, a system prompt), and to the answer.
    extra_input = tokens.estimate(params.extra)
    extra_output = extra_thinking_tokens(params) * (params.n or 1)
    return Usage(int((expected.input or 0) * margin) + PROMPT_OVERHEAD_TOKENS + extra_input, output + extra_output)


def max_cost(usage: Usage, model_price: ModelPrice | None) -> int | None:
    """Return the maximal cost, whatever is cached or thought; None if the price is unknown."""
    variants = [
        replace(usage, cache_write=written, reasoning=reasoning)
        for written in (0, usage.input)
        for reasoning in (0, usage.output)
    ]
    costs = [calculate_cost(variant, model_price) for variant in variants]
    known = [each for each in costs if each is not None]
    return max(known) if len(known) == len(costs) else None


def _price_or_default(price: Decimal | None, default: Decimal) -> Decimal:
    return default if price is None else price
