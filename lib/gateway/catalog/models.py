"""Models that a gateway lists, with their capabilities, prices and wires."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities, Model, ModelList
from lib.core.pricing import Price
from lib.core.sanitize import replace_surrogates
from lib.core.target import IMAGES, WIRES, Wire
from lib.gateway.catalog.audio_models import AudioTask, audio_task
from lib.gateway.catalog.capabilities import is_retired, parse_capabilities
from lib.gateway.catalog.library import Library, package_library
from lib.gateway.catalog.prices import listed_price
from lib.gateway.catalog.vendors import vendor_of
from lib.gateway.json_values import parse_data_list
from lib.gateway.wires.models.claude_rules import is_claude
from lib.gateway.wires.models.image_rules import is_image_model

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
# new-api's image-generation, and names that operators give to the two routes.
_IMAGE_FORMAT = re.compile(r"^(?:openai[-_])?images?(?:$|[-_/ ]?(?:generation|edit))", re.IGNORECASE)
_CHAT_FORMAT = re.compile(r"chat|messages", re.IGNORECASE)


def fetch_all_pages(fetch_page: Callable[[str], str], library: Library | None = None) -> ModelList:
    """Paginate through up to MAX_PAGES; `fetch_page` takes the cursor of a body, "" for the first."""
    models: dict[str, Model] = {}
    prices: dict[str, Price] = {}
    speech: dict[str, None] = {}
    transcription: dict[str, None] = {}
    hidden_count, cursor = 0, ""
    for _ in range(MAX_PAGES):
        page, next_cursor = parse_model_page(fetch_page(cursor), library)
        for model in page.models:
            models.setdefault(model.id, model)
        prices = {**page.prices, **prices}
        speech |= dict.fromkeys(page.speech_models)
        transcription |= dict.fromkeys(page.transcription_models)
        hidden_count += page.hidden_count
        if not next_cursor or next_cursor == cursor:
            break
        cursor = next_cursor
    return ModelList(
        tuple(models.values()),
        hidden_count,
        prices=prices,
        speech_models=tuple(speech),
        transcription_models=tuple(transcription),
    )


def parse_model_page(body: str, library: Library | None = None) -> tuple[ModelList, str]:
    """Return the models of a `/v1/models` body that chat or generate images, in the gateway's order.

    It has OpenAI's or Anthropic's shape. The second value is the cursor of the next page, "" on the last one. The
    library fills in the capabilities that the list does not state. Raises InvalidResponse if the body is no such list.
    """
    payload, entries = parse_data_list(body)
    models: dict[str, Model] = {}
    prices: dict[str, Price] = {}
    tasks: dict[str, AudioTask | None] = {}
    for entry in entries:
        if isinstance(entry.get("id"), str) and entry["id"]:
            model, price = _parse_model(entry, library), listed_price(entry)
            models.setdefault(model.id, model)
            tasks.setdefault(model.id, None if is_retired(entry) else audio_task(entry))
            if price:
                prices.setdefault(model.id, price)
    offered = tuple(model for model in models.values() if model.capabilities.chat is not False or model.makes_images)
    cursor = payload.get("last_id") if payload.get("has_more") is True else None
    page = ModelList(
        offered,
        len(models) - len(offered),
        prices=prices,
        speech_models=tuple(name for name, task in tasks.items() if task == "speech"),
        transcription_models=tuple(name for name, task in tasks.items() if task == "transcription"),
    )
    return page, cursor if isinstance(cursor, str) else ""


def unlisted_model(model_id: str, library: Library | None = None) -> Model:
    """A model that the gateway does not list, with the library's capabilities for its id."""
    capabilities = (library or package_library()).capabilities_of(model_id)
    capabilities = replace(capabilities, vendor=capabilities.vendor or vendor_of(model_id))
    return Model(model_id, supported_wires(model_id, None, capabilities), "", capabilities)


def supported_wires(
    model_id: str, endpoint_types: Any = None, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> tuple[Wire, ...]:
    """Wires of a model by the endpoint types in the gateway's list, the preferred one first.

    Both of chat if the types name neither: nothing says that one would be rejected, unless all are of other formats
    (`offers_chat`). Claude prefers Anthropic's wire, all others OpenAI's. A model that generates images has that
    wire, with those of chat behind it where the list names them; gateways name them for OpenAI's image models too.
    """
    types = [str(name) for name in endpoint_types] if isinstance(endpoint_types, list) else []
    listed = [wire for wire in WIRES if wire in types]
    if is_image_model(model_id) or (not types and capabilities.image_output):
        return (IMAGES,)
    if any(_IMAGE_FORMAT.search(name) for name in types):
        return (IMAGES, *listed)
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
    wires = supported_wires(model_id, endpoint_types, capabilities)
    if is_retired(entry) or audio_task(entry):
        wires, capabilities = WIRES, replace(capabilities, chat=False)
    return Model(
        model_id,
        wires,
        _single_line(entry.get("display_name")),
        capabilities,
        _single_line(entry.get("description")),
    )


def _single_line(text: Any) -> str:
    """A text of the gateway on one line, truncated; "" for another type."""
    if not isinstance(text, str):
        return ""
    return " ".join(replace_surrogates(text).split())[:MAX_DESCRIPTION_LENGTH]
