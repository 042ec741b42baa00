"""Models that a gateway lists, with their capabilities, prices and wires."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lib.core.models import Model, ModelList
from lib.core.pricing import Price
from lib.core.sanitize import replace_surrogates
from lib.core.target import WIRES, Wire
from lib.gateway.catalog.capabilities import is_retired, parse_capabilities
from lib.gateway.catalog.library import Library, package_library
from lib.gateway.catalog.prices import listed_price
from lib.gateway.catalog.vendors import vendor_of
from lib.gateway.json_values import parse_data_list
from lib.gateway.wires.claude_rules import is_claude

MAX_DESCRIPTION_LENGTH = 200  # characters
MAX_PAGES = 50

# Names of endpoint types of other formats than the two wires: new-api's constant/endpoint_type.go has
# openai-response(-compact), gemini, jina-rerank, image-generation, embeddings and openai-video, and operators
# add their own.
_OTHER_FORMAT = re.compile(
    r"response|gemini|rerank|image|video|embed|audio|speech|tts|transcri|translat|realtime|moderation|completions?$"
    r"|music|suno|midjourney|\bmj\b|batch|file",
    re.IGNORECASE,
)
_CHAT_FORMAT = re.compile(r"chat|messages", re.IGNORECASE)


def fetch_all_pages(fetch_page: Callable[[str], str], library: Library | None = None) -> ModelList:
    """Paginate through up to MAX_PAGES; `fetch_page` takes the cursor of a body, "" for the first."""
    models: dict[str, Model] = {}
    prices: dict[str, Price] = {}
    hidden_count, cursor = 0, ""
    for _ in range(MAX_PAGES):
        page, next_cursor = parse_model_page(fetch_page(cursor), library)
        for model in page.models:
            models.setdefault(model.id, model)
        prices = {**page.prices, **prices}
        hidden_count += page.hidden_count
        if not next_cursor or next_cursor == cursor:
            break
        cursor = next_cursor
    return ModelList(tuple(models.values()), hidden_count, prices=prices)


def parse_model_page(body: str, library: Library | None = None) -> tuple[ModelList, str]:
    """Return the chat models of a `/v1/models` body in OpenAI's or Anthropic's shape, in the gateway's order.

    The second value is the cursor of the next page, "" on the last one. The library fills in the capabilities
    that the list does not state. Raises InvalidResponse if the body is no such list.
    """
    payload, entries = parse_data_list(body)
    models: dict[str, Model] = {}
    prices: dict[str, Price] = {}
    for entry in entries:
        if isinstance(entry.get("id"), str) and entry["id"]:
            model, price = _parse_model(entry, library), listed_price(entry)
            models.setdefault(model.id, model)
            if price:
                prices.setdefault(model.id, price)
    chat_models = tuple(model for model in models.values() if model.capabilities.chat is not False)
    cursor = payload.get("last_id") if payload.get("has_more") is True else None
    page = ModelList(chat_models, len(models) - len(chat_models), prices=prices)
    return page, cursor if isinstance(cursor, str) else ""


def unlisted_model(model_id: str, library: Library | None = None) -> Model:
    """A model that the gateway does not list, with the library's capabilities for its id."""
    capabilities = (library or package_library()).capabilities_of(model_id)
    capabilities = replace(capabilities, vendor=capabilities.vendor or vendor_of(model_id))
    return Model(model_id, supported_wires(model_id), "", capabilities)


def supported_wires(model_id: str, endpoint_types: Any = None) -> tuple[Wire, ...]:
    """Wires of a model by the endpoint types in the gateway's list, the preferred one first.

    Both if the types name neither: nothing says that one would be rejected, unless all are of other formats
    (`offers_chat`). Claude prefers Anthropic's wire, all others OpenAI's.
    """
    listed = [wire for wire in WIRES if isinstance(endpoint_types, list) and wire in endpoint_types]
    preferred: Wire = "anthropic" if is_claude(model_id) else "openai"
    return tuple(sorted(listed or WIRES, key=lambda wire: wire != preferred))


def offers_chat(endpoint_types: Sequence[Any]) -> bool:
    """Return False if all endpoint types are known to be of other formats than both wires."""
    return any(
        name in WIRES or _CHAT_FORMAT.search(name) or not _OTHER_FORMAT.search(name)
        for name in map(str, endpoint_types)
    )


def _parse_model(entry: dict[str, Any], library: Library | None) -> Model:
    model_id = replace_surrogates(entry["id"])
    endpoint_types = entry.get("supported_endpoint_types")
    capabilities = parse_capabilities(entry).with_fallback(unlisted_model(model_id, library).capabilities)
    if isinstance(endpoint_types, list) and endpoint_types:
        capabilities = replace(capabilities, chat=offers_chat(endpoint_types))
    if is_retired(entry):
        capabilities = replace(capabilities, chat=False)
    return Model(
        model_id,
        supported_wires(model_id, endpoint_types),
        _single_line(entry.get("display_name")),
        capabilities,
        _single_line(entry.get("description")),
    )


def _single_line(text: Any) -> str:
    """A text of the gateway on one line, truncated; "" for another type."""
    if not isinstance(text, str):
        return ""
    return " ".join(replace_surrogates(text).split())[:MAX_DESCRIPTION_LENGTH]
