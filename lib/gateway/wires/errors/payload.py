"""Error bodies of gateways and vendors, of any shape, as codes and one message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from lib.core.sanitize import get_object
from lib.gateway.transport.body import truncate

_CODE_FIELDS = (
    *(
        "code",
        "type",
        "status",
        "reason",
        "error_code",
        "errcode",
        "err_code",
        "status_code",
        "statusCode",
        "errorCode",
    ),
    *("Code", "__type"),
)
# Texts, the most common first; upper case names are AWS's.
_MESSAGE_FIELDS = (
    *("message", "msg", "detail", "html-message", "error_msg", "errmsg", "error_message", "errorMessage"),
    *("status_msg", "error_description", "faultstring", "Message", "reason", "title", "description"),
)
# Objects that hold the error: OpenAI and most others, lists of several, Tencent, MiniMax, Spark, Apigee.
_ERROR_FIELDS = ("error", "errors", "Error", "err", "base_resp", "header", "fault")
# Objects around an error: Tencent and Volcengine, FastAPI, gateways that wrap what they got.
_HOLDERS = ("Response", "ResponseMetadata", "response", "detail", "data", "result", "output", "body")
# Inside an error, the error of the upstream behind the gateway: claude-code-hub, OpenRouter, JSON in `cause`.
_UPSTREAM_FIELDS = ("upstream_error", "cause", "innererror", "raw")


class ErrorPayload(NamedTuple):
    """Codes and types of an error, the most specific first, and its message."""

    codes: tuple[str, ...] = ()
    message: str = ""


def parse_error_payload(payload: Any) -> ErrorPayload:
    """Return codes and message of an error's JSON value of any shape."""
    if isinstance(payload, list):  # Gemini's streams wrap their error into a list
        payload = next((item for item in payload if isinstance(item, dict)), ", ".join(map(str, payload)))
    if not isinstance(payload, dict):
        return ErrorPayload((), truncate(str(payload)) if payload else "")
    error = next((value for name in _ERROR_FIELDS if (value := payload.get(name))), None)
    if isinstance(error, list):
        error = next((item for item in error if isinstance(item, dict)), ", ".join(map(str, error)))
    if isinstance(error, str):
        return ErrorPayload(_codes(payload), truncate(error))
    fields = error if isinstance(error, dict) and error else payload
    is_nested = fields is error and any(fields.get(name) for name in _ERROR_FIELDS)
    inner = fields if is_nested else _find_inner(fields)
    if inner and not any(fields.get(name) for name in _MESSAGE_FIELDS):
        nested = parse_error_payload(inner)
        return ErrorPayload((*nested.codes, *_codes(fields)), nested.message)
    codes = _codes(fields)
    for name in _MESSAGE_FIELDS:
        if fields.get(name):
            return _with_upstream_error(_unwrap_nested_error(codes, fields[name]), fields)
    return _with_upstream_error(ErrorPayload(codes), fields)


def answers_with_message(payload: Mapping[str, Any]) -> bool:
    """Return True for a body that says something in the way of an error, whatever its code."""
    if any(isinstance(payload.get(name), str | list) and payload[name] for name in _MESSAGE_FIELDS):
        return True
    if payload.get("success") is False or payload.get("errors") or _find_inner(payload):
        return True
    fields = [value for name in _ERROR_FIELDS if name != "error" and (value := payload.get(name))]
    return any(
        isinstance(value, str) or any(get_object({"": value}, "").get(t) for t in _MESSAGE_FIELDS) for value in fields
    )


def _find_inner(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object of a payload that holds its error one level further down; {} without one."""
    objects = (get_object(payload, name) for name in (*_ERROR_FIELDS, *_HOLDERS))
    return next((value for value in objects if _has_error(value)), {})


def _has_error(fields: Mapping[str, Any]) -> bool:
    """Return True for an object with an error, or with a code and a message."""
    has_message = any(fields.get(name) for name in _MESSAGE_FIELDS)
    return any(fields.get(name) for name in _ERROR_FIELDS) or (has_message and bool(_codes(fields)))


def _codes(fields: Mapping[str, Any]) -> tuple[str, ...]:
    codes = [str(fields[name]) for name in _CODE_FIELDS if fields.get(name) and isinstance(fields[name], str | int)]
    details = fields.get("details")
    reasons = [item.get("reason") for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    return (*codes, *(reason for reason in reasons if isinstance(reason, str)))


def _with_upstream_error(payload: ErrorPayload, fields: Mapping[str, Any]) -> ErrorPayload:
    """Append the error of an upstream, which is more specific than "Provider returned error"."""
    metadata = get_object(fields, "metadata")
    for name in _UPSTREAM_FIELDS:
        value = fields.get(name) or metadata.get(name)
        inner = parse_error_payload(value) if isinstance(value, dict) else ErrorPayload()
        if isinstance(value, str) and value.strip():
            inner = _unwrap_nested_error((), value)
        if inner.message and inner.message not in payload.message:
            message = f"{payload.message}: {inner.message}" if payload.message else inner.message
            return ErrorPayload((*inner.codes, *payload.codes), truncate(message))
    return payload


def _unwrap_nested_error(codes: tuple[str, ...], message: Any) -> ErrorPayload:
    """Codes and message of an error nested as JSON in a message; the outer request id stays at its end."""
    if isinstance(message, dict) and _has_error(message):
        nested = parse_error_payload(message)
        return ErrorPayload((*nested.codes, *codes), nested.message)
    if not isinstance(message, str):
        return ErrorPayload(codes, truncate(json.dumps(message, ensure_ascii=False)))
    text = message.lstrip()
    if text.startswith("{"):
        try:
            payload, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return ErrorPayload(codes, truncate(message))
        nested = parse_error_payload(payload)
        if nested.message:
            return ErrorPayload(codes + nested.codes, truncate(nested.message) + text[end:])
    return ErrorPayload(codes, truncate(message))
