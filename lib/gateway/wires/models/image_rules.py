"""Rules of image models: the sizes, qualities and formats that a family takes, and its routes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from lib.core.params import IMAGE_SIZES, MAX_IMAGES, ParamAdjustment, Params, clamp_params
from lib.core.target import IMAGES

_NAME = re.compile(
    r"(?:.*[/.:-])?(?:(?P<gpt>(?:chat)?gpt-image)|(?P<dalle>dall-?e))-?(?P<version>\d+(?:\.\d+)?)?", re.I
)
# Models of other vendors that answer with a URL unless they are asked for data.
_URL_BY_DEFAULT = re.compile(r"(?:.*/)?(?:(?:doubao-)?seedream|(?:doubao-)?seededit|grok-.*image)", re.IGNORECASE)
_SIZE = re.compile(r"[1-9]\d{1,4}x[1-9]\d{1,4}")
_VALUE = re.compile(r"[\w.:-]{1,40}")  # of a family whose values are unknown


@dataclass(frozen=True)
class ImageRules:
    """Values that a family of image models takes; those of a field with () are not sent.

    With `takes_any_size`, other sizes than `sizes` are sent too, and with `takes_any_value` other values of every
    field. `asks_for_data` is set for models that answer with a URL by default. `streams` is set where partial images
    are known to be sent.
    """

    sizes: tuple[str, ...]
    qualities: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    moderations: tuple[str, ...] = ()
    max_count: int = MAX_IMAGES
    takes_any_size: bool = False
    takes_any_value: bool = False
    asks_for_data: bool = False
    streams: bool = False
    edits: bool = True

    def choices(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that are offered; () for one that the family does not take."""
        return {
            "size": self.sizes,
            "quality": self.qualities,
            "background": self.backgrounds,
            "image_format": self.formats,
            "moderation": self.moderations,
        }.get(name, ())

    def accepts(self, name: str, value: str) -> bool:
        """Return True for a value that is sent."""
        if value in self.choices(name):
            return True
        if name == "size" and self.takes_any_size:
            return bool(_SIZE.fullmatch(value) or (self.takes_any_value and _VALUE.fullmatch(value)))
        return self.takes_any_value and bool(_VALUE.fullmatch(value))


# Source: OpenAI's API description of /v1/images/generations and /v1/images/edits, as of November 2026.
_GPT_IMAGE = ImageRules(
    sizes=IMAGE_SIZES[:3],
    qualities=("low", "medium", "high"),
    backgrounds=("transparent", "opaque"),
    formats=("png", "jpeg", "webp"),
    moderations=("low",),
    streams=True,
)
_GPT_IMAGE_2 = replace(_GPT_IMAGE, sizes=IMAGE_SIZES, takes_any_size=True)
_GPT_IMAGE_2_5 = replace(_GPT_IMAGE_2, qualities=("low", "medium", "high", "xhigh", "max"))
_DALL_E_2 = ImageRules(("256x256", "512x512", "1024x1024"), asks_for_data=True)
_DALL_E_3 = ImageRules(
    ("1024x1024", "1792x1024", "1024x1792"), ("standard", "hd"), max_count=1, asks_for_data=True, edits=False
)
_OTHER = ImageRules(IMAGE_SIZES[:4], takes_any_size=True, takes_any_value=True)
_FIELDS = ("size", "quality", "background", "image_format", "moderation")


def is_image_model(model: str) -> bool:
    """Return True for OpenAI's image models, whatever a gateway lists: none of them chats."""
    return bool(_NAME.match(model))


def rules_of(model: str) -> ImageRules:
    """Return the rules of a model's family; those of other vendors take any value."""
    match = _NAME.match(model)
    if match is None:
        return replace(_OTHER, asks_for_data=bool(_URL_BY_DEFAULT.match(model)))
    version = float(match["version"] or 0)
    if match["dalle"]:
        return _DALL_E_2 if version == 2 else _DALL_E_3
    if version >= 2.5:
        return _GPT_IMAGE_2_5
    # The newest one is behind `chatgpt-image-latest`.
    return _GPT_IMAGE_2 if version >= 2 or not version else _GPT_IMAGE


def adapt_params(model: str, params: Params) -> tuple[Params, list[ParamAdjustment]]:
    """Return the parameters as the model takes them, and every adjustment made."""
    rules = rules_of(model)
    params, adjustments = clamp_params(IMAGES, params)
    changes: dict[str, Any] = {}
    for name in _FIELDS:
        if (value := getattr(params, name)) and not rules.accepts(name, value):
            changes[name] = ""
            adjustments.append(ParamAdjustment("image_value", name, value))
    if params.n and params.n > rules.max_count:
        changes["n"] = rules.max_count
        adjustments.append(ParamAdjustment("clamped", "n", str(rules.max_count)))
    if params.background == "transparent" and params.image_format == "jpeg":
        changes["image_format"] = ""
        adjustments.append(ParamAdjustment("transparent_format", "image_format"))
    return replace(params, **changes), adjustments
