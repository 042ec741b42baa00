"""What a refusal says, whatever its shape, as one of our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lib.core import errors

# The gateway's ids stand in its message; the last one is its own, earlier ones belong to those behind it.
_REQUEST_ID = re.compile(r"\s*\(?request id:\s*([0-9A-Za-z_-]+)\)?", re.IGNORECASE)
_ID_HEADERS = ("x-oneapi-request-id", "x-request-id", "request-id")
_DETAIL_MAX = 2_000

_BY_STATUS: dict[int, type[errors.GatewayError]] = {
    400: errors.RequestRefused,
    401: errors.KeyRefused,
    402: errors.QuotaUsedUp,
    403: errors.KeyRefused,
    404: errors.NotOffered,
    405: errors.NotOffered,
    408: errors.GatewayDown,
    409: errors.RequestRefused,
    413: errors.TooLarge,
    422: errors.RequestRefused,
    429: errors.RateLimited,
    501: errors.NotOffered,
    503: errors.Overloaded,
    529: errors.Overloaded,
}

# Codes and types that say more than the status they come with.
_BY_WORD: dict[str, type[errors.GatewayError]] = {
    "model_not_found": errors.ModelUnknown,
    "insufficient_user_quota": errors.QuotaUsedUp,
    "pre_consume_token_quota_failed": errors.QuotaUsedUp,
    "insufficient_quota": errors.QuotaUsedUp,
    "billing_error": errors.QuotaUsedUp,
    "exceed_context_size_error": errors.ContextTooLong,
    "context_length_exceeded": errors.ContextTooLong,
    "overloaded_error": errors.Overloaded,
    "rate_limit_error": errors.RateLimited,
    "rate_limit_exceeded": errors.RateLimited,
    "authentication_error": errors.KeyRefused,
    "invalid_api_key": errors.KeyRefused,
    "permission_error": errors.KeyRefused,
    "request_too_large": errors.TooLarge,
    # The gateway's own validation answers 500 for what is the client's fault; trying again is useless.
    "invalid_request": errors.RequestRefused,
    "convert_request_failed": errors.RequestRefused,
    "sensitive_words_detected": errors.RequestRefused,
    "count_token_failed": errors.RequestRefused,
    "read_request_body_failed": errors.TooLarge,
}


def refusal(status: int, headers: Mapping[str, str], body: str) -> errors.GatewayError:
    """The error that an answer with a status other than 200 means.

    `body` is the text of the answer, in any of the shapes that gateways use (see `said`).
    """
    words, message = said(body)
    if 300 <= status < 400:
        message = headers.get("location", "") or message
    kind = _kind(status, words)
    message, own_id = _split_id(message)
    return kind(message, status=status, request_id=_header_id(headers) or own_id)


def midway(payload: Any) -> errors.GatewayError:
    """The error that an error event inside a stream means; the status was 200.

    `payload` is its JSON, or its data as text where it is none.
    """
    words, message = _said_by(payload)
    message, own_id = _split_id(message)
    kind = next((_BY_WORD[word] for word in words if word in _BY_WORD), errors.FailedMidway)
    return kind(message, request_id=own_id)


def is_error(payload: Any) -> bool:
    """Whether a frame or a whole answer says that something failed: an empty `error` does not."""
    if not isinstance(payload, dict):
        return False
    if payload.get("type") == "error":
        return True
    error = payload.get("error")
    if isinstance(error, dict):
        return bool(error.get("message") or error.get("type") or error.get("code"))
    return isinstance(error, str) and bool(error)


def said(body: str) -> tuple[tuple[str, ...], str]:
    """The code and type words, and the message, of an error body."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return (), _plain(body)
    return _said_by(payload)


def _said_by(payload: Any) -> tuple[tuple[str, ...], str]:
    if not isinstance(payload, dict):
        return (), _shorten(str(payload)) if payload else ""
    error = payload.get("error")
    inner = error if isinstance(error, dict) and error else payload
    words = tuple(str(inner[key]) for key in ("code", "type") if inner.get(key))
    if isinstance(error, str) and error:
        return words, _shorten(error)
    for key in ("message", "msg", "detail", "html-message"):
        if inner.get(key):
            return _nested(words, inner[key])
    return words, ""


def _nested(words: tuple[str, ...], message: Any) -> tuple[tuple[str, ...], str]:
    """A message that is itself an error in JSON is opened; the outer request id stays at its end."""
    if not isinstance(message, str):
        return words, _shorten(json.dumps(message, ensure_ascii=False))
    if message.lstrip().startswith("{"):
        try:
            payload, end = json.JSONDecoder().raw_decode(message.lstrip())
        except (ValueError, RecursionError):
            return words, _shorten(message)
        inner_words, inner = _said_by(payload)
        if inner:
            return words + inner_words, _shorten(inner) + message.lstrip()[end:]
    return words, _shorten(message)


def _kind(status: int, words: tuple[str, ...]) -> type[errors.GatewayError]:
    if 300 <= status < 400:
        return errors.Redirected
    for word in words:
        if word in _BY_WORD:
            return _BY_WORD[word]
    if status == 404 and "invalid_request_error" in words:
        return errors.ModelUnknown
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return errors.GatewayDown if status >= 500 else errors.RequestRefused


def _split_id(message: str) -> tuple[str, str]:
    ids = _REQUEST_ID.findall(message)
    return _REQUEST_ID.sub("", message).strip(), ids[-1] if ids else ""


def _header_id(headers: Mapping[str, str]) -> str:
    return next((headers[name] for name in _ID_HEADERS if headers.get(name)), "")


def _plain(body: str) -> str:
    """A body that is not JSON, as text: of an HTML page only its words."""
    if "<" in body:
        body = re.sub(r"(?is)<(script|style|head)\b.*?</\1\s*>", " ", body[:20_000])
        body = re.sub(r"<[^>]{0,1000}>", " ", body)
    return _shorten(" ".join(body.split()))


def _shorten(text: str) -> str:
    return text if len(text) <= _DETAIL_MAX else text[:_DETAIL_MAX] + " …"
