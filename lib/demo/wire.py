"""What both wires of the demo gateway share: pieces and ends of answers, refusals, and their bytes."""

import base64
import binascii
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

CHAT, MESSAGES, MODELS = "/v1/chat/completions", "/v1/messages", "/v1/models"

Kind = Literal["text", "thinking", "refusal", "tool", "redacted", "sealed", "unknown"]
Why = Literal["done", "length", "stop", "window", "refusal", "filter", "tool", "pause"]
Shape = Literal["own", "foreign", "gateway", "nested", "detail", "page", "empty"]

_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1><p>{1}</p></body></html>\n"
_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_SALT = b"antler demo"


@dataclass(frozen=True)
class Piece:
    """A few words of one of the answers that were asked for."""

    text: str
    kind: Kind = "text"
    choice: int = 0


@dataclass(frozen=True)
class End:
    """Why an answer ended; `sequence` is the stop sequence that it came to."""

    why: Why = "done"
    sequence: str | None = None


@dataclass(frozen=True)
class Cache:
    """Tokens of the prompt that were read from the cache, and written to it."""

    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class Counts:
    """Tokens that an answer is paid by; `prompt` counts those of the cache as well."""

    prompt: int
    read: int
    written: int
    made: int


@dataclass(frozen=True)
class Style:
    """What differs from gateway to gateway in a good answer."""

    reasoning: str = "reasoning_content"
    signed: bool = True
    overlapping: bool = False
    usage: Literal["once", "often", "never"] = "once"


class Refused(Exception):
    """An answer that is an error: status, the wire's word for it, a sentence, and the shape it comes in."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        shape: Shape = "own",
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.shape, self.param = status, code, shape, param
        self.headers = {"Content-Type": _HTML if shape == "page" else _JSON, **headers}

    def body(self, route: str, request_id: str) -> bytes:
        """Return the bytes that a client of `route` gets."""
        if self.shape == "empty":
            return b""
        if self.shape == "page":
            return _PAGE.format(str(self.code), str(self)).encode()
        if self.shape == "detail":
            return encode({"detail": [{"loc": ["body"], "msg": str(self), "type": self.code}]})
        return encode(self._error(route, request_id))

    def _error(self, route: str, request_id: str) -> dict[str, Any]:
        message = f"{self} (request id: {request_id})"
        if self.shape == "gateway":
            inner = {"message": message, "type": "new_api_error", "param": "", "code": self.code}
            return {"error": inner}
        if self.shape == "nested":
            behind = error(MESSAGES, self.code, str(self), new_request_id())
            nested = f"{json.dumps(behind)} (request id: {request_id})"
            return error(route, "<nil>", nested, request_id, said=True)
        ours = (route == MESSAGES) != (self.shape == "foreign")
        return error(MESSAGES if ours else CHAT, self.code, str(self), request_id, self.param)


class Reset(Exception):
    """No answer at all: the connection is reset."""


def error(
    route: str, code: str, message: str, request_id: str, param: str | None = None, said: bool = False
) -> dict[str, Any]:
    """Return an error in the shape of the wire of `route`; with `said`, the message has its id already."""
    message = message if said else f"{message} (request id: {request_id})"
    if route == MESSAGES:
        return {"type": "error", "error": {"type": code, "message": message}, "request_id": request_id}
    return {"error": {"message": message, "type": code, "param": param, "code": code}}


def new_request_id() -> str:
    """Return a new request id: the time, then chance."""
    return time.strftime("%Y%m%d%H%M%S") + secrets.token_hex(4)


def encode(value: Any) -> bytes:
    """Return value as JSON in UTF-8."""
    # Half of a surrogate pair is legal in JSON, but has no UTF-8.
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def data(value: Mapping[str, Any]) -> bytes:
    """Return value as an event without a name."""
    return b"data: " + encode(value) + b"\n\n"


def event(value: Mapping[str, Any]) -> bytes:
    """Return value as an event that is named by its type."""
    return f"event: {value['type']}\n".encode() + data(value)


def sign(thinking: str) -> str:
    """Return the signature that shows the demo, later, that it thought this."""
    digest = hashlib.sha256(thinking.encode(errors="replace")).digest()
    return base64.b64encode(digest + hashlib.sha256(_SALT + digest).digest()).decode()


def genuine(thinking: str, signature: str) -> bool:
    """Return whether the demo signed this; without the thinking only whether it is a signature of its own."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return raw[32:] == hashlib.sha256(_SALT + raw[:32]).digest() and thinking in ("", _thought(raw, thinking))


def _thought(raw: bytes, thinking: str) -> str | None:
    return thinking if hashlib.sha256(thinking.encode(errors="replace")).digest() == raw[:32] else None
