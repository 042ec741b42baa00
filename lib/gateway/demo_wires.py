"""The demo gateway's side of both wires: requests read, frames and bodies written."""

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import Any

from lib.gateway.demo_answers import Ask

CHAT, MESSAGES, MODELS = "/v1/chat/completions", "/v1/messages", "/v1/models"
STREAM = MappingProxyType(
    {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
        "Transfer-Encoding": "chunked",
    }
)
_FILES = frozenset(("image_url", "file", "input_audio", "image", "document"))
_ROLES = MappingProxyType(
    {
        CHAT: frozenset(("system", "developer", "user", "assistant", "tool", "function")),
        MESSAGES: frozenset(("user", "assistant")),
    }
)
_CJK = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
_WIDE = re.compile(f"[{_CJK}]")
_UNIT = re.compile(rf"[{_CJK}]{{1,2}}\s*|[^\s{_CJK}]+\s*|\s+")


class Refused(Exception):
    """An answer that is an error: status, the wire's word for it, a sentence, headers of its own."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers or {}


@dataclass(frozen=True)
class Wanted:
    """A request as read: `prompt` is in estimated tokens, `limit` in pieces; `counted` asks for usage."""

    model: str
    ask: Ask
    prompt: int
    limit: int | None
    stream: bool
    counted: bool


def read(sent: bytes, route: str) -> Wanted:
    """Return what the body of a POST to `route` asks for; raise Refused (400) when it is not well formed."""
    try:
        body = json.loads(sent)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_request_error", "The body is not JSON.") from error
    _need(isinstance(body, dict), "The body must be a JSON object.")
    model, messages, stream = body.get("model"), body.get("messages"), body.get("stream")
    _need(isinstance(model, str) and bool(model), "model must be a string.")
    _need(stream is None or isinstance(stream, bool), "stream must be true or false.")
    _need(isinstance(messages, list) and bool(messages), "messages must be a list of at least one message.")
    said = [_said(message, _ROLES[route]) for message in messages]
    if route == MESSAGES and body.get("system") is not None:
        system = {"role": "system", "content": body["system"]}
        said.insert(0, _said(system, frozenset(("system",))))
    asked = [(text, files) for role, text, files in said if role == "user"]
    _need(bool(asked), "messages must hold at least one message of the user.")
    options = body.get("stream_options")
    return Wanted(
        model=model,
        ask=Ask(
            system="\n".join(text for role, text, _ in said if role in ("system", "developer")),
            questions=tuple(text for text, _ in asked),
            files=asked[-1][1],
        ),
        prompt=sum(tokens(text) for _, text, _ in said),
        limit=_limit(body),
        stream=stream is True,
        counted=isinstance(options, dict) and options.get("include_usage") is True,
    )


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(400, "invalid_request_error", message)


def _limit(body: Mapping[str, Any]) -> int | None:
    newer = body.get("max_completion_tokens")
    limit = body.get("max_tokens") if newer is None else newer
    if limit is None:
        return None
    # type(), since True is an int to isinstance().
    _need(type(limit) is int and limit > 0, "max_tokens must be a whole number above zero.")
    return int(limit)


def _said(message: Any, roles: frozenset[str]) -> tuple[str, str, int]:
    """Return the role, the text and the number of files of a message."""
    _need(isinstance(message, dict), "Each of the messages must be an object.")
    role, content = message.get("role"), message.get("content")
    _need(isinstance(role, str) and role in roles, f"The role of a message must be one of {sorted(roles)}.")
    if content is None and role == "assistant":
        content = ""
    if isinstance(content, str):
        return role, content, 0
    parts = isinstance(content, list) and all(isinstance(part, dict) for part in content)
    _need(parts, "The content of a message must be a string or a list of parts.")
    words = [part.get("text") for part in content if part.get("type") == "text"]
    _need(all(isinstance(text, str) for text in words), "A text part must hold a text.")
    return role, "\n".join(words), sum(part.get("type") in _FILES for part in content)


def tokens(text: str) -> int:
    """Return a rough count of tokens: one for a Chinese character, one for four of any others."""
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // 4)


def pieces(text: str) -> Iterator[str]:
    """Yield text in pieces of one to three words, or of two Chinese characters; joined, they are the text."""
    sizes, held, more = cycle((1, 2, 1, 3, 2)), "", 0
    for unit in _UNIT.findall(text):
        wide = _WIDE.match(unit)
        if held and (wide or not more):
            yield held
            held, more = "", 0
        more = 0 if wide else (more or next(sizes)) - 1
        held += unit
    if held:
        yield held


def encode(value: Mapping[str, Any]) -> bytes:
    """Return value as JSON in UTF-8."""
    # Half of a surrogate pair is legal in JSON, but has no UTF-8.
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def error(route: str, code: str, message: str, request_id: str) -> dict[str, Any]:
    """Return the body of an error in the shape of the wire that `route` belongs to."""
    message = f"{message} (request id: {request_id})"
    if route == MESSAGES:
        return {"type": "error", "error": {"type": code, "message": message}, "request_id": request_id}
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


def request_id() -> str:
    """Return a new request id: the time, then chance."""
    return time.strftime("%Y%m%d%H%M%S") + secrets.token_hex(4)


def models(ids: tuple[str, ...]) -> dict[str, Any]:
    """Return the list of models in OpenAI's shape."""
    both = {"object": "model", "created": 1626777600, "owned_by": "antler-demo"}
    ends = {"supported_endpoint_types": ["openai", "anthropic"]}
    return {"success": True, "object": "list", "data": [{"id": name, **both, **ends} for name in ids]}


class Chat:
    """One answer over chat completions: its frames, or its body. Holds what was said so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time())}
        self._thought: list[str] = []
        self._spoken: list[str] = []

    def opening(self) -> bytes:
        """Return what comes before the first piece."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, thinking: bool, text: str) -> bytes:
        """Return the frame of one piece."""
        (self._thought if thinking else self._spoken).append(text)
        return self._chunk({"reasoning_content" if thinking else "content": text})

    def closing(self, cut: bool) -> bytes:
        """Return what comes after the last piece; `cut` when the limit ended the answer."""
        return self._chunk({}, "length" if cut else "stop") + self._tail()

    def failure(self, code: str, message: str, request_id: str) -> bytes:
        """Return an error in mid-stream, and the end that follows it all the same."""
        return _data(error(CHAT, code, message, request_id)) + self._tail()

    def whole(self, cut: bool) -> dict[str, Any]:
        """Return the answer as one body."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._spoken)}
        if self._thought:
            message["reasoning_content"] = "".join(self._thought)
        choice = {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
        return self._shape("chat.completion", [choice], self._usage())

    def _shape(self, kind: str, choices: list[Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        return {**self._head, "object": kind, "model": self._wanted.model, "choices": choices, "usage": usage}

    def _chunk(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _data(self._shape("chat.completion.chunk", [choice], None))

    def _tail(self) -> bytes:
        usage = (
            _data(self._shape("chat.completion.chunk", [], self._usage())) if self._wanted.counted else b""
        )
        return usage + b"data: [DONE]\n\n"

    def _usage(self) -> dict[str, Any]:
        prompt, thought = self._wanted.prompt, len(self._thought)
        made = thought + len(self._spoken)
        counts = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
        return {**counts, "completion_tokens_details": {"reasoning_tokens": thought}}


class Messages:
    """One answer over Anthropic's messages: its frames, or its body. Holds what was said so far."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._id = f"msg_{secrets.token_hex(12)}"
        self._signature = base64.b64encode(secrets.token_bytes(48)).decode()
        # Kinds and texts of the blocks; the last one is open until closing().
        self._blocks: list[tuple[str, list[str]]] = []

    def opening(self) -> bytes:
        """Return what comes before the first piece."""
        return _event({"type": "message_start", "message": self._shape([], None, 1)})

    def piece(self, thinking: bool, text: str) -> bytes:
        """Return the frame of one piece, and those that end and begin a block around it."""
        kind, before = "thinking" if thinking else "text", b""
        if not self._blocks or self._blocks[-1][0] != kind:
            before = self._close()
            self._blocks.append((kind, []))
            empty = {"type": kind, kind: "", **({"signature": ""} if thinking else {})}
            before += self._block("content_block_start", content_block=empty)
        self._blocks[-1][1].append(text)
        return before + self._block("content_block_delta", delta={"type": f"{kind}_delta", kind: text})

    def closing(self, cut: bool) -> bytes:
        """Return what comes after the last piece; `cut` when the limit ended the answer."""
        delta = {"stop_reason": "max_tokens" if cut else "end_turn", "stop_sequence": None}
        last = _event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": self._made()}})
        return self._close() + last + _event({"type": "message_stop"})

    def failure(self, code: str, message: str, request_id: str) -> bytes:
        """Return an error in mid-stream, which is the end of it."""
        return _event(error(MESSAGES, code, message, request_id))

    def whole(self, cut: bool) -> dict[str, Any]:
        """Return the answer as one body."""
        content: list[dict[str, str]] = [{"type": kind, kind: "".join(said)} for kind, said in self._blocks]
        for block in content:
            if block["type"] == "thinking":
                block["signature"] = self._signature
        return self._shape(content, "max_tokens" if cut else "end_turn", self._made())

    def _shape(self, content: list[dict[str, str]], reason: str | None, made: int) -> dict[str, Any]:
        usage = {"input_tokens": self._wanted.prompt, "output_tokens": made}
        head = {"id": self._id, "type": "message", "role": "assistant", "model": self._wanted.model}
        return {**head, "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def _made(self) -> int:
        return sum(len(said) for _, said in self._blocks)

    def _block(self, kind: str, **more: Any) -> bytes:
        return _event({"type": kind, "index": len(self._blocks) - 1, **more})

    def _close(self) -> bytes:
        if not self._blocks:
            return b""
        signed = {"type": "signature_delta", "signature": self._signature}
        thinking = self._blocks[-1][0] == "thinking"
        sign = self._block("content_block_delta", delta=signed) if thinking else b""
        return sign + self._block("content_block_stop")


def _data(value: Mapping[str, Any]) -> bytes:
    return b"data: " + encode(value) + b"\n\n"


def _event(value: Mapping[str, Any]) -> bytes:
    return f"event: {value['type']}\n".encode() + _data(value)
