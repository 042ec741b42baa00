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
_ID_HEADERS = ("x-oneapi-request-id", "x-request-id", "request-id")
_DETAIL_MAX = 2_000
WAIT_MAX = 7 * 24 * 3600.0  # seconds; who asks for more is not to be believed
_PAGE_MAX = 20_000
_UNSEEN = {"script", "style", "head", "title"}

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

# Types that say less than most statuses.
_VAGUE = ("invalid_request_error", "not_found_error")
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
    # LiteLLM without a database knows one key, and has nowhere to look for another.
    "no_db_connection": errors.KeyRefused,
    "request_too_large": errors.TooLarge,
    # The gateway's own validation answers 500 for what is the client's fault; trying again is useless.
    "invalid_request": errors.RequestRefused,
    "convert_request_failed": errors.RequestRefused,
    "sensitive_words_detected": errors.RequestRefused,
    "count_token_failed": errors.RequestRefused,
    "read_request_body_failed": errors.TooLarge,
}


# The parameters that a refusal can name: the wires' names to ours.
_FIELDS = {
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
_WORDS = {"n", "stop", "seed", "effort", "thinking", "user"}
_QUOTED = re.compile(r"[`'\"“‘]([a-z_.]{1,40})[`'\"”’]")
_PLAIN_NAMES = re.compile(r"\b(" + "|".join(sorted(set(_FIELDS) - _WORDS, key=len, reverse=True)) + r")\b")


def refusal(status: int, headers: Mapping[str, str], body: str) -> errors.GatewayError:
    """The error that an answer with a status other than 200 means.

    `body` is the text of the answer, in any of the shapes that gateways use (see `said`).
    """
    payload = _parsed(body)
    words, message = _said_by(payload) if payload is not None else ((), _plain(body))
    if 300 <= status < 400:
        message = headers.get("location", "") or message
    kind = _kind(status, words)
    message, own_id = _split_id(message)
    error = kind(message, status=status, request_id=request_id(headers) or own_id)
    error.wait = retry_after(headers)
    # What is not there will not be there in a moment either, whatever word comes with it.
    gone = status == 404 or (kind is errors.ModelUnknown and status != 503)
    otherwise = False if gone else None
    error.again = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower(), otherwise)
    if kind is errors.RequestRefused:
        error.blamed = _blamed(payload, message)
    return error


def midway(payload: Any) -> errors.GatewayError:
    """The error that an error event inside a stream means; the status was 200.

    `payload` is its JSON, or its data as text where it is none.
    """
    words, message = _said_by(payload)
    message, own_id = _split_id(message)
    kind = _by_words(words) or errors.FailedMidway
    error = kind(message, request_id=own_id)
    if kind is errors.RequestRefused:
        error.blamed = _blamed(payload, message)
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


def said(body: str) -> tuple[tuple[str, ...], str]:
    """The code and type words, and the message, of an error body."""
    payload = _parsed(body)
    return _said_by(payload) if payload is not None else ((), _plain(body))


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
    return min(max(0.0, seconds), WAIT_MAX) if math.isfinite(seconds) else None


def _parsed(body: str) -> Any:
    """The JSON of a body; None where it is none, {} where it says null."""
    try:
        payload = json.loads(body)
        return {} if payload is None else payload
    except (ValueError, RecursionError):
        return None


def _blamed(payload: Any, message: str) -> tuple[str, ...]:
    """The parameters, by our names, that an error's `param` or its message names."""
    error = payload.get("error") if isinstance(payload, dict) else None
    param = error.get("param") if isinstance(error, dict) else None
    named = {str(param).rpartition(".")[2]} if isinstance(param, str) else set()
    named |= set(_QUOTED.findall(message)) | set(_PLAIN_NAMES.findall(message))
    return tuple(dict.fromkeys(ours for theirs, ours in _FIELDS.items() if theirs in named))


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
    if status < 400:
        return errors.Redirected if status >= 300 else errors.Unreadable
    exact = status in (400, 422, 500)
    if kind := _by_words(words if exact else tuple(word for word in words if word not in _VAGUE)):
        return kind
    if status == 404 and ("invalid_request_error" in words or "not_found_error" in words):
        return errors.ModelUnknown
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return errors.GatewayDown if status >= 500 else errors.RequestRefused


def _by_words(words: tuple[str, ...]) -> type[errors.GatewayError] | None:
    """The kind that a code or a type names, the exact ones before the vague."""
    for word in words:
        if word in _BY_WORD:
            return _BY_WORD[word]
    if "invalid_request_error" in words:
        return errors.RequestRefused
    # Some put the status that they would have answered with into the code.
    codes = (int(word) for word in words if re.fullmatch(r"4\d\d", word))
    return next((_BY_STATUS[code] for code in codes if code in _BY_STATUS), None)


def _split_id(message: str) -> tuple[str, str]:
    ids = _REQUEST_ID.findall(message)
    return _REQUEST_ID.sub("", message).strip(), ids[-1] if ids else ""


def request_id(headers: Mapping[str, str]) -> str:
    """The id under which the gateway logs a request; "" where it tells none."""
    return next((headers[name] for name in _ID_HEADERS if headers.get(name)), "")


class _Words(HTMLParser):
    """The words of a page that a reader would see."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        # A head may end without a tag of its own.
        self._hidden = 0 if tag == "body" else self._hidden + (tag in _UNSEEN)

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _UNSEEN))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def _plain(body: str) -> str:
    """A body that is not JSON, as text: of an HTML page only its words."""
    if "<" in body:
        page = _Words()
        with contextlib.suppress(AssertionError):  # what the parser does not understand
            page.feed(body[:_PAGE_MAX])
        body = " ".join(page.found)
    return _shorten(" ".join(body.split()))


def _shorten(text: str) -> str:
    return text if len(text) <= _DETAIL_MAX else text[:_DETAIL_MAX] + " …"
