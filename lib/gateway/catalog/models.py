"""Models: what the gateway lists, joined with abilities and limits, and the wires each is reached over."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib.core.errors import AnswerError, EndpointNotFound, InvalidResponse
from lib.core.models import Model, ModelList
from lib.core.pricing import Price
from lib.core.sanitize import replace_surrogates
from lib.core.target import WIRES, Wire
from lib.gateway.catalog import capabilities, prices, vendors

log = logging.getLogger(__name__)

MAX_DESCRIPTION_LENGTH = 200  # letters of what a gateway says of a model
MAX_AGE = 300.0  # seconds for which a list is good, or the word that there is none
FAILURE_MAX_AGE = 20.0  # seconds after which a list that could not be had is asked for again
MAX_PAGES = 50

# Endpoint types of models that hold no chat.
_NON_CHAT_ENDPOINT_TYPES = {"image-generation", "embeddings", "jina-rerank", "openai-video"}


class Catalog:
    """The gateway's models and prices, asked for in the background: no page waits for a gateway that is slow.

    Its price list is asked for when the models are known. Methods may be called from any thread.
    """

    def __init__(
        self, fetch_models: Callable[[], ModelList], fetch_prices: Callable[[], Mapping[str, Price]] = dict
    ) -> None:
        self._fetch_models = fetch_models
        self._fetch_prices = fetch_prices
        self._condition = threading.Condition()
        self._model_list = ModelList()
        self._expires_at = 0.0
        self._is_refreshing = False
        self._has_waited = False

    def model_list(self, timeout: float) -> ModelList:
        """The models as known now. Only the first call waits for them, for `patience` seconds."""
        with self._condition:
            if time.monotonic() > self._expires_at and not self._is_refreshing:
                self._is_refreshing = True
                threading.Thread(target=self._refresh_models, name="models", daemon=True).start()
            if not self._has_waited:
                self._condition.wait_for(lambda: not self._is_refreshing, timeout)
                self._has_waited = True
            return self._model_list

    @property
    def cached_model_list(self) -> ModelList:
        """What is known now, without asking."""
        return self._model_list

    def invalidate(self) -> None:
        """Have the list asked for again at the next look, which waits for it as the first one did."""
        with self._condition:
            self._expires_at, self._has_waited = 0.0, False

    def _refresh_models(self) -> None:
        before, age = self._model_list, FAILURE_MAX_AGE
        found = replace(before, error_code="unexpected")
        try:
            fresh = self._fetch_models()
            found = replace(fresh, fetched_at=time.time(), prices={**before.prices, **fresh.prices})
            age = MAX_AGE
        except EndpointNotFound as error:
            found, age = (
                ModelList(error_code=error.code, is_unsupported=True, fetched_at=time.time()),
                MAX_AGE,
            )
        except AnswerError as error:
            log.info("no list of models: %s %s", error.code, error.status or "")
            found = replace(before, error_code=error.code)
        finally:
            with self._condition:
                self._model_list = found
                self._expires_at = time.monotonic() + age
                self._is_refreshing = False
                self._condition.notify_all()
        self._refresh_prices()

    def _refresh_prices(self) -> None:
        try:
            found = self._fetch_prices()
        except AnswerError as error:
            # Most gateways have none; what was known of it stays.
            log.info("no list of prices: %s %s", error.code, error.status or "")
            return
        with self._condition:
            self._model_list = replace(self._model_list, prices={**self._model_list.prices, **found})


@dataclass(frozen=True)
class ModelPage:
    """One answer to `/v1/models`. `after` is what the next page is asked for with, "" at the end."""

    models: tuple[Model, ...]
    hidden_count: int
    next_cursor: str = ""
    prices: Mapping[str, Price] = field(default_factory=dict)


def fetch_all_pages(fetch_page: Callable[[str], ModelPage]) -> ModelList:
    """The whole list, of as many pages as the gateway has; `page` is called with what each comes after."""
    models: dict[str, Model] = {}
    costs: dict[str, Price] = {}
    hidden, after = 0, ""
    for _ in range(MAX_PAGES):
        found = fetch_page(after)
        for model in found.models:
            models.setdefault(model.id, model)
        costs = {**found.prices, **costs}
        hidden += found.hidden_count
        if not found.next_cursor or found.next_cursor == after:
            break
        after = found.next_cursor
    return ModelList(tuple(models.values()), hidden, prices=costs)


def parse_model_page(body: str) -> ModelPage:
    """The chat models of a `/v1/models` answer in OpenAI's shape or Anthropic's, in the gateway's order.

    Raises Unreadable where the body is no such list.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidResponse(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise InvalidResponse(body[:200])
    found: dict[str, Model] = {}
    costs: dict[str, Price] = {}
    for entry in data:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]:
            model, price = _parse_model(entry), prices.listed_price(entry)
            found.setdefault(model.id, model)
            if price:
                costs.setdefault(model.id, price)
    chats = tuple(model for model in found.values() if model.capabilities.chat is not False)
    last = payload.get("last_id") if payload.get("has_more") is True else None
    return ModelPage(chats, len(found) - len(chats), last if isinstance(last, str) else "", costs)


def unlisted_model(model_id: str) -> Model:
    """The model of an id that the gateway does not list: what is known of it by its name."""
    known = capabilities.capabilities_of(model_id)
    return Model(
        model_id,
        supported_wires(model_id),
        "",
        replace(known, vendor=known.vendor or vendors.vendor_of(model_id)),
    )


def _parse_model(entry: dict[str, Any]) -> Model:
    name, types, shown = (
        replace_surrogates(entry["id"]),
        entry.get("supported_endpoint_types"),
        entry.get("display_name"),
    )
    known = capabilities.parse_capabilities(entry).with_fallback(unlisted_model(name).capabilities)
    if isinstance(types, list) and types:
        known = replace(known, chat=not set(map(str, types)) <= _NON_CHAT_ENDPOINT_TYPES)
    return Model(
        name, supported_wires(name, types), _single_line(shown), known, _single_line(entry.get("description"))
    )


def _single_line(text: Any) -> str:
    """A text of the gateway's on one line, not too long for a list."""
    return (
        " ".join(replace_surrogates(text).split())[:MAX_DESCRIPTION_LENGTH] if isinstance(text, str) else ""
    )


def supported_wires(model_id: str, endpoint_types: Any = None) -> tuple[Wire, ...]:
    """The wires of a model by the endpoint types that the gateway lists for it.

    Where it lists none of ours, both are offered: nothing says that one would be refused. Claude's own
    format comes first for Claude, OpenAI's for all others.
    """
    offered = [wire for wire in WIRES if isinstance(endpoint_types, list) and wire in endpoint_types] or list(
        WIRES
    )
    claude = model_id.rsplit("/", 1)[-1].lower().startswith("claude")
    return tuple(sorted(offered, key=lambda wire: (wire == "anthropic") != claude))
