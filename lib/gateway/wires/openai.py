"""OpenAI's wire: request bodies for /v1/chat/completions, and its stream as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import Message
from lib.core.errors import GatewayError
from lib.core.events import Event
from lib.core.extra_json import absorb_extra, reserved_fields
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    MAX_STOP_SEQUENCES,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.sanitize import get_object
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import errors, model_quirks
from lib.gateway.wires.openai_stream import parse_events

PATH = "/v1/chat/completions"

# Params fields that are sent unchanged under their own names.
_PASSTHROUGH_PARAMS = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "n",
    "user",
    "verbosity",
    "prompt_cache_key",
)


def headers(key: str) -> dict[str, str]:
    """Headers that carry the key; {} without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def body(
    model: str, messages: Sequence[Message], params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> dict[str, Any]:
    """Return the JSON of a request. Unset parameters are omitted, and thinking is not sent back."""
    chat = [{"role": message.role, "content": message.text} for message in messages]
    if params.system:
        chat.insert(0, {"role": "system", "content": params.system})
    request: dict[str, Any] = {"model": model, "messages": chat, "stream": params.stream}
    if params.stream:
        request["stream_options"] = {"include_usage": True}
    params = absorb_extra("openai", params)
    adapted, _ = model_quirks.adapt_params("openai", model, params, capabilities)
    request |= _build_fields(model, adapted)
    return merge_patch(request, parse_json_object(params.extra))


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `user`, and in no other field that could name a user."""
    metadata = {"metadata": {"user_id": None}} if "user_id" in get_object(body, "metadata") else {}
    return merge_patch(body, {"user": user, "safety_identifier": None, **metadata})


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = model_quirks.adapt_params("openai", model, absorb_extra("openai", params), capabilities)
    if reserved := reserved_fields(params):
        adjustments.append(ParamAdjustment("reserved", "extra", ", ".join(reserved)))
    adjustments += find_unsupported("openai", adapted)
    if len(adapted.stop) > MAX_STOP_SEQUENCES:
        adjustments.append(ParamAdjustment("stops", "stop", str(MAX_STOP_SEQUENCES)))
    return adjustments


def _build_fields(model: str, params: Params) -> dict[str, Any]:
    fields = {name: getattr(params, name) for name in _PASSTHROUGH_PARAMS if getattr(params, name) not in (None, "")}
    if params.max_tokens is not None:
        name = "max_completion_tokens" if model_quirks.takes_max_completion_tokens(model) else "max_tokens"
        fields[name] = params.max_tokens
    if params.stop:
        fields["stop"] = list(params.stop[:MAX_STOP_SEQUENCES])
    if params.logit_bias:
        fields["logit_bias"] = parse_json_object(params.logit_bias)
    if params.effort:
        fields["reasoning_effort"] = params.effort
    if params.format == "json":
        fields["response_format"] = {"type": "json_object"}
    elif params.format == "schema" and params.schema:
        schema = {"name": "answer", "schema": parse_json_object(params.schema), "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return fields


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a stream of chunks, or of a complete response in a single frame.

    Raises the gateway's error for an error frame, StreamInterrupted without a finish reason, and
    MissingFinishReason for `[DONE]` without one: gateways send it after failures too.
    """
    return parse_events(frames)


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of OpenAI or of any gateway."""
    return errors.error_from_response(status, headers, payload)
