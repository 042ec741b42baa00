"""Validators of /v1/images/generations and /v1/images/edits, after OpenAI's API description."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, UnidentifiedImageError

from lib.demo.images import EDITS
from lib.demo.wire import parse_form
from tests.fake_gateway.validators import boolean, integer, object_of, one_of, parse_json, reject, string

_MAX_MASK_BYTES = 4_000_000
_FIELDS = {
    "model": string(1),
    "prompt": string(1, 32_000),
    "background": one_of("transparent", "opaque", "auto"),
    "moderation": one_of("low", "auto"),
    "n": integer(1, 10),
    "output_compression": integer(0, 100),
    "output_format": one_of("png", "jpeg", "webp"),
    "partial_images": integer(0, 3),
    "quality": one_of("low", "medium", "high", "xhigh", "max", "auto"),
    "safety_identifier": string(),
    "size": string(),
    "stream": boolean,
    "user": string(),
}
_BODY = object_of(_FIELDS, "model", "prompt")
_NUMBERS, _SWITCHES = ("n", "output_compression", "partial_images"), {"true": True, "false": False}


def validate(body: bytes, path: str, content_type: str) -> None:
    """Raise ErrorResponse (400) for a request that OpenAI would refuse."""
    if path != EDITS:
        if not content_type.startswith("application/json"):
            reject("The body", "must be JSON.")
        fields = parse_json(body)
    else:
        if not content_type.startswith("multipart/form-data; boundary="):
            reject("The body", "must be a form.")
        texts, files = parse_form(body, content_type)
        _validate_files(files)
        fields = {name: _parse_text(name, text) for name, text in texts.items()}
    _BODY(fields, "")
    if fields.get("partial_images") and not fields.get("stream"):
        reject("partial_images", "needs stream.")
    if fields.get("background") == "transparent" and fields.get("output_format") == "jpeg":
        reject("background", "needs a format with transparency.")


def _parse_text(name: str, text: str) -> Any:
    if name in _NUMBERS and text.isdecimal():
        return int(text)
    return _SWITCHES.get(text, text) if name == "stream" else text


def _validate_files(files: dict[str, list[bytes]]) -> None:
    if files.keys() - {"image", "mask"}:
        reject(next(iter(files.keys() - {"image", "mask"})), "is not permitted: there is no such file.")
    images = files.get("image", [])
    if not 1 <= len(images) <= 16:
        reject("image", "must be 1 to 16 files.")
    sizes = [_read_size("image", data) for data in images]
    for mask in files.get("mask", []):
        if _read_size("mask", mask) != sizes[0] or len(mask) > _MAX_MASK_BYTES:
            reject("mask", "must have the size of the image, and at most 4 MB.")


def _read_size(place: str, data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except UnidentifiedImageError:
        reject(place, "is not an image.")
