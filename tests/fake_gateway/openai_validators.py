"""The documented fields of chat completions, with what each may hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lib.demo.rules import (
    Check,
    anything,
    either,
    fields,
    flag,
    kinds,
    many,
    mapping,
    number,
    one_of,
    text,
    whole,
    wrong,
)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_ANY_OBJECT = fields({}, more=True)
_TIMES = fields({"type": one_of("ephemeral"), "ttl": one_of("5m", "1h")}, "type")


def _object(needed: str, known: Mapping[str, Check]) -> Check:
    """An object with other keys beside the known ones, in which null says as much as nothing."""
    return fields(known, *needed.split(), more=True, null=True)


def _link(value: Any, at: str) -> None:
    text(1)(value, at)
    if not value.startswith(("https://", "http://", "data:image/")):
        wrong(at, "must be a link, or a data URL of an image.")


_IMAGE = _object("url", {"url": _link, "detail": one_of("auto", "low", "high", "original")})
_AUDIO = _object("data format", {"data": text(1), "format": one_of("wav", "mp3")})
_FILE = _object("", {"file_data": text(1), "file_id": text(1), "filename": text()})
_TEXT_PART = _object("text", {"text": text(), "cache_control": _TIMES})
_PARTS = MappingProxyType(
    {
        "text": _TEXT_PART,
        "image_url": _object("image_url", {"image_url": _IMAGE, "cache_control": _TIMES}),
        "input_audio": _object("input_audio", {"input_audio": _AUDIO}),
        "file": _object("file", {"file": _FILE, "cache_control": _TIMES}),
    }
)
_REFUSAL_PART = _object("refusal", {"refusal": text()})

_SAID = either(text(), many(kinds("type", {"text": _TEXT_PART}), 1))
_ASKED = either(text(), many(kinds("type", _PARTS), 1))
_ANSWERED = either(text(), many(kinds("type", {"text": _TEXT_PART, "refusal": _REFUSAL_PART}), 1))
_CALL = _object("id type", {"id": text(1), "type": one_of("function", "custom")})
_NAME: Mapping[str, Check] = {"name": text()}

_MESSAGE = kinds(
    "role",
    {
        "system": _object("content", {**_NAME, "content": _SAID}),
        "developer": _object("content", {**_NAME, "content": _SAID}),
        "user": _object("content", {**_NAME, "content": _ASKED}),
        "assistant": _object(
            "",
            {
                **_NAME,
                "content": _ANSWERED,
                "refusal": text(),
                "reasoning_content": text(),
                "tool_calls": many(_CALL, 1),
            },
        ),
        "tool": _object("content tool_call_id", {"content": _SAID, "tool_call_id": text(1)}),
        "function": _object("content name", {**_NAME, "content": text()}),
    },
)

_FUNCTION = _object("name", {"name": text(1, 64), "description": text(), "parameters": _ANY_OBJECT})
_TOOL = kinds(
    "type",
    {
        "function": _object("function", {"function": _FUNCTION}),
        "custom": _object("custom", {"custom": _ANY_OBJECT}),
    },
)
_SCHEMA = _object("name", {"name": text(1, 64), "schema": _ANY_OBJECT, "strict": flag, "description": text()})
_FORMAT = kinds(
    "type",
    {
        "text": anything,
        "json_object": anything,
        "json_schema": _object("json_schema", {"json_schema": _SCHEMA}),
    },
)


def _bias(name: Any, at: str) -> None:
    if not name.isdecimal():
        wrong(at, "is not the number of a token.")


_BODY = _object(
    "model messages",
    {
        "model": text(1),
        "messages": many(_MESSAGE, 1),
        "audio": _ANY_OBJECT,
        "frequency_penalty": number(-2, 2),
        "function_call": either(one_of("none", "auto"), _object("name", _NAME)),
        "functions": many(_FUNCTION, 1, 128),
        "logit_bias": mapping(number(-100, 100), _bias),
        "logprobs": flag,
        "max_completion_tokens": whole(1),
        "max_tokens": whole(1),
        "metadata": mapping(text(0, 512), text(0, 64), 16),
        "modalities": many(one_of("text", "audio"), 1),
        "n": whole(1, 128),
        "parallel_tool_calls": flag,
        "prediction": _object("type content", {"type": one_of("content"), "content": _SAID}),
        "presence_penalty": number(-2, 2),
        "prompt_cache_key": text(),
        "prompt_cache_retention": one_of("in_memory", "in-memory", "24h"),
        "reasoning_effort": one_of(*EFFORTS),
        "response_format": _FORMAT,
        "safety_identifier": text(),
        "seed": whole(-(2**63), 2**63 - 1),
        "service_tier": one_of("auto", "default", "flex", "scale", "priority"),
        "stop": either(text(1), many(text(1), 1, 4)),
        "store": flag,
        "stream": flag,
        "stream_options": _object("", {"include_usage": flag, "include_obfuscation": flag}),
        "temperature": number(0, 2),
        "thinking": _ANY_OBJECT,
        "tool_choice": either(one_of("none", "auto", "required"), _ANY_OBJECT),
        "tools": many(_TOOL, 0, 128),
        "top_logprobs": whole(0, 20),
        "top_p": number(0, 1),
        "user": text(),
        "verbosity": one_of("low", "medium", "high"),
        "web_search_options": _ANY_OBJECT,
    },
)


def check(body: Any) -> None:
    """Raise Refused (400) where the body of a request breaks a rule. Unknown keys are let through."""
    _BODY(body, "")
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        wrong("top_logprobs", "needs logprobs to be true.")
    if not any(message["role"] == "user" for message in body["messages"]):
        wrong("messages", "must hold at least one message of the user.")
