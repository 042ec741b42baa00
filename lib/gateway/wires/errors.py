"""What a refusal says, whatever its shape, as one of our errors."""

from __future__ import annotations

import contextlib
import json
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

from lib.core import errors

# The gateway's ids stand in its message; the last one is its own, earlier ones belong to those behind it.
_REQUEST_ID = re.compile(r"\s*\(?request id:\s*([0-9A-Za-z_-]+)\)?", re.IGNORECASE)
_REQUEST_ID_HEADERS = ("x-oneapi-request-id", "x-request-id", "request-id")
_MAX_DETAIL_LENGTH = 2_000
MAX_RETRY_AFTER = 7 * 24 * 3600.0  # seconds; who asks for more is not to be believed
_MAX_HTML_LENGTH = 20_000
_HIDDEN_TAGS = {"script", "style", "head", "title"}

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

# Types that say less than most statuses.
_GENERIC_ERROR_TYPES = ("invalid_request_error", "not_found_error")
# Codes and types that say more than the status they come with.
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
    # LiteLLM without a database knows one key, and has nowhere to look for another.
    "no_db_connection": errors.KeyRejected,
    "request_too_large": errors.RequestTooLarge,
    # The gateway's own validation answers 500 for what is the client's fault; trying again is useless.
    "invalid_request": errors.InvalidRequest,
    "convert_request_failed": errors.InvalidRequest,
    "sensitive_words_detected": errors.InvalidRequest,
    "count_token_failed": errors.InvalidRequest,
    "read_request_body_failed": errors.RequestTooLarge,
}


# The parameters that a refusal can name: the wires' names to ours.
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
# Names that are also plain words count only in quotes.
_AMBIGUOUS_NAMES = {"n", "stop", "seed", "effort", "thinking", "user"}
_QUOTED_NAME = re.compile(r"[`'\"“‘]([a-z_.]{1,40})[`'\"”’]")
_UNQUOTED_NAME = re.compile(
    r"\b(" + "|".join(sorted(set(_PARAM_BY_FIELD) - _AMBIGUOUS_NAMES, key=len, reverse=True)) + r")\b"
)


def error_from_response(status: int, headers: Mapping[str, str], body: str) -> errors.GatewayError:
    """The error that an answer with a status other than 200 means.

    `body` is the text of the answer, in any of the shapes that gateways use (see `said`).
    """
    payload = _parse_json(body)
    words, message = _parse_error_payload(payload) if payload is not None else ((), _body_to_text(body))
    if 300 <= status < 400:
        message = headers.get("location", "") or message
    kind = _error_class(status, words)
    message, own_id = _split_request_id(message)
    error = kind(message, status=status, request_id=request_id(headers) or own_id)
    error.retry_after = retry_after(headers)
    # What is not there will not be there in a moment either, whatever word comes with it.
    gone = status == 404 or (kind is errors.ModelNotFound and status != 503)
    otherwise = False if gone else None
    error.should_retry = {"true": True, "false": False}.get(
        headers.get("x-should-retry", "").lower(), otherwise
    )
    if kind is errors.InvalidRequest:
        error.rejected_params = _rejected_params(payload, message)
    return error


def error_from_stream_event(payload: Any) -> errors.GatewayError:
    """The error that an error event inside a stream means; the status was 200.

    `payload` is its JSON, or its data as text where it is none.
    """
    words, message = _parse_error_payload(payload)
    message, own_id = _split_request_id(message)
    kind = _error_class_from_codes(words) or errors.StreamError
    error = kind(message, request_id=own_id)
    if kind is errors.InvalidRequest:
        error.rejected_params = _rejected_params(payload, message)
    return error


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


def parse_error_body(body: str) -> tuple[tuple[str, ...], str]:
    """The code and type words, and the message, of an error body."""
    payload = _parse_json(body)
    return _parse_error_payload(payload) if payload is not None else ((), _body_to_text(body))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that a refusal's headers ask for; None where they ask for none."""
    try:
        if value := headers.get("retry-after-ms"):
            seconds = float(value) / 1000
        elif re.fullmatch(r"\d+(\.\d+)?", value := headers.get("retry-after", "").strip()):
            seconds = float(value)
        elif value:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _parse_json(body: str) -> Any:
    """The JSON of a body; None where it is none, {} where it says null."""
    try:
        payload = json.loads(body)
        return {} if payload is None else payload
    except (ValueError, RecursionError):
        return None


def _rejected_params(payload: Any, message: str) -> tuple[str, ...]:
    """The parameters, by our names, that an error's `param` or its message names."""
    error = payload.get("error") if isinstance(payload, dict) else None
    param = error.get("param") if isinstance(error, dict) else None
    named = {str(param).rpartition(".")[2]} if isinstance(param, str) else set()
    named |= set(_QUOTED_NAME.findall(message)) | set(_UNQUOTED_NAME.findall(message))
    return tuple(dict.fromkeys(ours for theirs, ours in _PARAM_BY_FIELD.items() if theirs in named))


def _parse_error_payload(payload: Any) -> tuple[tuple[str, ...], str]:
    if not isinstance(payload, dict):
        return (), _truncate(str(payload)) if payload else ""
    error = payload.get("error")
    inner = error if isinstance(error, dict) and error else payload
    words = tuple(str(inner[key]) for key in ("code", "type") if inner.get(key))
    if isinstance(error, str) and error:
        return words, _truncate(error)
    for key in ("message", "msg", "detail", "html-message"):
        if inner.get(key):
            return _unwrap_nested_error(words, inner[key])
    return words, ""


def _unwrap_nested_error(error_codes: tuple[str, ...], message: Any) -> tuple[tuple[str, ...], str]:
    """A message that is itself an error in JSON is opened; the outer request id stays at its end."""
    if not isinstance(message, str):
        return error_codes, _truncate(json.dumps(message, ensure_ascii=False))
    if message.lstrip().startswith("{"):
        try:
            payload, end = json.JSONDecoder().raw_decode(message.lstrip())
        except (ValueError, RecursionError):
            return error_codes, _truncate(message)
        inner_words, inner = _parse_error_payload(payload)
        if inner:
            return error_codes + inner_words, _truncate(inner) + message.lstrip()[end:]
    return error_codes, _truncate(message)


def _error_class(status: int, error_codes: tuple[str, ...]) -> type[errors.GatewayError]:
    if status < 400:
        return errors.UnexpectedRedirect if status >= 300 else errors.InvalidResponse
    exact = status in (400, 422, 500)
    if kind := _error_class_from_codes(
        error_codes if exact else tuple(word for word in error_codes if word not in _GENERIC_ERROR_TYPES)
    ):
        return kind
    if status == 404 and ("invalid_request_error" in error_codes or "not_found_error" in error_codes):
        return errors.ModelNotFound
    if status in _ERROR_BY_STATUS:
        return _ERROR_BY_STATUS[status]
    return errors.GatewayUnavailable if status >= 500 else errors.InvalidRequest


def _error_class_from_codes(error_codes: tuple[str, ...]) -> type[errors.GatewayError] | None:
    """The kind that a code or a type names, the exact ones before the vague."""
    for word in error_codes:
        if word in _ERROR_BY_CODE:
            return _ERROR_BY_CODE[word]
    if "invalid_request_error" in error_codes:
        return errors.InvalidRequest
    # Some put the status that they would have answered with into the code.
    codes = (int(word) for word in error_codes if re.fullmatch(r"4\d\d", word))
    return next((_ERROR_BY_STATUS[code] for code in codes if code in _ERROR_BY_STATUS), None)


def _split_request_id(message: str) -> tuple[str, str]:
    ids = _REQUEST_ID.findall(message)
    return _REQUEST_ID.sub("", message).strip(), ids[-1] if ids else ""


def request_id(headers: Mapping[str, str]) -> str:
    """The id under which the gateway logs a request; "" where it tells none."""
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), "")


class _VisibleTextParser(HTMLParser):
    """The words of a page that a reader would see."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden_depth = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        # A head may end without a tag of its own.
        self._hidden_depth = 0 if tag == "body" else self._hidden_depth + (tag in _HIDDEN_TAGS)

    def handle_endtag(self, tag: str) -> None:
        self._hidden_depth = max(0, self._hidden_depth - (tag in _HIDDEN_TAGS))

    def handle_data(self, data: str) -> None:
        if not self._hidden_depth:
            self.texts.append(data)


def _body_to_text(body: str) -> str:
    """A body that is not JSON, as text: of an HTML page only its words."""
    if "<" in body:
        page = _VisibleTextParser()
        with contextlib.suppress(AssertionError):  # what the parser does not understand
            page.feed(body[:_MAX_HTML_LENGTH])
        body = " ".join(page.texts)
    return _truncate(" ".join(body.split()))


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_DETAIL_LENGTH else text[:_MAX_DETAIL_LENGTH] + " …"
