"""Error responses and error events of gateways, of any shape, as errors of `lib.core.errors`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lib.core import errors
from lib.gateway.transport.body import truncate, visible_text
from lib.gateway.transport.retry import parse_retry_after
from lib.gateway.wires.errors.payload import ErrorPayload, answers_with_message, parse_error_payload
from lib.gateway.wires.errors.refused_fields import field_refusals, named_params
from lib.gateway.wires.errors.wordings import class_from_code, class_from_message

_MAX_REFUSAL_CHARS = 100_000  # a longer body is no error
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

# Refusals of safety systems: OpenAI's code for images, older and Azure's ones, Alibaba's, Volcengine's.
_BLOCKED_CODES = (
    *("moderation_blocked", "content_policy_violation", "content_filter", "image_generation_user_error"),
    *("responsibleaipolicyviolation", "datainspectionfailed", "outputimagesensitivecontentdetected"),
    *("inputtextsensitivecontentdetected", "inputimagesensitivecontentdetected"),
)
_BLOCKED_WORDS = re.compile(r"safety system|content[ _]policy|safety_violations|内容(?:安全|违规)", re.IGNORECASE)
# Types of wrong requests: OpenAI and Anthropic, Gemini, LiteLLM, DashScope, Bedrock.
_INVALID_REQUEST_TYPES = (
    *("invalid_request_error", "invalid_argument", "badrequesterror", "bad_request_error", "bad_request"),
    *("invalidparameter", "validationexception", "validation_error"),
)
# Types that are less specific than most statuses.
_GENERIC_ERROR_TYPES = (*_INVALID_REQUEST_TYPES, "not_found_error")
# Codes that name one cause. Lower case, since gateways pass on each other's codes in any spelling.
_ERROR_BY_CODE: dict[str, type[errors.GatewayError]] = {
    **dict.fromkeys(
        (
            *("model_not_found", "modelnotfound", "model_not_exist", "invalid_model", "unknown_model"),
            *("model_not_supported", "deploymentnotfound", "get_channel_failed", "no_available_channel"),
        ),
        errors.ModelNotFound,
    ),
    **dict.fromkeys(
        (
            *("insufficient_user_quota", "pre_consume_token_quota_failed", "insufficient_quota", "quota_exceeded"),
            *("billing_error", "exceeded_current_quota_error", "insufficient_balance", "insufficient_credits"),
            *("insufficient_funds", "budget_exceeded", "arrearage", "accountoverdueerror", "payment_required"),
        ),
        errors.QuotaExhausted,
    ),
    **dict.fromkeys(
        (
            *("exceed_context_size_error", "context_length_exceeded", "context_window_exceeded"),
            *("contextwindowexceedederror", "model_max_prompt_tokens_exceeded", "tokens_limit_reached"),
        ),
        errors.ContextTooLong,
    ),
    "sensitive_words_detected": errors.InvalidRequest,
    "read_request_body_failed": errors.RequestTooLarge,
}
# Codes that gateways also put before a cause of their own, so a message that names one comes first.
_ERROR_BY_BROAD_CODE: dict[str, type[errors.GatewayError]] = {
    **dict.fromkeys(
        ("overloaded_error", "engine_overloaded_error", "server_overloaded", "serveroverloaded"), errors.Overloaded
    ),
    **dict.fromkeys(
        (
            *("rate_limit_error", "rate_limit_exceeded", "rate_limit_reached_error", "throttling"),
            "throttlingexception",
        ),
        errors.RateLimited,
    ),
    **dict.fromkeys(
        (
            *("authentication_error", "invalid_authentication_error", "incorrect_api_key_error", "api_key_invalid"),
            *("invalid_api_key", "invalidapikey", "permission_error", "permission_denied"),
            # LiteLLM without a database knows only its master key.
            "no_db_connection",
        ),
        errors.KeyRejected,
    ),
    "request_too_large": errors.RequestTooLarge,
    # The gateway's own validation responds with 500 to invalid requests; a retry would not help.
    "invalid_request": errors.InvalidRequest,
    "convert_request_failed": errors.InvalidRequest,
    "count_token_failed": errors.InvalidRequest,
}


def error_from_response(status: int, headers: Mapping[str, str], body: str) -> errors.GatewayError:
    """Return the error for a response with a status other than 200.

    `body` is the text of the response: JSON in any of the gateways' shapes, HTML, or plain text.
    """
    payload = _parse_json(body)
    parsed = parse_error_payload(payload) if payload is not None else ErrorPayload((), visible_text(body))
    # A page is the proxy's in front of the gateway: its status says more than its words.
    is_page = payload is None and "<" in body
    message = parsed.message
    if 300 <= status < 400:
        message = headers.get("location", "") or message
    message, request_id_in_message = _split_request_id(message)
    error_class = _error_class(status, parsed.codes, "" if is_page else message)
    error = error_class(message, status=status, request_id=request_id(headers) or request_id_in_message)
    error.retry_after = parse_retry_after(headers)
    # A missing model or path is still missing a moment later, whatever the code allows.
    is_missing = status == 404 or (error_class is errors.ModelNotFound and status < 500)
    default = False if is_missing else None
    error.should_retry = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower(), default)
    return _with_named_params(error, payload)


def error_from_stream_event(payload: Any) -> errors.GatewayError:
    """Return the error for an error event in a stream with status 200.

    `payload` is the event's JSON, or its data as text if it is not JSON.
    """
    codes, words = parse_error_payload(payload)
    message, request_id_in_message = _split_request_id(words)
    error_class = _error_class_from_words(codes, message) or _error_class_in_code(codes, r"4\d\d") or errors.StreamError
    return _with_named_params(
        error_class(message if words else _quote(payload), request_id=request_id_in_message), payload
    )


def refusal_from_body(payload: Any) -> errors.GatewayError:
    """Return the error for an object or a text that came with status 200 in place of an answer.

    It is classified by its code and words; one that names no class is not a valid answer, and not retried.
    """
    codes, words = parse_error_payload(payload)
    message, request_id_in_message = _split_request_id(words)
    error_class = (
        _error_class_from_words(codes, message) or _error_class_in_code(codes, r"[45]\d\d") or errors.InvalidResponse
    )
    return _with_named_params(
        error_class(message if words else _quote(payload), request_id=request_id_in_message), payload
    )


def refusal_in_list(body: str) -> errors.GatewayError | None:
    """Return the error that a GET request was answered with in place of its list, with status 200; None for a list.

    new-api and its kin refuse a bad key like that. A body whose words name no class is left to its parser.
    """
    payload = _parse_json(body) if len(body) <= _MAX_REFUSAL_CHARS else None
    if not isinstance(payload, dict) or isinstance(payload.get("data"), list):
        return None
    refusal = refusal_from_body(payload) if is_error(payload) or answers_with_message(payload) else None
    return None if type(refusal) is errors.InvalidResponse else refusal


def as_prompt_blocked(error: errors.GatewayError, payload: Any) -> errors.GatewayError:
    """Return the error of an image route as PromptBlocked, if a safety system is its cause."""
    codes, message = parse_error_payload(payload)
    if not any(code.lower() in _BLOCKED_CODES for code in codes) and not _BLOCKED_WORDS.search(message):
        return error
    return errors.PromptBlocked(error.detail, status=error.status, request_id=error.request_id)


def is_error(payload: Any) -> bool:
    """Return True if a frame or a complete response reports a failure; an empty `error` field does not."""
    if not isinstance(payload, dict):
        return False
    if payload.get("type") == "error":
        return True
    error = payload.get("error")
    return any(error.values()) if isinstance(error, dict) else bool(error)


def request_id(headers: Mapping[str, str]) -> str:
    """Return the id under which the gateway logs the request; "" without one."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), "")


def _with_named_params(error: errors.GatewayError, payload: Any) -> errors.GatewayError:
    if isinstance(error, errors.InvalidRequest | errors.ContextTooLong):
        error.rejected_params = named_params(payload, error.detail)
    if isinstance(error, errors.InvalidRequest):
        error.field_refusals = field_refusals(payload, error.detail)
    return error


def _quote(payload: Any) -> str:
    """Return the JSON of an error without a message: its codes are all that the gateway said."""
    return truncate(json.dumps(payload, ensure_ascii=False)) if payload else ""


def _parse_json(body: str) -> Any:
    """Return the JSON value of a body; None if it is not JSON, {} for null."""
    try:
        payload = json.loads(body)
        return {} if payload is None else payload
    except (ValueError, RecursionError):
        return None


def _error_class(status: int, codes: tuple[str, ...], message: str) -> type[errors.GatewayError]:
    if status < 400:
        return errors.UnexpectedRedirect if status >= 300 else errors.InvalidResponse
    is_generic_status = status in (400, 422, 500)
    specific = tuple(code for code in codes if is_generic_status or code.lower() not in _GENERIC_ERROR_TYPES)
    if error_class := _error_class_from_words(specific, message) or _error_class_in_code(specific, r"4\d\d"):
        return error_class
    if status == 404 and len(specific) < len(codes):
        return errors.ModelNotFound
    if status in _ERROR_BY_STATUS:
        return _ERROR_BY_STATUS[status]
    return errors.GatewayUnavailable if status >= 500 else errors.InvalidRequest


def _error_class_from_words(codes: tuple[str, ...], message: str) -> type[errors.GatewayError] | None:
    """Return the class that a code, a type or the message names; specific ones come before generic ones."""
    names = [code.lower() for code in codes]
    for name in names:
        if name in _ERROR_BY_CODE:
            return _ERROR_BY_CODE[name]
    if error_class := class_from_message(message) or next(filter(None, map(class_from_code, codes)), None):
        return error_class
    for name in names:
        if name in _ERROR_BY_BROAD_CODE:
            return _ERROR_BY_BROAD_CODE[name]
    return errors.InvalidRequest if any(name in _INVALID_REQUEST_TYPES for name in names) else None


def _error_class_in_code(codes: tuple[str, ...], pattern: str) -> type[errors.GatewayError] | None:
    """Return the class of a status in a code: some gateways put that of the upstream there."""
    statuses = [int(code) for code in codes if re.fullmatch(pattern, code)]
    for status in statuses:
        if status in _ERROR_BY_STATUS:
            return _ERROR_BY_STATUS[status]
    return errors.GatewayUnavailable if any(status >= 500 for status in statuses) else None


def _split_request_id(message: str) -> tuple[str, str]:
    """Return the message without request ids, and the last of them; "" without one."""
    ids = _REQUEST_ID.findall(message)
    return _REQUEST_ID.sub("", message).strip(), ids[-1] if ids else ""
