"""Costs of requests: actual, expected and maximal."""

from __future__ import annotations

import decimal
import re
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from lib.chat.context.window import DEFAULT_ANSWER_TOKENS, ContextEstimate, answer_tokens
from lib.core import tokens
from lib.core.conversation import Usage
from lib.core.extra_json import extra_thinking_tokens
from lib.core.params import Params
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice, Price

# Nano-dollars per token at a price of one dollar per million tokens.
_NANOS_PER_TOKEN = NANOS_PER_DOLLAR // 10**6
ESTIMATE_MARGIN = 1.25  # token estimates can be a fifth too low
SEARCH_RESULT_TOKENS = 5_000  # that the results of a web search add to the input
PROMPT_OVERHEAD_TOKENS = 50  # that a gateway may add to a request
# More counts as a wrong token count; a column could not hold the sums.
_HOUR = re.compile(r'"1h"')
MAX_PLAUSIBLE_COST = 10**6 * NANOS_PER_DOLLAR


@dataclass(frozen=True)
class ImageUsage:
    """Images of a request for images: the number of those generated, and the input tokens of those sent."""

    count: int
    input_tokens: int = 0


def calculate_cost(usage: Usage, model_price: ModelPrice | None, images: ImageUsage | None = None) -> int | None:
    """Return the cost in nano-dollars, rounded half up; None if the price or a token count is unknown.

    A price per request counts for each of the `images`, whose tokens gateways with such a price often do not report.
    """
    if model_price is None:
        return None
    if images and images.count and _has_request_price_only(model_price.base_price):
        usage = replace(usage, input=usage.input or 0, output=usage.output or 0)
    if usage.input is None or usage.output is None:
        return None
    request_count = max(1, images.count) if images else 1
    price = model_price.price_for(usage.input)
    cached, written = usage.cache_read or 0, usage.cache_write or 0
    written_1h = min(usage.cache_write_1h or 0, written)
    fresh = max(0, usage.input - cached - written)
    image_input = min(images.input_tokens, fresh) if images else 0
    reasoning = min(usage.reasoning or 0, usage.output)
    with decimal.localcontext(prec=60):
        dollars_per_million = (
            (fresh - image_input) * price.input
            + image_input * _price_or_default(price.image_input, price.input)
            + cached * _price_or_default(price.cache_read, price.input)
            + (written - written_1h) * _write_rate(price, usage)
            + written_1h * price.write_rate_1h
            + reasoning * _price_or_default(price.reasoning, price.output)
            + (usage.output - reasoning) * price.output
        )
        apart = price.per_request * request_count + (usage.searches or 0) * price.search_rate
        nanos = int(
            (dollars_per_million * _NANOS_PER_TOKEN + apart * NANOS_PER_DOLLAR).to_integral_value(ROUND_HALF_UP)
        )
    return nanos if nanos <= MAX_PLAUSIBLE_COST else None


def expected_usage(estimate: ContextEstimate, params: Params) -> Usage:
    """Return the expected usage of a request, with nothing cached.

    An answer without a limit counts as DEFAULT_ANSWER_TOKENS.
    """
    if estimate.image_count:
        output = estimate.image_tokens * estimate.image_count
        return Usage(max(0, estimate.tokens - output), output)
    reserved = answer_tokens(params, estimate.context_window)
    return Usage(max(0, estimate.tokens - reserved), (reserved or DEFAULT_ANSWER_TOKENS) * (params.n or 1))


def max_usage(estimate: ContextEstimate, params: Params, output_limit: int | None = None, searches: int = 0) -> Usage:
    """Return an upper bound of the usage of a request, for quota reservations. `params` are absorbed.

    It allows for a low estimate, for text added by the gateway and for the results of `searches`. `output_limit` is the
    limit that is sent, if not that of `params`. An answer without any counts as DEFAULT_ANSWER_TOKENS here too: the
    maximum of the model would use up a small quota at once.
    """
    expected = expected_usage(estimate, params)
    uncounted = estimate.uncounted_tokens if estimate.is_counted else expected.input or 0
    output = output_limit * (params.n or 1) if output_limit else expected.output or 0
    if estimate.image_count:
        output = estimate.max_image_tokens * estimate.image_count
    # Extra JSON can add to the prompt (tools, a system prompt), and to the answer.
    extra_input = tokens.estimate(params.extra)
    extra_output = extra_thinking_tokens(params) * (params.n or 1)
    margin = int(uncounted * (ESTIMATE_MARGIN - 1))
    input_tokens = (expected.input or 0) + margin + PROMPT_OVERHEAD_TOKENS + extra_input
    input_tokens += searches * SEARCH_RESULT_TOKENS
    writes_1h = _max_writes_1h(params, input_tokens)
    return Usage(input_tokens, output + extra_output, cache_write_1h=writes_1h, searches=searches or None)


def expected_images(estimate: ContextEstimate) -> ImageUsage | None:
    """Return the images of a request; None for a request for text."""
    return ImageUsage(estimate.image_count, estimate.image_input_tokens) if estimate.image_count else None


def max_cost(usage: Usage, model_price: ModelPrice | None, images: ImageUsage | None = None) -> int | None:
    """Return the maximal cost, whatever is cached or thought; None if the price is unknown.

    Cache writes count as those of one hour up to `cache_write_1h`.
    """
    variants = [
        replace(usage, cache_write=written, reasoning=reasoning)
        for written in (0, usage.input)
        for reasoning in (0, usage.output)
    ]
    costs = [calculate_cost(variant, model_price, images) for variant in variants]
    known = [each for each in costs if each is not None]
    return max(known) if len(known) == len(costs) else None


def _max_writes_1h(params: Params, input_tokens: int) -> int | None:
    """Return the most tokens that are cached for an hour; None for a request that asks for no cache."""
    if params.cache == "1h" or _HOUR.search(params.extra):
        return input_tokens
    return 0 if params.cache == "5m" else None


def _write_rate(price: Price, usage: Usage) -> Decimal:
    """Return the price of a cache write that is not for an hour.

    Anthropic reports lifetimes; other vendors do not, and charge writes as input unless their price is listed.
    """
    return (
        price.write_rate_5m if usage.cache_write_1h is not None else _price_or_default(price.cache_write, price.input)
    )


def _has_request_price_only(price: Price) -> bool:
    return bool(price.per_request) and not price.input and not price.output


def _price_or_default(price: Decimal | None, default: Decimal) -> Decimal:
    return default if price is None else price
