"""Error responses and error events of gateways, of any shape, as errors of `lib.core.errors`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lib.core import errors
from lib.core.sanitize import get_object
from lib.gateway.transport.body import truncate, visible_text
from lib.gateway.transport.retry import parse_retry_after

# Request ids in a message: the last one is the gateway's, earlier ones are of the upstreams behind it.
_REQUEST_ID = re.compile(r"\s*\(?request id:\s*([0-9A-Za-z_-]+)\)?", re.IGNORECASE)
_REQUEST_ID_HEADERS = ("x-oneapi-request-id", "x-request-id", "request-id")

_ERROR_BY_STATUS: dict[int, type[errors.GatewayError]] = {
    400: errors.InvalidRequest,
    401: errors.KeyRejected,
    402: errors.QuotaExhausted,
    403: errors.KeyRejected,
    404: errors.EndpointNotFound,
    405: errors.EndpointNotFound,
    408: errors.GatewayUnavailable,
    409: errors.InvalidRequest,
    413: errors.RequestTooLarge,
    422: errors.InvalidRequest,
    429: errors.RateLimited,
    501: errors.EndpointNotFound,
    503: errors.Overloaded,
    529: errors.Overloaded,
}

# Types that are less specific than most statuses.
_GENERIC_ERROR_TYPES = ("invalid_request_error", "not_found_error")
# Codes and types that are more specific than the status they come with.
_ERROR_BY_CODE: dict[str, type[errors.GatewayError]] = {
    "model_not_found": errors.ModelNotFound,
    "insufficient_user_quota": errors.QuotaExhausted,
    "pre_consume_token_quota_failed": errors.QuotaExhausted,
    "insufficient_quota": errors.QuotaExhausted,
    "billing_error": errors.QuotaExhausted,
    "exceed_context_size_error": errors.ContextTooLong,
    "context_length_exceeded": errors.ContextTooLong,
    "overloaded_error": errors.Overloaded,
    "rate_limit_error": errors.RateLimited,
    "rate_limit_exceeded": errors.RateLimited,
    "authentication_error": errors.KeyRejected,
    "invalid_api_key": errors.KeyRejected,
    "permission_error": errors.KeyRejected,
    # LiteLLM without a database knows only its master key.
    "no_db_connection": errors.KeyRejected,
    "request_too_large": errors.RequestTooLarge,
    # The gateway's own validation responds with 500 to invalid requests; a retry would not help.
    "invalid_request": errors.InvalidRequest,
    "convert_request_failed": errors.InvalidRequest,
    "sensitive_words_detected": errors.InvalidRequest,
    "count_token_failed": errors.InvalidRequest,
    "read_request_body_failed": errors.RequestTooLarge,
}

# Fields of both wires that an error can name, as fields of Params.
_PARAM_BY_FIELD = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logit_bias": "logit_bias",
    "seed": "seed",
    "n": "n",
    "stop": "stop",
    "stop_sequences": "stop",
    "reasoning_effort": "effort",
    "effort": "effort",
    "thinking": "thinking",
    "budget_tokens": "budget",
    "response_format": "format",
    "output_config": "effort",
    "cache_control": "cache",
    "user": "user",
    "user_id": "user",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
}
# Names that are also common words count only in quotes.
_AMBIGUOUS_NAMES = {"n", "stop", "seed", "effort", "thinking", "user"}
_QUOTED_NAME = re.compile(r"[`'\"“‘]([a-z_.]{1,40})[`'\"”’]")
_UNQUOTED_NAME = re.compile(
    r"\b(" + "|".join(sorted(set(_PARAM_BY_FIELD) - _AMBIGUOUS_NAMES, key=len, reverse=True)) + r")\b"
)


def error_from_response(status: int, headers: Mapping[str, str], body: str) -> errors.GatewayError:
    """Return the error for a response with a status other than 200.

    `body` is the text of the response: JSON in any of the gateways' shapes, HTML, or plain text.
    """
    payload = _parse_json(body)
    codes, message = _parse_error_payload(payload) if payload is not None else ((), visible_text(body))
    if 300 <= status < 400:
        message = headers.get("location", "") or message
    error_type = _error_type(status, codes)
    message, request_id_in_message = _split_request_id(message)
    error = error_type(message, status=status, request_id=request_id(headers) or request_id_in_message)
    error.retry_after = parse_retry_after(headers)
    # A missing model or path is still missing a moment later, whatever the code allows.
    is_missing = status == 404 or (error_type is errors.ModelNotFound and status != 503)
    default = False if is_missing else None
    error.should_retry = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower(), default)
    if error_type is errors.InvalidRequest:
        error.rejected_params = _rejected_params(payload, message)
    return error


def error_from_stream_event(payload: Any) -> errors.GatewayError:
    """Return the error for an error event in a stream with status 200.

    `payload` is the event's JSON, or its data as text if it is not JSON.
    """
    codes, message = _parse_error_payload(payload)
    message, request_id_in_message = _split_request_id(message)
    error_type = _error_type_from_codes(codes) or errors.StreamError
    error = error_type(message, request_id=request_id_in_message)
    if error_type is errors.InvalidRequest:
        error.rejected_params = _rejected_params(payload, message)
    return error


def is_error(payload: Any) -> bool:
    """Return True if a frame or a complete response reports a failure; an empty `error` field does not."""
    if not isinstance(payload, dict):
        return False
    if payload.get("type") == "error":
        return True
    error = payload.get("error")
    if isinstance(error, dict):
        return bool(error.get("message") or error.get("type") or error.get("code"))
    return isinstance(error, str) and bool(error)


def request_id(headers: Mapping[str, str]) -> str:
    """Return the id under which the gateway logs the request; "" without one."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), "")


def _parse_json(body: str) -> Any:
    """Return the JSON value of a body; None if it is not JSON, {} for null."""
    try:
        payload = json.loads(body)
        return {} if payload is None else payload
    except (ValueError, RecursionError):
        return None


def _rejected_params(payload: Any, message: str) -> tuple[str, ...]:
    """Fields of Params that an error names in its `param` or its message."""
    param = get_object(payload, "error").get("param") if isinstance(payload, dict) else None
    names = {param.rpartition(".")[2]} if isinstance(param, str) else set()
    names |= set(_QUOTED_NAME.findall(message)) | set(_UNQUOTED_NAME.findall(message))
    return tuple(dict.fromkeys(param for field, param in _PARAM_BY_FIELD.items() if field in names))


def _parse_error_payload(payload: Any) -> tuple[tuple[str, ...], str]:
    """Codes and types of an error, the most specific first, and its message."""
    if not isinstance(payload, dict):
        return (), truncate(str(payload)) if payload else ""
    error = payload.get("error")
    fields = error if isinstance(error, dict) and error else payload
    codes = tuple(str(fields[key]) for key in ("code", "type") if fields.get(key))
    if isinstance(error, str) and error:
        return codes, truncate(error)
    for key in ("message", "msg", "detail", "html-message"):
        if fields.get(key):
            return _unwrap_nested_error(codes, fields[key])
    return codes, ""


def _unwrap_nested_error(codes: tuple[str, ...], message: Any) -> tuple[tuple[str, ...], str]:
    """Codes and message of an error nested as JSON in a message; the outer request id stays at its end."""
    if not isinstance(message, str):
        return codes, truncate(json.dumps(message, ensure_ascii=False))
    text = message.lstrip()
    if text.startswith("{"):
        try:
            payload, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return codes, truncate(message)
        nested_codes, nested_message = _parse_error_payload(payload)
        if nested_message:
            return codes + nested_codes, truncate(nested_message) + text[end:]
    return codes, truncate(message)


def _error_type(status: int, codes: tuple[str, ...]) -> type[errors.GatewayError]:
    if status < 400:
        return errors.UnexpectedRedirect if status >= 300 else errors.InvalidResponse
    is_generic_status = status in (400, 422, 500)
    specific = tuple(code for code in codes if is_generic_status or code not in _GENERIC_ERROR_TYPES)
    if error_type := _error_type_from_codes(specific):
        return error_type
    if status == 404 and len(specific) < len(codes):
        return errors.ModelNotFound
    if status in _ERROR_BY_STATUS:
        return _ERROR_BY_STATUS[status]
    return errors.GatewayUnavailable if status >= 500 else errors.InvalidRequest


def _error_type_from_codes(codes: tuple[str, ...]) -> type[errors.GatewayError] | None:
    """Return the error that a code or a type names; specific codes come before generic ones."""
    for code in codes:
        if code in _ERROR_BY_CODE:
            return _ERROR_BY_CODE[code]
    if "invalid_request_error" in codes:
        return errors.InvalidRequest
    # Some gateways put the upstream's status into the code.
    statuses = (int(code) for code in codes if re.fullmatch(r"4\d\d", code))
    return next((_ERROR_BY_STATUS[status] for status in statuses if status in _ERROR_BY_STATUS), None)


def _split_request_id(message: str) -> tuple[str, str]:
    """Return the message without request ids, and the last of them; "" without one."""
    ids = _REQUEST_ID.findall(message)
    return _REQUEST_ID.sub("", message).strip(), ids[-1] if ids else ""
