"""Usage to money: what a request has cost, and about what the next one will."""

from __future__ import annotations

import decimal
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from lib.chat.context.window import ROOM, Need, room
from lib.core.conversation import Usage
from lib.core.params import Params
from lib.core.pricing import NANO, Tariff

# Nano-dollars for a token, of a dollar for a million of them.
_PER_TOKEN = NANO // 10**6
MARGIN = 1.25  # times an estimate of tokens that is a fifth too low
UNSAID = 50  # tokens that a gateway may add to what is sent
MOST = 10**6 * NANO  # a million dollars: what would cost more was counted wrong, and no sum could hold it


def cost(usage: Usage, tariff: Tariff | None) -> int | None:
    """What one request has cost, in nano-dollars, rounded half up; None where tokens or price are unknown."""
    if tariff is None or usage.input is None or usage.output is None:
        return None
    price = tariff.of(usage.input)
    cached, written = usage.cached or 0, usage.written or 0
    fresh = max(0, usage.input - cached - written)
    with decimal.localcontext(prec=60):
        tokens = (
            fresh * price.input
            + cached * _or(price.cached, price.input)
            + written * _or(price.written, price.input)
            + usage.output * price.output
        )
        nanos = int((tokens * _PER_TOKEN + price.request * NANO).to_integral_value(ROUND_HALF_UP))
    return nanos if nanos <= MOST else None


def likely(need: Need, params: Params) -> Usage:
    """About what a request that needs so much will be counted as, with nothing cached.

    An answer without a limit is taken to be of ROOM tokens.
    """
    kept = room(params, need.limit)
    return Usage(max(0, need.tokens - kept), (kept or ROOM) * (params.n or 1))


def most(need: Need, params: Params) -> Usage:
    """What a request that needs so much will hardly be counted as more than, for limits to reserve.

    An estimate of what is sent can be a fifth too low, and a gateway may add some words of its own. How long
    an answer without a limit becomes nobody knows: it is taken to be of ROOM tokens here too, since the most
    that a model can say would use up a small budget at once.
    """
    about = likely(need, params)
    sent = about.input or 0
    return Usage(sent + UNSAID if need.known else int(sent * MARGIN) + UNSAID, about.output)


def dearest(usage: Usage, tariff: Tariff | None) -> int | None:
    """What a request costs at most, whatever of it is cached; None where the price is unknown."""
    both = (cost(usage, tariff), cost(replace(usage, written=usage.input), tariff))
    return None if None in both else max(one for one in both if one is not None)


def _or(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price
