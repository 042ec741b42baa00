"""Image generation and editing of the demo gateway: requests, and drawn images as a body or a stream."""

from __future__ import annotations

import base64
import hashlib
import importlib
import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lib.demo.deltas import count_tokens
from lib.demo.exchange import Step
from lib.demo.wire import ErrorResponse, TokenCounts, named_event, parse_form

if TYPE_CHECKING:
    from PIL import Image

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
IMAGE_PATHS = (GENERATIONS, EDITS)
SECONDS_PER_IMAGE = 3.0
_TOKENS = MappingProxyType({"low": 272, "medium": 1056, "high": 4160})
_IMAGE_INPUT_TOKENS = 300
_MAX_EDGE = 4096
_SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")


@dataclass(frozen=True)
class ImageRequest:
    """A request for images; `images` and `mask` are the files of one for an edit."""

    path: str
    model: str
    prompt: str
    width: int = 1024
    height: int = 1024
    count: int = 1
    quality: str = "medium"
    is_transparent: bool = False
    format: str = "png"
    is_stream: bool = False
    partial_images: int = 0
    images: tuple[bytes, ...] = field(default=(), repr=False)
    mask: bytes | None = field(default=None, repr=False)

    def counts(self) -> TokenCounts:
        """Return the tokens to be billed."""
        prompt = count_tokens(self.prompt) + _IMAGE_INPUT_TOKENS * len(self.images)
        return TokenCounts(prompt, (_TOKENS[self.quality] + 100 * self.partial_images) * self.count)

    def usage(self) -> dict[str, Any]:
        """Return the usage object of the response."""
        counts, image_tokens = self.counts(), _IMAGE_INPUT_TOKENS * len(self.images)
        details = {"text_tokens": counts.prompt - image_tokens, "image_tokens": image_tokens}
        total = counts.prompt + counts.completion
        return {
            "input_tokens": counts.prompt,
            "input_tokens_details": details,
            "output_tokens": counts.completion,
            "total_tokens": total,
        }


def parse_image_request(body: bytes, path: str, content_type: str) -> ImageRequest:
    """Parse a body in JSON, or in multipart form for an edit. Raises ErrorResponse (400) for a malformed one."""
    try:
        fields, files = (json.loads(body), {}) if path == GENERATIONS else parse_form(body, content_type)
        return _parse(path, fields, files)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ErrorResponse(400, "invalid_request_error", "The request body is malformed.") from error


def _parse(path: str, fields: Mapping[str, Any], files: Mapping[str, list[bytes]]) -> ImageRequest:
    size = fields.get("size") or "auto"
    match = _SIZE.fullmatch(size)
    width, height = (int(match[1]), int(match[2])) if match else (1024, 1024)
    if (size != "auto" and not match) or max(width, height) > _MAX_EDGE:
        raise ErrorResponse(400, "invalid_value", f"Invalid size {size[:20]!r}.", param="size")
    quality = fields.get("quality") or "auto"
    return ImageRequest(
        path,
        str(fields["model"]),
        str(fields["prompt"]),
        width,
        height,
        int(fields.get("n") or 1),
        quality if quality in _TOKENS else "medium",
        fields.get("background") == "transparent",
        fields.get("output_format") or "png",
        fields.get("stream") in (True, "true"),
        int(fields.get("partial_images") or 0),
        tuple(files.get("image", ())),
        next(iter(files.get("mask", ())), None),
    )


class ImageExchange:
    """The images of one request, as one body or as a stream."""

    def __init__(self, request: ImageRequest) -> None:
        self.request = request
        # Imported with the first image, since it takes Pillow with it.
        self._drawing = importlib.import_module("lib.demo.drawing")
        self._kind = "image_edit" if request.path == EDITS else "image_generation"

    def images(self) -> Iterator[Image.Image]:
        """Draw the images. Raises ErrorResponse (400) for a file that is no image."""
        request = self.request
        for index in range(request.count):
            seed = hashlib.sha256(f"{request.prompt} {index}".encode()).digest()
            size = (request.width, request.height)
            try:
                yield (
                    self._drawing.edit(request.images[0], request.mask, seed)
                    if request.images
                    else self._drawing.draw(size, seed, is_transparent=request.is_transparent)
                )
            except self._drawing.UnidentifiedImageError as error:
                raise ErrorResponse(400, "invalid_image_file", "The file is not an image.", param="image") from error

    def steps(self) -> Iterator[Step]:
        """Yield the events of a stream of one image."""
        count = self.request.partial_images
        for image in self.images():
            for index in range(count):
                partial = self._event(
                    "partial_image", self._drawing.blur(image, count - index), partial_image_index=index
                )
                yield Step(partial, delay=SECONDS_PER_IMAGE / (count + 1))
            completed = self._event("completed", image, usage=self.request.usage())
            yield Step(completed, delay=SECONDS_PER_IMAGE / (count + 1))

    def body(self) -> dict[str, Any]:
        """Return all images in one object."""
        data = [{"b64_json": self._encode(image), "revised_prompt": self.request.prompt} for image in self.images()]
        return {"created": int(time.time()), "data": data, **self._facts(), "usage": self.request.usage()}

    def _event(self, name: str, image: Image.Image, **fields: Any) -> bytes:
        created = {"type": f"{self._kind}.{name}", "b64_json": self._encode(image), "created_at": int(time.time())}
        return named_event({**created, **self._facts(), **fields})

    def _facts(self) -> dict[str, Any]:
        request = self.request
        return {
            "size": f"{request.width}x{request.height}",
            "quality": request.quality,
            "background": "transparent" if request.is_transparent else "opaque",
            "output_format": request.format,
        }

    def _encode(self, image: Image.Image) -> str:
        data = io.BytesIO()
        image = image.convert("RGB") if self.request.format == "jpeg" else image
        image.save(data, self.request.format)
        return base64.b64encode(data.getvalue()).decode()
