"""Types, paths, encoding and forms shared by the routes of the demo gateway."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from types import MappingProxyType
from typing import Any, Literal

OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"

# A search has its query as text, results and a citation have the number of what they are.
DeltaKind = Literal["text", "thinking", "refusal", "search", "found", "citation"]
FinishReason = Literal["stop", "stop_sequence", "length", "refusal", "filter"]


@dataclass(frozen=True)
class Delta:
    """A piece of one choice of an answer; counts as one token."""

    text: str
    kind: DeltaKind = "text"
    choice: int = 0


@dataclass(frozen=True)
class Finish:
    """The end of one choice; `stop_sequence` is the sequence that ended it."""

    reason: FinishReason = "stop"
    stop_sequence: str | None = None


@dataclass(frozen=True)
class CacheUsage:
    """Tokens of a prompt that were read from the prompt cache and written to it."""

    read: int = 0
    written: int = 0


@dataclass(frozen=True)
class TokenCounts:
    """Tokens and web searches to be billed; `prompt` includes the tokens of the cache."""

    prompt: int
    completion: int
    cache: CacheUsage = CacheUsage()
    searches: int = 0


class ErrorResponse(Exception):
    """An error status with a code and a message, in place of an answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = {"Content-Type": "application/json", **headers}

    def body(self, path: str, request_id: str) -> bytes:
        """Return the error as JSON in the shape of the wire of `path`."""
        return encode(error_payload(path, self.code, str(self), request_id, self.param))


def error_payload(path: str, code: str, message: str, request_id: str, param: str | None = None) -> dict[str, Any]:
    """Return an error in the shape of the wire of `path`; the message ends with the request id."""
    message = f"{message} (request id: {request_id})"
    if path == ANTHROPIC:
        return {"type": "error", "error": {"type": code, "message": message}, "request_id": request_id}
    return {"error": {"message": message, "type": code, "param": param, "code": code}}


def new_request_id() -> str:
    """Return a request id made of the time and of random digits."""
    return time.strftime("%Y%m%d%H%M%S") + secrets.token_hex(4)


def encode(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8; a lone surrogate, legal in JSON, is replaced."""
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def data_event(value: Mapping[str, Any]) -> bytes:
    """Return `value` as a server-sent event without a name."""
    return b"data: " + encode(value) + b"\n\n"


def named_event(value: Mapping[str, Any]) -> bytes:
    """Return `value` as a server-sent event named by its `type`."""
    return f"event: {value['type']}\n".encode() + data_event(value)


def parse_form(body: bytes, content_type: str) -> tuple[dict[str, str], dict[str, list[bytes]]]:
    """Return the texts and the files of a multipart form."""
    head = b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n"
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = bytes(part.get_payload(decode=True))
        if part.get_filename() is None:
            fields[name] = content.decode()
        else:
            files.setdefault(name.removesuffix("[]"), []).append(content)
    return fields, files
