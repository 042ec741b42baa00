"""Prices and balance of the demo gateway, in the shapes of new-api."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from lib.demo.wire import TokenCounts

PRICES = "/api/pricing"
SUBSCRIPTION, USAGE = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
STATUS = "/api/status"
REQUEST_LOG = "/api/log/token"
BILLING_PATHS = (PRICES, SUBSCRIPTION, USAGE, STATUS, REQUEST_LOG)
CREDIT = 20  # dollars
QUOTA_PER_DOLLAR = 500_000  # new-api's default

# Ratios as new-api defines them: 1 is two dollars for a million prompt tokens.
_DOLLARS_PER_RATIO = Decimal(2)
_RATIO = Decimal("0.5")
_RATIOS = MappingProxyType(
    {"demo-thinker": Decimal("1.5"), "demo-cheap": Decimal("0.05"), "demo-gpt-image": Decimal(2)}
)
_COMPLETION, _CACHE_READ, _CACHE_WRITE = 4, Decimal("0.1"), Decimal("1.25")
_SEARCH = Decimal("0.01")  # dollars of a web search, which the list does not state
# Absent from the price list: shows a cost that is unknown.
_UNPRICED = frozenset({"demo-echo"})


def answer_cost(model: str, counts: TokenCounts) -> Decimal:
    """Return the cost of an answer in dollars."""
    cache = counts.cache
    uncached = counts.prompt - cache.read - cache.written
    prompt = uncached + cache.read * _CACHE_READ + cache.written * _CACHE_WRITE
    ratio = _RATIOS.get(model, _RATIO)
    tokens = (prompt + counts.completion * _COMPLETION) * ratio * _DOLLARS_PER_RATIO / 10**6
    return tokens + counts.searches * _SEARCH


def log_row(request_id: str, model: str, counts: TokenCounts, started_at: float, ended_at: float) -> dict[str, Any]:
    """Return an answer as a row of the log; times in seconds since 1970."""
    return {
        "created_at": int(ended_at),
        "type": 2,
        "model_name": model,
        "quota": round(answer_cost(model, counts) * QUOTA_PER_DOLLAR),
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "use_time": int(ended_at - started_at),
        "request_id": request_id,
    }


def price_list(models: list[str]) -> dict[str, Any]:
    """Return the price list."""
    return {
        "success": True,
        "data": [_price(name) for name in models if name not in _UNPRICED],
        "group_ratio": {"default": 1},
        "usable_group": {"default": "everybody"},
    }


def _price(name: str) -> dict[str, Any]:
    return {
        "model_name": name,
        "quota_type": 0,
        "model_ratio": float(_RATIOS.get(name, _RATIO)),
        "model_price": 0,
        "owner_by": "",
        "completion_ratio": _COMPLETION,
        "cache_ratio": float(_CACHE_READ),
        "create_cache_ratio": float(_CACHE_WRITE),
        "enable_groups": ["default"],
        "supported_endpoint_types": ["openai", "anthropic"],
    }


def subscription() -> dict[str, Any]:
    """Return the credit of the key."""
    limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), CREDIT)
    return {"object": "billing_subscription", "has_payment_method": True, **limits, "access_until": 0}


def usage(spent: Decimal) -> dict[str, Any]:
    """Return the credit used, in cents."""
    return {"object": "list", "total_usage": float(spent * 100)}


def status() -> dict[str, Any]:
    """Return the unit of the amounts."""
    return {"success": True, "message": "", "data": {"quota_display_type": "USD", "quota_per_unit": QUOTA_PER_DOLLAR}}
