"""Our values to OpenAI's JSON, its frames to our events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.errors import Cut, GatewayError
from lib.core.reply import Event, Finish, Served, TextDelta, ThinkingDelta, UsageReport
from lib.core.types import TEMPERATURE_MAX, Message, Outcome, Params, Usage, count
from lib.gateway import faults
from lib.gateway.frames import Frame, inner

PATH = "/v1/chat/completions"

_OUTCOMES = {
    "length": Outcome.LENGTH,
    "model_context_window_exceeded": Outcome.LENGTH,
    "max_tokens": Outcome.LENGTH,
    "content_filter": Outcome.FILTERED,
    "refusal": Outcome.REFUSED,
}
# These families refuse `max_tokens`, and take its newer name.
_NEW_LIMIT = re.compile(r"(?:.*/)?(?:o\d|gpt-5)", re.IGNORECASE)


def headers(key: str) -> dict[str, str]:
    """The headers that carry the key; none without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def body(model: str, messages: Sequence[Message], params: Params) -> dict[str, Any]:
    """The request's JSON. Untouched parameters are left out; thinking is not sent back."""
    said: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in messages]
    if params.system:
        said.insert(0, {"role": "system", "content": params.system})
    request: dict[str, Any] = {
        "model": model,
        "messages": said,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if params.temperature is not None:
        request["temperature"] = min(params.temperature, TEMPERATURE_MAX["openai"])
    if params.max_tokens is not None:
        limit = "max_completion_tokens" if _NEW_LIMIT.match(model) else "max_tokens"
        request[limit] = params.max_tokens
    return request


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """The events of a stream of chunks, or of one whole answer in a single frame.

    Raises the gateway's error where a frame holds one, and Cut where no finish reason came:
    `[DONE]` alone proves nothing, gateways write it after failures too.
    """
    served: Served | None = None
    finished = refused = False
    for frame in frames:
        if frame.data.strip() == "[DONE]":
            break
        chunk = frame.json()
        if frame.name == "error" or faults.is_error(chunk):
            raise faults.midway(chunk or frame.data)
        if served is None and (chunk.get("id") or chunk.get("model")):
            served = Served(str(chunk.get("id") or ""), str(chunk.get("model") or ""))
            yield served
        for choice in _choices(chunk):
            delta = inner(choice, "delta") or inner(choice, "message")
            yield from _said(delta)
            refused = refused or bool(delta.get("refusal"))
            if choice.get("finish_reason"):
                finished = True
                yield _finish(str(choice["finish_reason"]), refused)
        if usage := inner(chunk, "usage"):
            yield UsageReport(_usage(usage))
    if not finished:
        raise Cut


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """The error that a refusal means; this route answers in OpenAI's shape, and at times in others."""
    return faults.refusal(status, headers, payload)


def _choices(chunk: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The first alternative's part of a chunk: usage chunks and some first ones hold none."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and not choice.get("index"):
            yield choice


def _said(delta: dict[str, Any]) -> Iterator[Event]:
    thinking = delta.get("reasoning_content") or delta.get("reasoning")
    if isinstance(thinking, str) and thinking:
        yield ThinkingDelta(thinking)
    for key in ("content", "refusal"):
        if isinstance(delta.get(key), str) and delta[key]:
            yield TextDelta(delta[key])


def _finish(reason: str, refused: bool) -> Finish:
    outcome = _OUTCOMES.get(reason, Outcome.COMPLETE)
    if refused and outcome is Outcome.COMPLETE:
        outcome = Outcome.REFUSED
    return Finish(outcome, reason)


def _usage(raw: dict[str, Any]) -> Usage:
    return Usage(
        input=count(raw.get("prompt_tokens")),
        output=count(raw.get("completion_tokens")),
        cached=count(inner(raw, "prompt_tokens_details").get("cached_tokens")),
        reasoning=count(inner(raw, "completion_tokens_details").get("reasoning_tokens")),
    )
