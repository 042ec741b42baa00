"""Responses of image routes as events: a body of images, or a stream of partial and completed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from lib.core.conversation import ImagePart, OtherPart, Outcome, Usage
from lib.core.errors import GatewayError, StreamInterrupted
from lib.core.events import ContentPart, Event, Finish, Heartbeat, ProviderMetadata, UsageReport
from lib.core.sanitize import get_object
from lib.gateway.transport.body import BODY_FRAME_NAME
from lib.gateway.transport.sse import Frame
from lib.gateway.wires import openai_stream
from lib.gateway.wires.content import content_parts
from lib.gateway.wires.errors import responses
from lib.gateway.wires.frames import parse_frames
from lib.gateway.wires.usage import find_usage, merge_usage, parse_openai_usage

_METADATA_FIELDS = ("id", "model", "created", "size", "quality", "background", "output_format")
_MAX_PROMPT_LENGTH = 4_000  # characters of a revised prompt
# Where a body has its images: OpenAI's field, and those of gateways that pass on another vendor's answer.
_IMAGE_FIELDS = (
    *("data", "images", "image", "output", "urls", "url", "b64_json", "image_url", "result"),
    "partial_image_b64",  # of the Responses API
)
_MAX_IMAGES = 60  # of one response, more than any model sends


def parse_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Events of a response; raises as `images.events`."""
    return _parse_frames(_ImageParser(), iter(frames))


def _parse_frames(parser: _ImageParser, frames: Iterator[Frame]) -> Iterator[Event]:
    # A broken event is a preview, or the image whose absence is noticed below.
    for frame, payload in parse_frames(frames, lambda: None):
        if frame.name == "comment":
            yield Heartbeat()
        elif payload.get("choices"):
            # Some gateways answer with a message of chat that has the images.
            yield from openai_stream.parse_events(chain([frame], frames))
            return
        elif frame.name == BODY_FRAME_NAME:
            if responses.is_error(payload):
                raise _refusal(payload)
            yield from parser.parse_body(payload)
            if not parser.image_count:
                raise _refusal(payload or frame.data)
        elif frame.name == "error" or (responses.is_error(payload) and not parser.image_count):
            failure = payload or frame.data
            raise responses.as_prompt_blocked(responses.error_from_stream_event(failure), failure)
        elif frame.data.strip() == "[DONE]":
            break
        else:
            yield from parser.parse_event(payload)
    if not parser.image_count:
        raise StreamInterrupted


def _refusal(payload: Any) -> GatewayError:
    return responses.as_prompt_blocked(responses.refusal_from_body(payload), payload)


class _ImageParser:
    """State of a response between its events; `image_count` counts the completed images."""

    def __init__(self) -> None:
        self.image_count = 0
        self._usage = Usage()
        self._reported: set[str] = set()

    def parse_body(self, payload: dict[str, Any]) -> Iterator[Event]:
        """Yield the images of a whole body, and its end."""
        yield from self._parse_metadata(payload)
        for part in find_images(payload):
            yield self._complete(part)
        yield from self._parse_end(payload)

    def parse_event(self, payload: dict[str, Any]) -> Iterator[Event]:
        """Yield an event of a stream: a preview in the place of the next image, or an image."""
        kind = str(payload.get("type") or payload.get("object") or "")
        yield from self._parse_metadata(payload)
        images = find_images(payload)
        if kind.endswith("partial_failed"):  # Seedream's name of one image of several that failed
            images = [content_parts.name_block(get_object(payload, "error"), "error")]
        elif "partial" in kind and not kind.endswith("partial_succeeded"):  # one of several that is complete
            # A preview replaces the one before it, and the image replaces the last one.
            yield from (ContentPart(part, self.image_count + 1) for part in images[:1])
            return
        for part in images:
            yield self._complete(part)
        yield from self._parse_end(payload, has_image=bool(images))

    def _complete(self, part: ImagePart | OtherPart) -> ContentPart:
        self.image_count += 1
        return ContentPart(part, self.image_count)

    def _parse_end(self, payload: dict[str, Any], *, has_image: bool = True) -> Iterator[Event]:
        if has_image and self.image_count:
            yield Finish(Outcome.COMPLETE, "")
        if raw := find_usage(payload):
            self._usage = merge_usage(self._usage, parse_openai_usage(raw))
            yield UsageReport(self._usage, raw)

    def _parse_metadata(self, payload: dict[str, Any]) -> Iterator[Event]:
        values = {name: payload.get(name) for name in _METADATA_FIELDS}
        values["revised_prompt"] = _find_revised_prompt(payload)
        found = {
            name: value
            for name, value in values.items()
            if value and isinstance(value, str | int) and name not in self._reported
        }
        if found:
            self._reported.update(found)
            yield ProviderMetadata(found)


def find_images(payload: dict[str, Any]) -> list[ImagePart | OtherPart]:
    """Return the images in the first field of an object that has any."""
    for holder in (payload, get_object(payload, "data"), get_object(payload, "item")):
        for name in _IMAGE_FIELDS:
            value = holder.get(name)
            entries = value[:_MAX_IMAGES] if isinstance(value, list) else [value]
            parts = [part for entry in entries if _has_value(entry) for part in content_parts.parse_images(entry)]
            if any(isinstance(part, ImagePart) for part in parts):
                return parts
    return []


def _has_value(entry: Any) -> bool:
    """Return False for an entry that says something about an image, and holds none."""
    if isinstance(entry, dict):
        return any(isinstance(entry.get(name), str | dict) and entry[name] for name in _IMAGE_FIELDS)
    return isinstance(entry, str)


def _find_revised_prompt(payload: dict[str, Any]) -> str:
    data = payload.get("data")
    entries = [payload, *(data if isinstance(data, list) else [])]
    texts = (entry.get("revised_prompt") for entry in entries if isinstance(entry, dict))
    return next((text[:_MAX_PROMPT_LENGTH] for text in texts if isinstance(text, str) and text), "")
