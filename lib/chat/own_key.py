"""A person's own key: what one session reaches with it, and shares with no other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lib.config.own_key import key_suffix
from lib.config.settings import Settings
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway


@dataclass(frozen=True)
class PersonalKey:
    """The key itself is in the `gateway` alone; `ending` is what its owner is shown of it.

    `catalog` and `prices` are what the gateway tells to this key.
    """

    suffix: str
    gateway: Gateway
    catalog: Catalog
    prices: Prices


def connect(settings: Settings, key: str, base_url: str) -> PersonalKey:
    """What is reached with a bare key. Raises ValueError where the address is not on the operator's list."""
    if base_url not in settings.personal_keys.base_urls:
        raise ValueError(base_url)
    gateway = Gateway(replace(settings, api_key=key, base_url=base_url))
    catalog = Catalog(gateway.fetch_models, gateway.fetch_prices)
    return PersonalKey(
        key_suffix(key), gateway, catalog, Prices(lambda: catalog.cached_model_list, settings.price_overrides)
    )
