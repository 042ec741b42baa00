"""Images: types by their first bytes, limits of size and pixels, and data URLs in text."""

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core.conversation import ImagePart, OtherPart, TextPart
from lib.core.images import (
    MAX_IMAGE_BYTES,
    format_size,
    image_from_base64,
    image_from_url,
    is_displayable,
    is_web_url,
    split_data_images,
)


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(width: int, height: int, size: int = 0) -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return encode(head.ljust(size, b"\0"))


def webp(form: bytes, body: bytes) -> str:
    return encode(b"RIFF\0\0\0\0WEBP" + form + bytes(4) + body)


JPEG_FRAME = b"\xff\xc0\0\x11\x08%s%s\x03"
TYPES: dict[str, str] = {
    "image/png": png(3, 4),
    "image/jpeg": encode(b"\xff\xd8\xff\xe0" + bytes(12)),
    "image/gif": encode(b"GIF89a" + struct.pack("<HH", 3, 4) + bytes(8)),
    "image/webp": webp(b"VP8 ", bytes(6) + struct.pack("<HH", 3, 4)),
}
DATA_URL = f"data:image/png;base64,{TYPES['image/png']}"
PICTURE = ImagePart("image/png", TYPES["image/png"])
LONG = png(3, 4, 300)


@pytest.mark.parametrize("media_type", TYPES)
def test_type_is_that_of_the_first_bytes(media_type: str) -> None:
    data = TYPES[media_type]
    expected = ImagePart(media_type, data)
    assert image_from_base64(data) == image_from_base64(data, "image/bmp") == expected
    assert image_from_base64(data.rstrip("=")) == expected
    assert image_from_url(f"data:{media_type};base64,{data}") == expected
    assert image_from_url(f" data:{media_type};charset=utf-8;base64,{data}\n") == expected
    assert is_displayable(expected)


@pytest.mark.parametrize(
    "data", ["", "words", encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), encode(b"BM" + bytes(30)), "====", "é"]
)
def test_other_data_is_named_and_not_shown(data: str) -> None:
    assert isinstance(image_from_base64(data, "image/svg+xml"), OtherPart)
    assert not is_displayable(ImagePart("image/svg+xml", data))
    assert not is_displayable(ImagePart("image/png", data))


def test_size_has_a_limit() -> None:
    assert isinstance(image_from_base64(png(3, 4, MAX_IMAGE_BYTES - 8)), ImagePart)
    assert image_from_base64(png(3, 4, MAX_IMAGE_BYTES + 8), "image/png") == OtherPart("image", "image/png, 21.0 MB")
    assert not is_displayable(ImagePart("image/png", png(3, 4, MAX_IMAGE_BYTES + 8)))


@pytest.mark.parametrize(
    ("data", "is_shown"),
    [
        (png(10_000, 5_000), True),
        (png(10_000, 5_001), False),
        (png(0, 9), False),
        (encode(b"GIF89a" + struct.pack("<HH", 65_535, 65_535)), False),
        (encode(b"\xff\xd8\xff" + JPEG_FRAME % (b"\x01\0", b"\x01\0")), True),
        (
            encode(b"\xff\xd8\xff" + JPEG_FRAME % (b"\x01\0", b"\x01\0") + JPEG_FRAME % (b"\xff\xff", b"\xff\xff")),
            False,
        ),
        (webp(b"VP8 ", bytes(6) + b"\xff\x3f\xff\x3f"), False),
        (webp(b"VP8L", b"\x2f" + b"\xff\xff\xff\x0f"), False),
        (webp(b"VP8X", bytes(4) + b"\xff\xff\xff" * 2), False),
        (webp(b"VP8X", bytes(4) + b"\xff\0\0" * 2), True),
    ],
)
def test_pixels_have_a_limit(data: str, is_shown: bool) -> None:
    image = image_from_base64(data)
    assert isinstance(image, ImagePart)
    assert is_displayable(image) is is_shown


def test_media_type_that_is_not_of_the_data_is_not_shown() -> None:
    assert not is_displayable(ImagePart("image/jpeg", TYPES["image/png"]))
    assert not is_displayable(ImagePart('image/png" onerror="x', TYPES["image/png"]))
    assert not is_displayable(ImagePart("image/png", TYPES["image/png"] + '" onerror="x'))


@pytest.mark.parametrize(
    ("url", "is_web"),
    [
        ("https://a.example/b.png", True),
        ("HTTP://a.example", True),
        ("https://例え.jp/", True),
        ("https://", False),
        ("//a.example/b", False),
        ("ftp://a.example/b", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://[::1", False),
        ("a.example", False),
        (f"https://a.example/{'x' * 9_000}", False),
    ],
)
def test_web_urls(url: str, is_web: bool) -> None:
    assert is_web_url(url) is is_web
    if not url.startswith("data:"):
        assert image_from_url(url) == (ImagePart(url=url) if is_web else OtherPart("image", url[:200]))


# Texts, and their parts.
TEXTS: dict[str, Any] = {
    f"a ![x]({DATA_URL}) b": (TextPart("a "), PICTURE, TextPart(" b")),
    f"![]({DATA_URL})![y]({DATA_URL})": (PICTURE, PICTURE),
    f"![x]( <{DATA_URL}> 'title' )": (PICTURE,),
    f"Here: data:image/png;base64,{LONG} end": (TextPart("Here: "), ImagePart("image/png", LONG), TextPart(" end")),
    "![x](data:image/svg+xml;base64,PHN2Zz4=)": (OtherPart("image", "image/svg+xml, 1 kB"),),
    # Code, links and examples stay text.
    f"`![x]({DATA_URL})`": None,
    f"```md\n![x]({DATA_URL})\n```": None,
    f"[x]({DATA_URL})": None,
    f"url({DATA_URL})": None,
    f'a <img alt="x" src="{DATA_URL}" width="9"/> b': (TextPart("a "), PICTURE, TextPart(" b")),
    f"<img src='{DATA_URL}'></img>": (PICTURE,),
    f'`<img src="{DATA_URL}">`': None,
    f'<a href="{DATA_URL}">': None,
    "It begins with data:image/png;base64, and so on": None,
    f"{DATA_URL} is short": None,
    "![x](https://a.example/b.png)": None,
    f"![x]({DATA_URL} no title)": None,
    "![x](data:image/svg+xml,<svg/>) b": None,
    "data:image/": None,
}


@pytest.mark.parametrize("text", TEXTS)
def test_data_urls_in_text(text: str) -> None:
    assert split_data_images(text) == (TEXTS[text] or (TextPart(text),))


def test_image_that_is_still_arriving_is_named() -> None:
    text = f"a ![x]({DATA_URL})"
    for end in range(len("a ![x](data:image/png;base64,"), len(text)):
        first, part = split_data_images(text[:end])
        assert first == TextPart("a ")
        assert isinstance(part, OtherPart) and part.label.startswith("image/png, ")
    assert split_data_images(f"a {DATA_URL[:-3]}") == (TextPart("a "), OtherPart("image", "image/png, 1 kB"))


@given(st.lists(st.sampled_from(["![x](", DATA_URL, ")", "`", "\n", "```\n", "a", " "]), max_size=8).map("".join))
def test_nothing_but_images_is_taken_out_of_a_text(text: str) -> None:
    parts = split_data_images(text)
    left = "".join(part.text for part in parts)
    assert all(left.count(char) == text.count(char) for char in "`\n")
    assert TextPart("") not in parts


@pytest.mark.parametrize(("size", "text"), [(0, "1 kB"), (1_499, "1 kB"), (120_000, "120 kB"), (3_400_000, "3.4 MB")])
def test_sizes_are_readable(size: int, text: str) -> None:
    assert format_size(size) == text
