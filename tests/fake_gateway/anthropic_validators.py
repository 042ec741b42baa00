"""Validators of the documented fields of /v1/messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lib.demo import texts
from lib.demo.anthropic_wire import sign
from tests.fake_gateway.exchange import PAUSE_MODEL
from tests.fake_gateway.validators import (
    Validator,
    any_value,
    array,
    base64_of,
    boolean,
    integer,
    number,
    object_of,
    one_of,
    reject,
    string,
    string_or,
    tagged_union,
)

_MAX_BREAKPOINTS = 4
_MIN_THINKING_BUDGET = 1024
_ANY_OBJECT = object_of({}, allows_unknown=True)
_CACHE_CONTROL = object_of({"type": one_of("ephemeral"), "ttl": one_of("5m", "1h")}, "type")
_BLOCK_FIELDS: Mapping[str, Validator] = {"type": string(1), "cache_control": _CACHE_CONTROL}
_LINK = object_of({"type": string(1), "url": string(1)}, "url")
_FILE = object_of({"type": string(1), "file_id": string(1)}, "file_id")


def _base64_source(*types: str) -> Validator:
    known = {"type": string(1), "media_type": one_of(*types)}

    def validate(value: Any, place: str) -> None:
        object_of({**known, "data": string(1)}, "media_type", "data")(value, place)
        base64_of(value["media_type"])(value["data"], f"{place}.data")

    return validate


_IMAGE_BYTES = _base64_source("image/jpeg", "image/png", "image/gif", "image/webp")
_IMAGE = tagged_union("type", {"base64": _IMAGE_BYTES, "url": _LINK, "file": _FILE})
_TEXT_SOURCE = object_of(
    {"type": string(1), "media_type": one_of("text/plain"), "data": string(1)}, "media_type", "data"
)
_DOCUMENT_SOURCE = tagged_union(
    "type",
    {
        "base64": _base64_source("application/pdf"),
        "text": _TEXT_SOURCE,
        "url": _LINK,
        "file": _FILE,
        "content": _ANY_OBJECT,
    },
)
_CITATIONS = object_of({"enabled": boolean})


def _thinking_block(block: Any, place: str) -> None:
    """Accept thinking that is unchanged, by its signature; hidden thinking is always the same text."""
    _THINKING_BLOCK(block, place)
    is_redacted = block["type"] == "redacted_thinking"
    signature = block["data"] if is_redacted else block["signature"]
    if signature != sign(block.get("thinking") or texts.THINKING):
        reject(place, "has thinking without its original signature.")


_THINKING_BLOCK = tagged_union(
    "type",
    {
        "thinking": object_of(
            {"type": string(1), "thinking": string(), "signature": string()}, "thinking", "signature"
        ),
        "redacted_thinking": object_of({"type": string(1), "data": string(1)}, "data"),
    },
)


def _not_blank(value: Any, place: str) -> None:
    string()(value, place)
    if not value.strip():
        reject(place, "must not be blank.")


_TEXT = object_of({**_BLOCK_FIELDS, "text": _not_blank, "citations": any_value}, "text")
_DOCUMENT_FIELDS = {
    **_BLOCK_FIELDS,
    "source": _DOCUMENT_SOURCE,
    "title": any_value,
    "context": any_value,
    "citations": _CITATIONS,
}
_TOOL_RESULT_FIELDS = {**_BLOCK_FIELDS, "tool_use_id": string(1), "content": any_value, "is_error": boolean}
_TOOL_CALL = {**_BLOCK_FIELDS, "id": string(1), "name": string(1), "input": _ANY_OBJECT, "caller": any_value}
_USER_BLOCKS = MappingProxyType(
    {
        "text": _TEXT,
        "image": object_of({**_BLOCK_FIELDS, "source": _IMAGE}, "source"),
        "document": object_of(_DOCUMENT_FIELDS, "source"),
        "tool_result": object_of(_TOOL_RESULT_FIELDS, "tool_use_id"),
        "search_result": object_of({}, "source", "title", "content", allows_unknown=True),
    }
)
_ASSISTANT_CONTENT = MappingProxyType(
    {
        "text": _TEXT,
        "thinking": _thinking_block,
        "redacted_thinking": _thinking_block,
        "tool_use": object_of(_TOOL_CALL, "id", "name", "input"),
        "server_tool_use": object_of(_TOOL_CALL, "id", "name", "input"),
        "web_search_tool_result": _ANY_OBJECT,
    }
)
_ROLE: Mapping[str, Validator] = {"role": string(1)}
_MESSAGE = tagged_union(
    "role",
    {
        "user": object_of(
            {**_ROLE, "content": string_or(_not_blank, array(tagged_union("type", _USER_BLOCKS), 1))},
            "content",
        ),
        "assistant": object_of(
            {**_ROLE, "content": string_or(_not_blank, array(tagged_union("type", _ASSISTANT_CONTENT), 1))},
            "content",
        ),
    },
)

_DISPLAY = one_of("summarized", "omitted")
_THINKING = tagged_union(
    "type",
    {
        "enabled": object_of(
            {"type": string(1), "budget_tokens": integer(_MIN_THINKING_BUDGET), "display": _DISPLAY},
            "budget_tokens",
        ),
        "adaptive": object_of({"type": string(1), "display": _DISPLAY}),
        "disabled": object_of({"type": string(1)}),
        "between_tools": object_of({"type": string(1)}),
    },
)
_TOOL = object_of(
    {"name": string(1, 128), "input_schema": _ANY_OBJECT, "cache_control": _CACHE_CONTROL},
    "name",
    allows_unknown=True,
)
_PLACE = {name: string(1, 255) for name in ("city", "country", "region", "timezone")}
_SEARCH_TOOL = object_of(
    {
        "type": string(1),
        "name": one_of("web_search"),
        "max_uses": integer(1),
        "allowed_domains": array(string(1)),
        "blocked_domains": array(string(1)),
        "user_location": object_of({"type": one_of("approximate"), **_PLACE}, "type"),
        "cache_control": _CACHE_CONTROL,
    },
    "name",
)


def _tool(value: Any, place: str) -> None:
    """Accept a tool of the caller's or a web search, which takes one list of domains at most."""
    if not isinstance(value, Mapping) or not str(value.get("type", "")).startswith("web_search"):
        _TOOL(value, place)
        return
    _SEARCH_TOOL(value, place)
    if {"allowed_domains", "blocked_domains"} <= set(value):
        reject(place, "cannot have both allowed_domains and blocked_domains.")


_TOOL_CHOICE = object_of(
    {"type": one_of("auto", "any", "tool", "none"), "name": string(1), "disable_parallel_tool_use": boolean},
    "type",
)
_FORMAT = object_of({"type": one_of("json_schema"), "schema": _ANY_OBJECT}, "type", "schema")
_OUTPUT_CONFIG = object_of(
    {"effort": one_of("low", "medium", "high", "xhigh", "max"), "format": _FORMAT}, ignores_null=True
)

_BODY = object_of(
    {
        "model": string(1),
        "max_tokens": integer(1),
        "messages": array(_MESSAGE, 1),
        "cache_control": _CACHE_CONTROL,
        "container": any_value,
        "context_management": _ANY_OBJECT,
        "inference_geo": string(),
        "mcp_servers": array(_ANY_OBJECT),
        "metadata": object_of({"user_id": string(0, 256)}, ignores_null=True),
        "output_config": _OUTPUT_CONFIG,
        "service_tier": one_of("auto", "standard_only"),
        "speed": one_of("standard", "fast"),
        "stop_sequences": array(_not_blank),
        "stream": boolean,
        "system": string_or(string(), array(tagged_union("type", {"text": _TEXT}))),
        "temperature": number(0, 1),
        "thinking": _THINKING,
        "tool_choice": _TOOL_CHOICE,
        "tools": array(_tool),
        "top_k": integer(0),
        "top_p": number(0, 1),
    },
    "model",
    "messages",
    "max_tokens",
)


def validate(body: Any) -> None:
    """Raise ErrorResponse (400) for an invalid body. Only one model accepts an answer as the last message."""
    _BODY(body, "")
    messages = body["messages"]
    if messages[0]["role"] != "user":
        reject("messages", "must begin with a message of the user.")
    if messages[-1]["role"] != "user" and body["model"] != PAUSE_MODEL:
        reject("messages", "must end with a message of the user: this model does not support prefill.")
    if sum(1 for _ in _cache_controls(body)) > _MAX_BREAKPOINTS:
        reject("cache_control", f"is allowed in {_MAX_BREAKPOINTS} blocks at most.")
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        _validate_thinking(body)


def _validate_thinking(body: Mapping[str, Any]) -> None:
    if body["thinking"].get("budget_tokens", 0) >= body["max_tokens"]:
        reject("thinking.budget_tokens", "must be less than max_tokens, which it counts towards.")
    if body.get("temperature", 1) != 1:
        reject("temperature", "may only be 1 when thinking is on.")
    if body.get("top_p", 1) < 0.95:
        reject("top_p", "must be at least 0.95 when thinking is on.")
    if "top_k" in body:
        reject("top_k", "may not be set when thinking is on.")


def _cache_controls(value: Any) -> Iterator[Any]:
    """Yield the cache_control objects of a body, except inside tool inputs and schemas."""
    if isinstance(value, dict):
        if "cache_control" in value:
            yield value["cache_control"]
        value = [item for name, item in value.items() if name in ("system", "tools", "messages", "content")]
    for item in value if isinstance(value, list) else ():
        yield from _cache_controls(item)
