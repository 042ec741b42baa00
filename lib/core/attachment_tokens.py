"""Estimated token counts of attached files that are sent as they are, by the rules of the vendors.

A gateway reaches all vendors over either wire, so that the model's id decides, not the wire. Sources, as of November
2026: developers.openai.com "Images and vision" and "PDF files", platform.claude.com "Vision" and "PDF support",
ai.google.dev "Understand and count tokens". Gateways may count otherwise; a count by the gateway is always better.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from lib.core.attachments import Attachment

# A page of a PDF is sent to the model as an image, beside its text. No vendor documents the size of that image.
_PAGE_WIDTH, _PAGE_HEIGHT = 1024, 1448
_GEMINI_PAGE_TOKENS = 258
_AUDIO_TOKENS_PER_SECOND = 10  # OpenAI: one for 100 ms
_GEMINI_AUDIO_TOKENS_PER_SECOND = 32


class _Tiles(NamedTuple):
    """OpenAI's older rule: a base, and so much for each tile of 512 pixels."""

    pattern: str
    base: int
    tile: int


class _Patches(NamedTuple):
    """A token for each square of `size` pixels, at most `limit` of them, times `factor`.

    A larger image is scaled down first, also to a long edge of at most `max_edge` pixels.
    """

    pattern: str
    size: int
    limit: int
    factor: float
    max_edge: int


# The first pattern that the id contains counts.
_RULES: tuple[_Tiles | _Patches, ...] = (
    _Patches(r"claude.*(opus-4[.-][7-9]|(opus|sonnet|haiku|fable|mythos)-[5-9])", 28, 4784, 1, 2576),
    _Patches(r"claude", 28, 1568, 1, 1568),
    _Patches(r"gpt-(4\.1|5[\d.]*)-mini", 32, 1536, 1.62, 2048),
    _Patches(r"gpt-(4\.1|5[\d.]*)-nano", 32, 1536, 2.46, 2048),
    _Patches(r"o4-mini", 32, 1536, 1.72, 2048),
    _Tiles(r"gpt-4o-mini", 2833, 5667),
    _Tiles(r"\bo[13]\b", 75, 150),
    _Tiles(r"gpt-5(\.[0-3])?(?![.\d])", 70, 140),
    _Tiles(r"gpt-4|chatgpt-4o", 85, 170),
    # GPT-5.4 and later take images as they are. The factor is a measured one of GPT-5.5 and GPT-6.
    _Patches(r"", 32, 10_000, 1.2, 6000),
)


def estimate_image(width: int, height: int, model: str) -> int:
    """Estimate the tokens of an image of this size in pixels."""
    model = model.lower()
    if "gemini" in model:
        return _gemini_image(width, height, model)
    rule = next(rule for rule in _RULES if re.search(rule.pattern, model))
    if isinstance(rule, _Patches):
        return _patch_tokens(width, height, rule)
    width, height = _fit(width, height, 2048)
    scale = min(1.0, 768 / max(1, min(width, height)))
    return rule.base + rule.tile * math.ceil(width * scale / 512) * math.ceil(height * scale / 512)


def estimate_native(attachment: Attachment, model: str) -> int:
    """Estimate the tokens of a file that is sent as it is; 0 for a kind that has no such form."""
    is_gemini = "gemini" in model.lower()
    if attachment.kind == "image":
        return estimate_image(attachment.width, attachment.height, model)
    if attachment.kind == "pdf":
        pages = len(attachment.pages) or attachment.page_count
        if is_gemini:
            return pages * _GEMINI_PAGE_TOKENS
        return attachment.text_tokens + pages * estimate_image(_PAGE_WIDTH, _PAGE_HEIGHT, model)
    if attachment.kind == "audio":
        rate = _GEMINI_AUDIO_TOKENS_PER_SECOND if is_gemini else _AUDIO_TOKENS_PER_SECOND
        return math.ceil((attachment.duration or 0) * rate)
    return 0


def _fit(width: int, height: int, edge: int) -> tuple[int, int]:
    """Return a size scaled down to a long edge."""
    scale = min(1.0, edge / max(1, width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _patch_tokens(width: int, height: int, rule: _Patches) -> int:
    width, height = _fit(width, height, rule.max_edge)
    patches = math.ceil(width / rule.size) * math.ceil(height / rule.size)
    return math.ceil(min(patches, rule.limit) * rule.factor)


def _gemini_image(width: int, height: int, model: str) -> int:
    """Estimate by Google's rules: one tile up to 384 pixels, else tiles of 768; from Gemini 3 on a fixed budget."""
    if re.search(r"gemini-([3-9]|\d\d)", model):
        return 1120
    if max(width, height) <= 384:
        return 258
    return 258 * math.ceil(width / 768) * math.ceil(height / 768)
