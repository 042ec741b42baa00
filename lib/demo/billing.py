"""What the demo gateway asks for its answers, and the papers in which it tells so."""

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from lib.demo.wire import Counts

PRICING = "/api/pricing"
SUBSCRIPTION, USAGE = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
PAPERS = (PRICING, SUBSCRIPTION, USAGE)
GRANTED = 20  # dollars

# Ratios, as new-api has them: 1 is two dollars for a million tokens that are sent.
_RATIO, _ANSWERS, _CACHED, _WRITTEN = Decimal("0.5"), 4, Decimal("0.1"), Decimal("1.25")
_RATIOS = MappingProxyType({"demo-thinker": Decimal("1.5"), "demo-cheap": Decimal("0.05")})
_PER_RATIO = Decimal(2)
# Nobody is told what these cost.
UNPRICED = frozenset({"demo-echo"})


def cost(model: str, counts: Counts) -> Decimal:
    """Return the dollars that are taken for an answer."""
    fresh = counts.prompt - counts.read - counts.written
    tokens = fresh + counts.read * _CACHED + counts.written * _WRITTEN + counts.made * _ANSWERS
    return tokens * _RATIOS.get(model, _RATIO) * _PER_RATIO / 10**6


def pricing(models: list[str]) -> dict[str, Any]:
    """Return the list of prices."""
    return {
        "success": True,
        "data": [_entry(name) for name in models if name not in UNPRICED],
        "group_ratio": {"default": 1},
        "usable_group": {"default": "everybody"},
    }


def _entry(name: str) -> dict[str, Any]:
    return {
        "model_name": name,
        "quota_type": 0,
        "model_ratio": float(_RATIOS.get(name, _RATIO)),
        "model_price": 0,
        "owner_by": "",
        "completion_ratio": _ANSWERS,
        "cache_ratio": float(_CACHED),
        "create_cache_ratio": float(_WRITTEN),
        "enable_groups": ["default"],
        "supported_endpoint_types": ["openai", "anthropic"],
    }


def subscription() -> dict[str, Any]:
    """Return what the key was granted."""
    limits = dict.fromkeys(("soft_limit_usd", "hard_limit_usd", "system_hard_limit_usd"), GRANTED)
    return {
        "object": "billing_subscription",
        "has_payment_method": True,
        **limits,
        "access_until": 0,
    }


def usage(spent: Decimal) -> dict[str, Any]:
    """Return what the key has used of it, in cents."""
    return {"object": "list", "total_usage": float(spent * 100)}
