"""The documented fields of Anthropic's messages, with what each may hold."""

import base64
import binascii
from collections.abc import Iterator, Mapping
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
    number,
    one_of,
    text,
    whole,
    wrong,
)
from lib.demo.wire import genuine

_BREAKS_MOST = 4
_THINKING_LEAST = 1024
_ANY_OBJECT = fields({}, more=True)
_TIMES = fields({"type": one_of("ephemeral"), "ttl": one_of("5m", "1h")}, "type")
_MARK: Mapping[str, Check] = {"type": text(1), "cache_control": _TIMES}
_LINK = fields({"type": text(1), "url": text(1)}, "url")
_FILE = fields({"type": text(1), "file_id": text(1)}, "file_id")


def _base64(value: Any, at: str) -> None:
    text(1)(value, at)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        wrong(at, "must be bare base64, without the head of a data URL.")


def _bytes(*types: str) -> Check:
    known = {"type": text(1), "media_type": one_of(*types), "data": _base64}
    return fields(known, "media_type", "data")


_PICTURE = _bytes("image/jpeg", "image/png", "image/gif", "image/webp")
_IMAGE = kinds("type", {"base64": _PICTURE, "url": _LINK, "file": _FILE})
_PLAIN = fields({"type": text(1), "media_type": one_of("text/plain"), "data": text(1)}, "media_type", "data")
_PAGES = kinds(
    "type",
    {
        "base64": _bytes("application/pdf"),
        "text": _PLAIN,
        "url": _LINK,
        "file": _FILE,
        "content": _ANY_OBJECT,
    },
)
_CITED = fields({"enabled": flag})


def _own(block: Any, at: str) -> None:
    """Thinking must come back as it was given: the demo knows its own signature."""
    _THOUGHT(block, at)
    sealed = block["data"] if block["type"] == "redacted_thinking" else block["signature"]
    if not genuine(block.get("thinking", ""), sealed):
        wrong(at, "is thinking without the signature that it was given.")


_THOUGHT = kinds(
    "type",
    {
        "thinking": fields(
            {"type": text(1), "thinking": text(), "signature": text()}, "thinking", "signature"
        ),
        "redacted_thinking": fields({"type": text(1), "data": text(1)}, "data"),
    },
)


def _words(value: Any, at: str) -> None:
    text()(value, at)
    if not value.strip():
        wrong(at, "must not be empty, nor only blanks.")


_TEXT = fields({**_MARK, "text": _words, "citations": anything}, "text")
_DOCUMENT = {**_MARK, "source": _PAGES, "title": anything, "context": anything, "citations": _CITED}
_RESULT = {**_MARK, "tool_use_id": text(1), "content": anything, "is_error": flag}
_CALL = {**_MARK, "id": text(1), "name": text(1), "input": _ANY_OBJECT, "caller": anything}
_BLOCKS = MappingProxyType(
    {
        "text": _TEXT,
        "image": fields({**_MARK, "source": _IMAGE}, "source"),
        "document": fields(_DOCUMENT, "source"),
        "tool_result": fields(_RESULT, "tool_use_id"),
        "search_result": fields({}, "source", "title", "content", more=True),
    }
)
_ANSWERED = MappingProxyType(
    {
        "text": _TEXT,
        "thinking": _own,
        "redacted_thinking": _own,
        "tool_use": fields(_CALL, "id", "name", "input"),
        "server_tool_use": fields(_CALL, "id", "name", "input"),
        "web_search_tool_result": _ANY_OBJECT,
    }
)
_ROLE: Mapping[str, Check] = {"role": text(1)}
_MESSAGE = kinds(
    "role",
    {
        "user": fields({**_ROLE, "content": either(_words, many(kinds("type", _BLOCKS), 1))}, "content"),
        "assistant": fields(
            {**_ROLE, "content": either(_words, many(kinds("type", _ANSWERED), 1))}, "content"
        ),
    },
)

_SHOWN = one_of("summarized", "omitted")
_THINKING = kinds(
    "type",
    {
        "enabled": fields(
            {"type": text(1), "budget_tokens": whole(_THINKING_LEAST), "display": _SHOWN}, "budget_tokens"
        ),
        "adaptive": fields({"type": text(1), "display": _SHOWN}),
        "disabled": fields({"type": text(1)}),
    },
)
_TOOL = fields(
    {"name": text(1, 128), "input_schema": _ANY_OBJECT, "cache_control": _TIMES}, "name", more=True
)
_CHOICE = fields(
    {"type": one_of("auto", "any", "tool", "none"), "name": text(1), "disable_parallel_tool_use": flag},
    "type",
)
_FORMAT = fields({"type": one_of("json_schema"), "schema": _ANY_OBJECT}, "type", "schema")
_OUTPUT = fields({"effort": one_of("low", "medium", "high", "xhigh", "max"), "format": _FORMAT}, null=True)

_BODY = fields(
    {
        "model": text(1),
        "max_tokens": whole(1),
        "messages": many(_MESSAGE, 1),
        "cache_control": _TIMES,
        "container": anything,
        "context_management": _ANY_OBJECT,
        "inference_geo": text(),
        "mcp_servers": many(_ANY_OBJECT),
        "metadata": fields({"user_id": text(0, 256)}, null=True),
        "output_config": _OUTPUT,
        "service_tier": one_of("auto", "standard_only"),
        "speed": one_of("standard", "fast"),
        "stop_sequences": many(_words),
        "stream": flag,
        "system": either(text(), many(kinds("type", {"text": _TEXT}))),
        "temperature": number(0, 1),
        "thinking": _THINKING,
        "tool_choice": _CHOICE,
        "tools": many(_TOOL),
        "top_k": whole(0),
        "top_p": number(0, 1),
    },
    "model",
    "messages",
    "max_tokens",
)


def check(body: Any, going_on: bool) -> None:
    """Raise Refused (400) where the body breaks a rule; `going_on` allows an answer as the last message."""
    _BODY(body, "")
    messages = body["messages"]
    if messages[0]["role"] != "user":
        wrong("messages", "must begin with a message of the user.")
    if messages[-1]["role"] != "user" and not going_on:
        wrong("messages", "must end with a message of the user: this model takes no beginning of its answer.")
    if sum(1 for _ in _marks(body)) > _BREAKS_MOST:
        wrong("cache_control", f"may stand at {_BREAKS_MOST} blocks at most.")
    if body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        _thinks(body)


def _thinks(body: Mapping[str, Any]) -> None:
    if body["thinking"].get("budget_tokens", 0) >= body["max_tokens"]:
        wrong("thinking.budget_tokens", "must be less than max_tokens, which it counts towards.")
    if body.get("temperature", 1) != 1:
        wrong("temperature", "may only be 1 when thinking is on.")
    if body.get("top_p", 1) < 0.95:
        wrong("top_p", "must be at least 0.95 when thinking is on.")
    if "top_k" in body:
        wrong("top_k", "may not be set when thinking is on.")


def _marks(value: Any) -> Iterator[Any]:
    """The cache_control objects inside value, tools' inputs and schemas left out."""
    if isinstance(value, dict):
        if "cache_control" in value:
            yield value["cache_control"]
        value = [item for name, item in value.items() if name in ("system", "tools", "messages", "content")]
    for item in value if isinstance(value, list) else ():
        yield from _marks(item)
