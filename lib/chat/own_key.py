"""Personal API keys: the gateway, catalog and prices of one session with its own key."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.config.settings import Settings
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway

_SUFFIX_LENGTH = 4
_MIN_LENGTH_FOR_SUFFIX = 12  # the suffix of a shorter key would reveal too much of it


@dataclass(frozen=True)
class PersonalKey:
    """A user's own key; the key itself is held by the `gateway` only, and `suffix` is shown to its owner."""

    suffix: str
    gateway: Gateway
    catalog: Catalog
    prices: Prices


def connect(settings: Settings, key: str, base_url: str) -> PersonalKey:
    """Return the services for a key. Raises ValueError if the operator's list lacks the address."""
    if base_url not in settings.personal_key_urls:
        raise ValueError(base_url)
    gateway = Gateway(replace(settings, api_key=key, base_url=base_url))
    catalog = Catalog(gateway.fetch_models, gateway.fetch_prices)
    return PersonalKey(
        key_suffix(key), gateway, catalog, Prices(lambda: catalog.cached_model_list, settings.price_overrides)
    )


def key_suffix(key: str) -> str:
    """Return the last characters of a key, by which its owner recognises it; "" for a short key."""
    return key[-_SUFFIX_LENGTH:] if len(key) >= _MIN_LENGTH_FOR_SUFFIX else ""
