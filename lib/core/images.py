"""Images of answers: data URLs, base64, their type and their size."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote, urlsplit

from lib.core.conversation import ImagePart, OtherPart, TextPart
from lib.core.sanitize import replace_surrogates

# Bytes of one image, and of all images of one answer. They are stored in the row of the answer, which is written twice
# a second while the answer arrives, and sent to the browser with it. Image models send 1 to 3 MB, up to ten at once,
# and 15 MB for a PNG of 3840 x 2160 pixels. Each was paid for, so that none of these may be left out.
MAX_IMAGE_BYTES = 20 * 1024 * 1024
MAX_ANSWER_IMAGE_BYTES = 40 * 1024 * 1024
# A browser needs four bytes a pixel, however few the file has.
MAX_PIXELS = 50_000_000
_HEADER_BYTES = 96 * 1024
_MAX_URL_LENGTH = 8_000

# The first bytes of the types that every browser shows and that hold no script; SVG is none of them.
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
IMAGE_TYPES = ("image/webp", *dict.fromkeys(media_type for _, media_type in _SIGNATURES))
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..\x08(?P<height>..)(?P<width>..)[\1\3\4]", re.S)
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<params>(?:;[\w.+-]+=[^;,]*)*)(?P<base64>;base64)?,", re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")
# In text: an image in Markdown or HTML, or a bare data URL of some length, which no one writes as an example.
_DATA_IN_TEXT = re.compile(
    r"!\[[^\]\n]*\]\(\s*<?(?=data:image/)|<img\s[^<>]{0,200}?src\s*=\s*[\"'](?=data:image/)"
    r"|(?<![\w\"'(=<])(?=data:image/[\w.+-]+;base64,)",
    re.I,
)
_DATA_START = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/]*={0,2}", re.I)
_DATA_PREFIX = re.compile(r"data:image/[\w.+-]*(?:;[a-z0-9]{0,6})?", re.I)
_HTML_TAIL = re.compile(r"[\"'][^<>]{0,300}>(?:\s*</img>)?")
_MARKDOWN_TAIL = re.compile(r">?(?:\s+\"[^\"\n]*\"|\s+'[^'\n]*')?\s*\)")
_MIN_BARE_LENGTH = 200
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})", re.MULTILINE)


def image_from_base64(data: str, media_type: str = "") -> ImagePart | OtherPart:
    """Return the image; an OtherPart that names it where it is too large, or of a type that is not shown.

    The first bytes decide the type, since gateways often state a wrong one.
    """
    media_type = replace_surrogates(media_type)[:80]
    if "%" in data[:4096]:
        data = unquote(data)
    size = len(data) * 3 // 4
    if size > MAX_IMAGE_BYTES:
        return OtherPart("image", f"{media_type or 'image'}, {format_size(size)}")
    data = "".join(data.split())
    data += "=" * (-len(data) % 4)
    detected = media_type_of(data)
    if not detected or not _BASE64.fullmatch(data):
        return OtherPart("image", f"{media_type or 'image'}, {format_size(size)}")
    return ImagePart(detected, data)


def image_from_url(url: str) -> ImagePart | OtherPart:
    """Return the image at a URL of any kind; an OtherPart for one that cannot be shown or opened."""
    url = replace_surrogates(url.strip())
    if match := _DATA_URL.match(url):
        if match["base64"]:
            return image_from_base64(url[match.end() :], match["type"] or "")
        return OtherPart("image", match["type"] or "image")
    if is_web_url(url):
        return ImagePart(url=url)
    return OtherPart("image", url[:200])


def is_web_url(url: str) -> bool:
    """Return True for an http or https URL with a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and len(url) <= _MAX_URL_LENGTH


def media_type_of(data: str) -> str:
    """Return the type of base64 data by its first bytes; "" for any other than PNG, JPEG, GIF and WebP."""
    try:
        start = base64.b64decode(data[:32].ljust(4, "="), validate=True)
    except (binascii.Error, ValueError):
        return ""
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for signature, media_type in _SIGNATURES if start.startswith(signature)), "")


def is_displayable(part: ImagePart) -> bool:
    """Return True for an image whose data a browser can show without harm: its type, size and pixels are limited.

    Imported files and older rows may hold any data.
    """
    if not part.data or len(part.data) > MAX_IMAGE_BYTES * 4 // 3 + 4 or media_type_of(part.data) != part.media_type:
        return False
    return bool(_BASE64.fullmatch(part.data)) and 0 < _count_pixels(part) <= MAX_PIXELS


def _count_pixels(part: ImagePart) -> int:
    """Return the pixels that the header of an image states; 1 where it states none."""
    head = base64.b64decode(part.data[: _HEADER_BYTES * 4 // 3 // 4 * 4].ljust(4, "="))
    if part.media_type == "image/webp":
        return _count_webp_pixels(head)
    if part.media_type == "image/jpeg":  # a preview in its metadata has a frame, too
        sizes = [(frame["height"], frame["width"]) for frame in _JPEG_FRAME.finditer(head)]
    elif part.media_type == "image/gif":
        sizes = [(head[6:8][::-1], head[8:10][::-1])]
    else:
        sizes = [(head[16:20], head[20:24])]
    return max((int.from_bytes(a, "big") * int.from_bytes(b, "big") for a, b in sizes), default=1)


def _count_webp_pixels(head: bytes) -> int:
    """Return the pixels of any of the three forms (RFC 9649)."""
    form, bits = head[12:16], 14
    if form == b"VP8X":
        width, height = int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    elif form == b"VP8L":
        size = int.from_bytes(head[21:25], "little")
        width, height = size % 2**bits + 1, (size >> bits) % 2**bits + 1
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") % 2**bits for at in (26, 28))
    return width * height


def format_size(size: int) -> str:
    """Return a size in bytes for reading, as "120 kB" or "3.4 MB"."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def split_data_images(text: str) -> tuple[TextPart | ImagePart | OtherPart, ...]:
    """Split a text at the images that it holds as data URLs, in Markdown or bare; code stays text.

    A data URL at the end whose rest has not arrived is an OtherPart.
    """
    parts: list[TextPart | ImagePart | OtherPart] = []
    start = position = 0
    while opener := _DATA_IN_TEXT.search(text, position):
        url = _DATA_START.match(text, opener.end())
        position = opener.end() + 1
        if _is_in_code(text, opener.start()):
            continue
        if url is None and not _DATA_PREFIX.fullmatch(text, opener.end()):
            continue
        if url is None or url.end() == len(text):
            parts += [TextPart(text[start : opener.start()]), _incomplete_image(text[opener.end() :])]
            start = len(text)
            break
        is_bare = opener.end() == opener.start()
        tail_pattern = _HTML_TAIL if opener[0].startswith("<") else _MARKDOWN_TAIL
        tail = None if is_bare else tail_pattern.match(text, url.end())
        if len(url[0]) < _MIN_BARE_LENGTH if is_bare else not tail:
            continue
        end = tail.end() if tail else url.end()
        parts += [TextPart(text[start : opener.start()]), image_from_url(url[0])]
        start = position = end
    parts.append(TextPart(text[start:]))
    return tuple(part for part in parts if not isinstance(part, TextPart) or part.text)


def _incomplete_image(url: str) -> OtherPart:
    media_type = url.removeprefix("data:").partition(";")[0]
    return OtherPart("image", f"{media_type}, {format_size(len(url) * 3 // 4)}")


def _is_in_code(text: str, position: int) -> bool:
    """Return True inside a code fence, or behind an open code span of the line."""
    line_start = text.rfind("\n", 0, position) + 1
    return len(_FENCE.findall(text, 0, line_start)) % 2 == 1 or text.count("`", line_start, position) % 2 == 1
