"""Masks as the browser sends them: only a PNG with transparency, of the size of its image."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from lib.ui.composer import image_area
from lib.ui.composer.image_area import parse_mask


def url(mode: str = "RGBA", size: tuple[int, int] = (40, 30), image_format: str = "png") -> str:
    data = io.BytesIO()
    Image.new(mode, size).save(data, image_format)
    return f"data:image/{image_format};base64,{base64.b64encode(data.getvalue()).decode()}"


def test_a_mask_of_the_size_of_its_image_is_taken() -> None:
    mask = parse_mask(url(), 40, 30)
    assert mask is not None
    assert Image.open(io.BytesIO(mask)).size == (40, 30)


@pytest.mark.parametrize(
    "received",
    [
        None,
        7,
        {"data": "x"},
        "",
        "data:image/png;base64,",
        "data:image/png;base64,%%%",
        "data:image/svg+xml;base64,PHN2Zz4=",
        "https://files.example/mask.png",
        url("RGB"),
        url("L"),
        url(size=(30, 40)),
        url("RGB", image_format="jpeg").replace("jpeg", "png"),
    ],
)
def test_anything_else_is_not(received: object) -> None:
    assert parse_mask(received, 40, 30) is None


def test_a_mask_that_is_too_large_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_area, "MAX_MASK_BYTES", 50)
    assert parse_mask(url(), 40, 30) is None
