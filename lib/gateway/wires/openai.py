"""OpenAI's wire: request bodies for /v1/chat/completions, and its stream as events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import FilePart, Message
from lib.core.errors import AnswerError, GatewayError
from lib.core.events import Event
from lib.core.extra_json import absorb_extra, reserved_fields
from lib.core.file_content import FileContent
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import (
    MAX_STOP_SEQUENCES,
    ParamAdjustment,
    Params,
    find_unsupported,
    merge_patch,
    parse_json_object,
)
from lib.core.sanitize import get_list, get_object
from lib.gateway.transport.request import Route
from lib.gateway.transport.sse import Frame
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents, build_content
from lib.gateway.wires.errors import responses
from lib.gateway.wires.models import quirks, web_search
from lib.gateway.wires.openai_stream import parse_events

PATH = "/v1/chat/completions"

# Formats of audio by media type.
AUDIO_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}

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


def route(body: Mapping[str, Any]) -> Route:
    """Return where a body is sent."""
    return Route(PATH)


def body(
    model: str,
    messages: Sequence[Message],
    params: Params,
    capabilities: Capabilities = UNKNOWN_CAPABILITIES,
    files: FileContents = NO_CONTENTS,
) -> dict[str, Any]:
    """Return the JSON of a request. Unset parameters are omitted, and thinking is not sent back.

    `files` are sent as they are; other ones of the messages are left out.
    """
    chat: list[dict[str, Any]] = [
        {"role": message.role, "content": build_content(message, files, _build_file)} for message in messages
    ]
    if params.system:
        chat.insert(0, {"role": "system", "content": params.system})
    request: dict[str, Any] = {"model": model, "messages": chat, "stream": params.stream}
    if params.stream:
        request["stream_options"] = {"include_usage": True}
    params = absorb_extra("openai", params)
    adapted, _ = quirks.adapt_params("openai", model, params, capabilities)
    request |= _build_fields(model, adapted)
    extra, mode = parse_json_object(params.extra), web_search.search_mode("openai", model, capabilities)
    options = web_search.build_options(mode, adapted)
    if options is not None and not any(map(web_search.is_search_tool, get_list(extra, "tools"))):
        request[web_search.OPTIONS_FIELD] = options
    return merge_patch(request, extra)


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `user`, and in no other field that could name a user."""
    metadata = {"metadata": {"user_id": None}} if "user_id" in get_object(body, "metadata") else {}
    return merge_patch(body, {"user": user, "safety_identifier": None, **metadata})


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = quirks.adapt_params("openai", model, absorb_extra("openai", params), capabilities)
    if reserved := reserved_fields(params):
        adjustments.append(ParamAdjustment("reserved", "extra", ", ".join(reserved)))
    adjustments += find_unsupported("openai", adapted)
    if len(adapted.stop) > MAX_STOP_SEQUENCES:
        adjustments.append(ParamAdjustment("stops", "stop", str(MAX_STOP_SEQUENCES)))
    return adjustments


def _build_file(part: FilePart, content: FileContent) -> dict[str, Any]:
    match part.kind:
        case "image":
            return {"type": "image_url", "image_url": {"url": content.data_url}}
        case "audio":
            audio = {"data": content.base64, "format": AUDIO_FORMATS[content.media_type]}
            return {"type": "input_audio", "input_audio": audio}
        case _:
            return {"type": "file", "file": {"filename": part.name, "file_data": content.data_url}}


def _build_fields(model: str, params: Params) -> dict[str, Any]:
    fields = {name: getattr(params, name) for name in _PASSTHROUGH_PARAMS if getattr(params, name) not in (None, "")}
    if params.max_tokens is not None:
        name = "max_completion_tokens" if quirks.takes_max_completion_tokens(model) else "max_tokens"
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


def may_retry(error: AnswerError) -> bool:
    """Return True for a failure after which the class of the error decides."""
    return True


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of OpenAI or of any gateway."""
    return responses.error_from_response(status, headers, payload)
