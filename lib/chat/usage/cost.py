"""Usage to money: what a request has cost, and about what the next one will."""

from __future__ import annotations

import decimal
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate, answer_tokens
from lib.core.conversation import Usage
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice

# Nano-dollars for a token, of a dollar for a million of them.
_NANOS_PER_TOKEN = NANOS_PER_DOLLAR // 10**6
ESTIMATE_MARGIN = 1.25  # times an estimate of tokens that is a fifth too low
PROMPT_OVERHEAD_TOKENS = 50  # tokens that a gateway may add to what is sent
MAX_PLAUSIBLE_COST = (
    10**6 * NANOS_PER_DOLLAR
)  # a million dollars: what would cost more was counted wrong, and no sum could hold it


def calculate_cost(usage: Usage, model_price: ModelPrice | None) -> int | None:
    """What one request has cost, in nano-dollars, rounded half up; None where tokens or price are unknown."""
    if model_price is None or usage.input is None or usage.output is None:
        return None
    price = model_price.price_for(usage.input)
    cached, written = usage.cache_read or 0, usage.cache_write or 0
    fresh = max(0, usage.input - cached - written)
    with decimal.localcontext(prec=60):
        tokens = (
            fresh * price.input
            + cached * _price_or_default(price.cache_read, price.input)
            + written * _price_or_default(price.cache_write, price.input)
            + usage.output * price.output
        )
        nanos = int(
            (tokens * _NANOS_PER_TOKEN + price.per_request * NANOS_PER_DOLLAR).to_integral_value(
                ROUND_HALF_UP
            )
        )
    return nanos if nanos <= MAX_PLAUSIBLE_COST else None


def expected_usage(estimate: ContextEstimate, params: Params) -> Usage:
    """About what a request that needs so much will be counted as, with nothing cached.

    An answer without a limit is taken to be of ROOM tokens.
    """
    kept = answer_tokens(params, estimate.context_window)
    return Usage(max(0, estimate.tokens - kept), (kept or DEFAULT_ANSWER_TOKENS) * (params.n or 1))


def max_usage(estimate: ContextEstimate, params: Params) -> Usage:
    """What a request that needs so much will hardly be counted as more than, for limits to reserve.

    An estimate of what is sent can be a fifth too low, and a gateway may add some words of its own. How long
    an answer without a limit becomes nobody knows: it is taken to be of ROOM tokens here too, since the most
    that a model can say would use up a small budget at once.
    """
    about = expected_usage(estimate, params)
    sent = about.input or 0
    return Usage(
        sent + PROMPT_OVERHEAD_TOKENS
        if estimate.is_counted
        else int(sent * ESTIMATE_MARGIN) + PROMPT_OVERHEAD_TOKENS,
        about.output,
    )


def max_cost(usage: Usage, model_price: ModelPrice | None) -> int | None:
    """What a request costs at most, whatever of it is cached; None where the price is unknown."""
    both = (
        calculate_cost(usage, model_price),
        calculate_cost(replace(usage, cache_write=usage.input), model_price),
    )
    return None if None in both else max(one for one in both if one is not None)


def _price_or_default(price: Decimal | None, default: Decimal) -> Decimal:
    return default if price is None else price
