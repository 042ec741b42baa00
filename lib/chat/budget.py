"""Usage to money: what a request has cost, and about what the next one will."""

from __future__ import annotations

import decimal
from decimal import ROUND_HALF_UP, Decimal

from lib.chat.window import ROOM, Need, room
from lib.core.money import NANO, Tariff
from lib.core.params import Params
from lib.core.types import Usage

# Nano-dollars for a token, of a dollar for a million of them.
_PER_TOKEN = NANO // 10**6
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


def _or(price: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if price is None else price
