"""Estimated tokens of generated images, by size and quality."""

from __future__ import annotations

import math
import re

from lib.core.params import Params

# Output tokens of an image of 1024 x 1024 pixels. Source: developers.openai.com, "Image generation", "Cost and
# latency", as of GPT Image 1 to 1.5. No vendor documents those of later models and higher qualities.
_TOKENS_BY_QUALITY = {
    "low": 272,
    "medium": 1056,
    "standard": 1056,
    "high": 4160,
    "hd": 4160,
    "xhigh": 6240,
    "max": 8320,
}
_PIXELS = 1024 * 1024
_DEFAULT_SIZE = (1024, 1536)  # the larger of the sizes that models choose by themselves
_MAX_PARTIAL_TOKENS = 300  # of three previews
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


def estimate_generated(params: Params) -> int:
    """Estimate the output tokens of one image; without a quality, those of a medium one."""
    return _estimate(params, params.quality or "medium")


def max_generated(params: Params) -> int:
    """Return an upper bound for one image and its previews; without a quality, that of a high one."""
    return _estimate(params, params.quality or "high") + _MAX_PARTIAL_TOKENS


def _estimate(params: Params, quality: str) -> int:
    match = _SIZE.fullmatch(params.size)
    width, height = (int(match[1]), int(match[2])) if match else _DEFAULT_SIZE
    return math.ceil(_TOKENS_BY_QUALITY.get(quality, _TOKENS_BY_QUALITY["high"]) * width * height / _PIXELS)
