"""Errors before an answer, each in a shape that real gateways use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from lib.demo.wire import ANTHROPIC, OPENAI, ErrorResponse, encode, error_payload, new_request_id

REDIRECT_TARGET = "/elsewhere"

Shape = Literal["wire", "other wire", "gateway", "nested", "detail", "page", "empty"]
_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>\n"
_HTML = "text/html; charset=utf-8"
_EVENT_STREAM = MappingProxyType({"Content-Type": "text/event-stream"})


class ConnectionReset(Exception):
    """Instead of a response, the connection is reset."""


class ShapedError(ErrorResponse):
    """An error in one of several shapes."""

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        shape: Shape = "gateway",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(status, code, message, headers)
        self.shape = shape
        if shape == "page":
            self.headers["Content-Type"] = _HTML

    def body(self, path: str, request_id: str) -> bytes:
        """Return the error as a client of `path` receives it."""
        message = f"{self} (request id: {request_id})"
        match self.shape:
            case "empty":
                return b""
            case "page":
                return _PAGE.format(self.code, self).encode()
            case "detail":
                return encode({"detail": [{"loc": ["body"], "msg": str(self), "type": self.code}]})
            case "gateway":
                error = {"message": message, "type": "new_api_error", "param": "", "code": self.code}
                return encode({"error": error})
            case "nested":
                upstream = error_payload(ANTHROPIC, self.code, str(self), new_request_id())
                return encode(error_payload(path, "<nil>", json.dumps(upstream), request_id))
            case "other wire":
                path = OPENAI if path == ANTHROPIC else ANTHROPIC
        return super().body(path, request_id)


def has_fields(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return a condition: the request has all these fields."""
    return lambda body: all(body.get(name) is not None for name in names)


def sends_images(body: Mapping[str, Any]) -> bool:
    """Return True if a message of the request has an image."""
    contents = [message.get("content") for message in body.get("messages", ())]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(part["type"] in ("image_url", "image") for part in parts)


def _rate_limit(message: str, seconds: int) -> Callable[[], ErrorResponse]:
    return partial(ErrorResponse, 429, "rate_limit_error", message, {"Retry-After": str(seconds)})


# Factories: an exception is raised once only.
RATE_LIMIT_MINUTE = _rate_limit("Too many requests for a minute.", 60)
RATE_LIMIT_HOUR = _rate_limit("Too many requests for an hour.", 3600)
RATE_LIMIT_EMPTY = partial(ShapedError, 429, shape="empty")
OVERLOADED_503 = partial(ErrorResponse, 503, "overloaded_error", "The demo is overloaded. Try again.")
OVERLOADED_529 = partial(ErrorResponse, 529, "overloaded_error", "The demo is overloaded. Try again.")
UPSTREAM_FAILED = partial(ShapedError, 500, "do_request_failed", "The upstream did not answer.")
RESET = ConnectionReset

BAD_GATEWAY_PAGE = partial(ShapedError, 502, "502 Bad Gateway", "No answer from upstream.", "page")
WRONG_KEY = partial(ShapedError, 401, "", "The demo rejects this key.")
NO_BALANCE = partial(ShapedError, 403, "insufficient_user_quota", "The balance of the key is too low.")
NO_CHANNEL = partial(ShapedError, 503, "model_not_found", "No channel serves this model for the key's group.")
INVALID_AS_500 = partial(ShapedError, 500, "invalid_request", "The request is invalid.")
CONTEXT_TOO_LONG = partial(
    ErrorResponse,
    400,
    "context_length_exceeded",
    "This model's maximum context length is 8192 tokens, and the conversation is longer.",
    param="messages",
)
NO_TEMPERATURE = partial(
    ErrorResponse,
    400,
    "unsupported_parameter",
    "temperature is not supported with this model.",
    param="temperature",
)
NO_IMAGES = partial(
    ShapedError, 400, "invalid_request_error", "This model does not support image input.", shape="nested"
)
ONE_SAMPLER = partial(
    ShapedError,
    400,
    "invalid_request_error",
    "temperature and top_p cannot both be specified for this model. Please use only one.",
    "nested",
)
OTHER_WIRE = partial(
    ShapedError, 400, "invalid_request_error", "This error has the shape of the other wire.", "other wire"
)
DETAIL = partial(ShapedError, 422, "missing", "The demo reports this field as missing.", "detail")
ERROR_AS_200 = partial(ShapedError, 200, "upstream_error", "An error, although the status is 200.")
PAGE_AS_200 = partial(ShapedError, 200, "Please sign in", "A proxy shows this page instead of an answer.", "page")
ERROR_AS_STREAM = partial(ErrorResponse, 500, "api_error", "The upstream failed.", _EVENT_STREAM)
EMPTY_BODY = partial(ShapedError, 200, shape="empty", headers=_EVENT_STREAM)
REDIRECT = partial(ShapedError, 302, "302 Found", "It is elsewhere.", "page", {"Location": REDIRECT_TARGET})
