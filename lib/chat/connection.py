"""Connections to a gateway, with the team's API key or with a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lib.chat.refused_params import SessionMemory
from lib.config.settings import Settings
from lib.core.pricing import TeamPrice
from lib.core.refused_params import NO_MEMORY, RefusedParamMemory
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.library import Library, package_library
from lib.gateway.catalog.prices import Prices
from lib.gateway.client import Gateway

_SUFFIX_LENGTH = 4
_MIN_LENGTH_FOR_SUFFIX = 12  # the suffix of a shorter key would reveal too much of it


@dataclass(frozen=True)
class Connection:
    """A gateway, its models and their prices; only `gateway` holds the key, `key_suffix` is shown to its owner."""

    key_suffix: str
    gateway: Gateway
    catalog: Catalog
    prices: Prices


@dataclass(frozen=True)
class ModelFacts:
    """Sources of facts about models besides the gateway: the library, prices that admins have set, refusals."""

    get_library: Callable[[], Library] = package_library
    get_team_prices: Callable[[], Mapping[str, TeamPrice]] = dict
    refused_params: RefusedParamMemory = NO_MEMORY


DEFAULT_FACTS = ModelFacts()


def connect(
    settings: Settings, facts: ModelFacts = DEFAULT_FACTS, get_read_interval: Callable[[], float] = lambda: 0.0
) -> Connection:
    """Return the connection to the gateway of the settings, with their key, which reads answers at this interval."""
    gateway = Gateway(settings, facts.get_library, facts.refused_params, get_read_interval)
    catalog = Catalog(gateway.fetch_models, gateway.fetch_prices, facts.get_library)
    prices = Prices(
        lambda: catalog.cached_model_list, settings.price_overrides, facts.get_library, facts.get_team_prices
    )
    return Connection(key_suffix(settings.api_key), gateway, catalog, prices)


def connect_with_key(
    settings: Settings,
    key: str,
    base_url: str,
    facts: ModelFacts = DEFAULT_FACTS,
    get_read_interval: Callable[[], float] = lambda: 0.0,
) -> Connection:
    """Return the connection with a user's key. Raises ValueError if the operator's list lacks the address.

    What its gateway refuses is learnt for this connection only.
    """
    if base_url not in settings.personal_key_urls:
        raise ValueError(base_url)
    own_settings = replace(settings, api_key=key, base_url=base_url)
    return connect(own_settings, replace(facts, refused_params=SessionMemory()), get_read_interval)


def key_suffix(key: str) -> str:
    """Return the last characters of a key, by which its owner recognises it; "" for a short key."""
    return key[-_SUFFIX_LENGTH:] if len(key) >= _MIN_LENGTH_FOR_SUFFIX else ""
