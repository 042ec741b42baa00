"""Models: what the gateway lists, joined with abilities and limits, and the wires each is reached over."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lib.core.errors import AnswerError, NotOffered, Unreadable
from lib.core.models import Listing, Model
from lib.core.pricing import Price
from lib.core.sanitize import whole
from lib.core.target import WIRES, Wire
from lib.gateway.catalog import capabilities, prices, vendors

log = logging.getLogger(__name__)

ABOUT_MAX = 200  # letters of what a gateway says of a model
AGE = 300.0  # seconds for which a list is good, or the word that there is none
AGE_OF_FAILURE = 20.0  # seconds after which a list that could not be had is asked for again
PAGES_MAX = 50

# Endpoint types of models that hold no chat.
_OTHER_USES = {"image-generation", "embeddings", "jina-rerank", "openai-video"}


class Catalog:
    """The gateway's models and prices, asked for in the background: no page waits for a gateway that is slow.

    Its price list is asked for when the models are known. Methods may be called from any thread.
    """

    def __init__(
        self, fetch: Callable[[], Listing], price_list: Callable[[], Mapping[str, Price]] = dict
    ) -> None:
        self._fetch = fetch
        self._price_list = price_list
        self._changed = threading.Condition()
        self._listing = Listing()
        self._good_until = 0.0
        self._asking = False
        self._waited = False

    def listing(self, patience: float) -> Listing:
        """The models as known now. Only the first call waits for them, for `patience` seconds."""
        with self._changed:
            if time.monotonic() > self._good_until and not self._asking:
                self._asking = True
                threading.Thread(target=self._ask, name="models", daemon=True).start()
            if not self._waited:
                self._changed.wait_for(lambda: not self._asking, patience)
                self._waited = True
            return self._listing

    @property
    def known(self) -> Listing:
        """What is known now, without asking."""
        return self._listing

    def forget(self) -> None:
        """Have the list asked for again at the next look, which waits for it as the first one did."""
        with self._changed:
            self._good_until, self._waited = 0.0, False

    def _ask(self) -> None:
        before, age = self._listing, AGE_OF_FAILURE
        found = replace(before, fault="unexpected")
        try:
            fresh = self._fetch()
            found = replace(fresh, read=time.time(), prices={**before.prices, **fresh.prices})
            age = AGE
        except NotOffered as error:
            found, age = Listing(fault=error.code, none=True, read=time.time()), AGE
        except AnswerError as error:
            log.info("no list of models: %s %s", error.code, error.status or "")
            found = replace(before, fault=error.code)
        finally:
            with self._changed:
                self._listing = found
                self._good_until = time.monotonic() + age
                self._asking = False
                self._changed.notify_all()
        self._ask_prices()

    def _ask_prices(self) -> None:
        try:
            found = self._price_list()
        except AnswerError as error:
            # Most gateways have none; what was known of it stays.
            log.info("no list of prices: %s %s", error.code, error.status or "")
            return
        with self._changed:
            self._listing = replace(self._listing, prices={**self._listing.prices, **found})


@dataclass(frozen=True)
class Page:
    """One answer to `/v1/models`. `after` is what the next page is asked for with, "" at the end."""

    models: tuple[Model, ...]
    hidden: int
    after: str = ""
    prices: Mapping[str, Price] = field(default_factory=dict)


def collected(page: Callable[[str], Page]) -> Listing:
    """The whole list, of as many pages as the gateway has; `page` is called with what each comes after."""
    models: dict[str, Model] = {}
    costs: dict[str, Price] = {}
    hidden, after = 0, ""
    for _ in range(PAGES_MAX):
        found = page(after)
        for model in found.models:
            models.setdefault(model.id, model)
        costs = {**found.prices, **costs}
        hidden += found.hidden
        if not found.after or found.after == after:
            break
        after = found.after
    return Listing(tuple(models.values()), hidden, prices=costs)


def read(body: str) -> Page:
    """The chat models of a `/v1/models` answer in OpenAI's shape or Anthropic's, in the gateway's order.

    Raises Unreadable where the body is no such list.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise Unreadable(body[:200])
    found: dict[str, Model] = {}
    costs: dict[str, Price] = {}
    for entry in data:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str) and entry["id"]:
            model, price = _model(entry), prices.told(entry)
            found.setdefault(model.id, model)
            if price:
                costs.setdefault(model.id, price)
    chats = tuple(model for model in found.values() if model.abilities.chat is not False)
    last = payload.get("last_id") if payload.get("has_more") is True else None
    return Page(chats, len(found) - len(chats), last if isinstance(last, str) else "", costs)


def typed(name: str) -> Model:
    """The model of an id that the gateway does not list: what is known of it by its name."""
    known = capabilities.of(name)
    return Model(name, wires(name), "", replace(known, maker=known.maker or vendors.of(name)))


def _model(entry: dict[str, Any]) -> Model:
    name, types, shown = whole(entry["id"]), entry.get("supported_endpoint_types"), entry.get("display_name")
    known = capabilities.said(entry).or_else(typed(name).abilities)
    if isinstance(types, list) and types:
        known = replace(known, chat=not set(map(str, types)) <= _OTHER_USES)
    return Model(name, wires(name, types), _line(shown), known, _line(entry.get("description")))


def _line(text: Any) -> str:
    """A text of the gateway's on one line, not too long for a list."""
    return " ".join(whole(text).split())[:ABOUT_MAX] if isinstance(text, str) else ""


def wires(name: str, types: Any = None) -> tuple[Wire, ...]:
    """The wires of a model by the endpoint types that the gateway lists for it.

    Where it lists none of ours, both are offered: nothing says that one would be refused. Claude's own
    format comes first for Claude, OpenAI's for all others.
    """
    offered = [wire for wire in WIRES if isinstance(types, list) and wire in types] or list(WIRES)
    claude = name.rsplit("/", 1)[-1].lower().startswith("claude")
    return tuple(sorted(offered, key=lambda wire: (wire == "anthropic") != claude))
