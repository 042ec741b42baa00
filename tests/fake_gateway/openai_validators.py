"""Validators of the documented fields of /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.fake_gateway.validators import (
    Validator,
    any_value,
    array,
    base64_of,
    boolean,
    data_url,
    integer,
    mapping,
    number,
    object_of,
    one_of,
    reject,
    string,
    string_or,
    tagged_union,
)

_ANY_OBJECT = object_of({}, allows_unknown=True)
_CACHE_CONTROL = object_of({"type": one_of("ephemeral"), "ttl": one_of("5m", "1h")}, "type")


def _object(required: str, fields: Mapping[str, Validator]) -> Validator:
    """Accept objects with further fields; null counts as absent."""
    return object_of(fields, *required.split(), allows_unknown=True, ignores_null=True)


def _link(value: Any, place: str) -> None:
    string(1)(value, place)
    if not value.startswith(("https://", "http://")):
        data_url("image/jpeg", "image/png", "image/gif", "image/webp")(value, place)


_IMAGE = _object("url", {"url": _link, "detail": one_of("auto", "low", "high", "original")})
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_AUDIO = tagged_union(
    "format",
    {name: _object("data format", {"data": base64_of(media_type)}) for name, media_type in _AUDIO_TYPES.items()},
)


def _file(value: Any, place: str) -> None:
    _FILE(value, place)
    if ("file_id" in value) == ("file_data" in value):
        reject(place, "must have a file_id or file_data.")
    if "file_data" in value and not value.get("filename"):
        reject(f"{place}.filename", "is required with file_data.")


_FILE = _object("", {"file_data": data_url("application/pdf"), "file_id": string(1), "filename": string()})
_TEXT_PART = _object("text", {"text": string(), "cache_control": _CACHE_CONTROL})
_PARTS = MappingProxyType(
    {
        "text": _TEXT_PART,
        "image_url": _object("image_url", {"image_url": _IMAGE, "cache_control": _CACHE_CONTROL}),
        "input_audio": _object("input_audio", {"input_audio": _AUDIO}),
        "file": _object("file", {"file": _file, "cache_control": _CACHE_CONTROL}),
    }
)
_REFUSAL_PART = _object("refusal", {"refusal": string()})

_SYSTEM_CONTENT = string_or(string(), array(tagged_union("type", {"text": _TEXT_PART}), 1))
_USER_CONTENT = string_or(string(), array(tagged_union("type", _PARTS), 1))
_ASSISTANT_CONTENT = string_or(string(), array(tagged_union("type", {"text": _TEXT_PART, "refusal": _REFUSAL_PART}), 1))
_TOOL_CALL = _object("id type", {"id": string(1), "type": one_of("function", "custom")})
_NAME: Mapping[str, Validator] = {"name": string()}

_MESSAGE = tagged_union(
    "role",
    {
        "system": _object("content", {**_NAME, "content": _SYSTEM_CONTENT}),
        "developer": _object("content", {**_NAME, "content": _SYSTEM_CONTENT}),
        "user": _object("content", {**_NAME, "content": _USER_CONTENT}),
        "assistant": _object(
            "",
            {
                **_NAME,
                "content": _ASSISTANT_CONTENT,
                "refusal": string(),
                "reasoning_content": string(),
                "tool_calls": array(_TOOL_CALL, 1),
            },
        ),
        "tool": _object("content tool_call_id", {"content": _SYSTEM_CONTENT, "tool_call_id": string(1)}),
        "function": _object("content name", {**_NAME, "content": string()}),
    },
)

_FUNCTION = _object("name", {"name": string(1, 64), "description": string(), "parameters": _ANY_OBJECT})
_TOOL = tagged_union(
    "type",
    {
        "function": _object("function", {"function": _FUNCTION}),
        "custom": _object("custom", {"custom": _ANY_OBJECT}),
    },
)
_SCHEMA = _object("name", {"name": string(1, 64), "schema": _ANY_OBJECT, "strict": boolean, "description": string()})
_FORMAT = tagged_union(
    "type",
    {
        "text": any_value,
        "json_object": any_value,
        "json_schema": _object("json_schema", {"json_schema": _SCHEMA}),
    },
)


def _token_id(name: Any, place: str) -> None:
    if not name.isdecimal():
        reject(place, "is not a token id.")


_PLACE = object_of({name: string() for name in ("city", "country", "region", "timezone")})
_LOCATION = object_of({"type": one_of("approximate"), "approximate": _PLACE}, "type", "approximate")
_SEARCH = object_of(
    {"search_context_size": one_of("low", "medium", "high"), "user_location": _LOCATION}, ignores_null=True
)

_BODY = _object(
    "model messages",
    {
        "model": string(1),
        "messages": array(_MESSAGE, 1),
        "audio": _ANY_OBJECT,
        "frequency_penalty": number(-2, 2),
        "function_call": string_or(one_of("none", "auto"), _object("name", _NAME)),
        "functions": array(_FUNCTION, 1, 128),
        "logit_bias": mapping(number(-100, 100), _token_id),
        "logprobs": boolean,
        "max_completion_tokens": integer(1),
        "max_tokens": integer(1),
        "metadata": mapping(string(0, 512), string(0, 64), 16),
        "modalities": array(one_of("text", "audio"), 1),
        "n": integer(1, 128),
        "parallel_tool_calls": boolean,
        "prediction": _object("type content", {"type": one_of("content"), "content": _SYSTEM_CONTENT}),
        "presence_penalty": number(-2, 2),
        "prompt_cache_key": string(),
        "prompt_cache_retention": one_of("in_memory", "in-memory", "24h"),
        "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "response_format": _FORMAT,
        "safety_identifier": string(),
        "seed": integer(-(2**63), 2**63 - 1),
        "service_tier": one_of("auto", "default", "flex", "scale", "priority"),
        "stop": string_or(string(1), array(string(1), 1, 4)),
        "store": boolean,
        "stream": boolean,
        "stream_options": _object("", {"include_usage": boolean, "include_obfuscation": boolean}),
        "temperature": number(0, 2),
        "thinking": _ANY_OBJECT,
        "tool_choice": string_or(one_of("none", "auto", "required"), _ANY_OBJECT),
        "tools": array(_TOOL, 0, 128),
        "top_logprobs": integer(0, 20),
        "top_p": number(0, 1),
        "user": string(),
        "verbosity": one_of("low", "medium", "high"),
        "web_search_options": _SEARCH,
    },
)


def validate(body: Any) -> None:
    """Raise ErrorResponse (400) for an invalid body. Unknown fields are accepted."""
    _BODY(body, "")
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        reject("top_logprobs", "needs logprobs to be true.")
    if not any(message["role"] == "user" for message in body["messages"]):
        reject("messages", "must contain a message of the user.")
