"""OpenAI's format for images: bodies for /v1/images/generations and /v1/images/edits, and images as events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lib.core.conversation import Message
from lib.core.errors import AnswerError, GatewayError, Overloaded, RateLimited
from lib.core.events import Event
from lib.core.extra_json import absorb_extra, reserved_fields
from lib.core.file_content import FileContent
from lib.core.file_storage import MASK_ROLE
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities
from lib.core.params import ParamAdjustment, Params, find_unsupported, merge_patch, parse_json_object
from lib.core.target import IMAGES
from lib.gateway.transport.request import Route
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import openai
from lib.gateway.wires.content.request_content import NO_CONTENTS, FileContents
from lib.gateway.wires.errors import responses
from lib.gateway.wires.images_stream import parse_events
from lib.gateway.wires.models import image_rules

PATH = "/v1/images/generations"
EDIT_PATH = "/v1/images/edits"
PARTIAL_IMAGES = 2  # previews of an image; OpenAI sends up to 3, and charges 100 tokens for each

# Params fields that are sent unchanged, with their names.
_FIELDS = {
    "n": "n",
    "size": "size",
    "quality": "quality",
    "background": "background",
    "image_format": "output_format",
    "moderation": "moderation",
    "user": "user",
}


def headers(key: str) -> dict[str, str]:
    """Headers that carry the key; {} without one."""
    return openai.headers(key)


def route(body: Mapping[str, Any]) -> Route:
    """Return where a body is sent: one with images to edit is a form."""
    return Route(EDIT_PATH, is_form=True) if "image" in body else Route(PATH)


def body(
    model: str,
    messages: Sequence[Message],
    params: Params,
    capabilities: Capabilities = UNKNOWN_CAPABILITIES,
    files: FileContents = NO_CONTENTS,
) -> dict[str, Any]:
    """Return the fields of a request for the last question alone: earlier messages and a system prompt are not sent.

    `files` of the question are images to be edited, which make it a form for EDIT_PATH; without any, it is JSON.
    """
    rules = image_rules.rules_of(model)
    params, _ = image_rules.adapt_params(model, absorb_extra(IMAGES, params))
    request: dict[str, Any] = {"model": model, "prompt": prompt_of(messages)}
    for name, field in _FIELDS.items():
        if (value := getattr(params, name)) not in (None, ""):
            request[field] = value
    if rules.asks_for_data:
        # A URL expires after an hour, and its host would see the reader.
        request["response_format"] = "b64_json"
    if params.stream and rules.streams and (params.n or 1) == 1:
        request |= {"stream": True, "partial_images": PARTIAL_IMAGES}
    sources = _sources_of(messages, files)
    images = [each.base64 for each in sources if each.role != MASK_ROLE]
    masks = [each.base64 for each in sources if each.role == MASK_ROLE]
    if images:
        request["image"] = images[0] if len(images) == 1 else images
        if masks:
            request["mask"] = masks[-1]
    return merge_patch(request, parse_json_object(params.extra))


def _sources_of(messages: Sequence[Message], files: FileContents) -> list[FileContent]:
    """Return the images of the last question and its mask, in their order."""
    question = next((message for message in reversed(messages) if message.role == "user"), None)
    parts = question.files if question else ()
    return [files[part.digest] for part in parts if part.digest in files]


def prompt_of(messages: Sequence[Message]) -> str:
    """Return the text of the last question."""
    return next((message.text for message in reversed(messages) if message.role == "user"), "")


def with_user(body: dict[str, Any], user: str) -> dict[str, Any]:
    """Return the body with the caller's id in `user`, and in no other field that could name a user."""
    return openai.with_user(body, user)


def dropped_params(
    model: str, params: Params, capabilities: Capabilities = UNKNOWN_CAPABILITIES
) -> list[ParamAdjustment]:
    """Parameters that are not in the body, or not as they were set."""
    adapted, adjustments = image_rules.adapt_params(model, absorb_extra(IMAGES, params))
    if reserved := reserved_fields(params):
        adjustments.append(ParamAdjustment("reserved", "extra", ", ".join(reserved)))
    return adjustments + find_unsupported(IMAGES, adapted)


def events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a response of images, or of a stream of partial and completed ones.

    Raises the gateway's error for an error event, InvalidResponse for a body without images, and StreamInterrupted for
    a stream that ends before the image is complete.
    """
    return parse_events(frames)


def error(status: int, headers: Mapping[str, str], payload: str) -> GatewayError:
    """Return the error for an error response, in the shape of OpenAI or of any gateway."""
    found = responses.error_from_response(status, headers, payload)
    return responses.as_prompt_blocked(found, _parse_json(payload))


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def may_retry(error: AnswerError) -> bool:
    """Return True for a failure after which nothing can have been generated: an image costs as much as many answers."""
    return isinstance(error, RateLimited | Overloaded)
