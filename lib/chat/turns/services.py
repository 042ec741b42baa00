"""Services of a turn: the store, the gateway, and what limits and describes its request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.chat.turns.ports import TurnStore
from lib.chat.turns.registry import GenerationRegistry
from lib.chat.turns.request_params import CapabilitiesLookup, unknown_capabilities
from lib.chat.turns.summaries import UtilityModel, UtilityModelService
from lib.chat.usage.limits import NO_LIMITS, NoLimits
from lib.chat.usage.recorder import PriceLookup, unknown_price
from lib.config.settings import ServerSettings
from lib.core.refused_params import NO_MEMORY, RefusedParamMemory
from lib.gateway.client import Gateway


@dataclass(frozen=True)
class TurnServices:
    """The dependencies of a turn; without a `utility_model` there are no generated titles and summaries.

    `on_answer_end` is called on the worker thread of an answer after its end is saved, with these services, owner,
    conversation id and node id. `renew_limits` returns the limits as they are then, and None once these services
    may not be used any more. At most `max_recorded_bytes` of a request and its responses are recorded; 0 for none.
    A replayed answer ends after `max_answer_chars`, as the gateway's answers do.
    """

    store: TurnStore
    gateway: Gateway
    generations: GenerationRegistry
    utility_models: UtilityModelService | None = None
    utility_model: UtilityModel | None = None
    price_lookup: PriceLookup = unknown_price
    limit_enforcer: NoLimits = NO_LIMITS
    capabilities_lookup: CapabilitiesLookup = unknown_capabilities
    refused_params: RefusedParamMemory = NO_MEMORY
    max_running_answers: int | None = None
    uses_personal_key: bool = False
    renew_limits: Callable[[], NoLimits | None] = lambda: NO_LIMITS
    on_answer_end: Callable[[TurnServices, str, str, str], None] = lambda *_: None
    max_recorded_bytes: int = 0
    max_answer_chars: int = ServerSettings.max_answer_chars
