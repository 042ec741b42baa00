"""Images: upright, scaled, in sRGB, without metadata, in a format that every vendor takes."""

from __future__ import annotations

import io
from typing import Any

import pillow_heif
from PIL import Image, ImageCms

from lib.chat.attachments.parsed import Parsed
from lib.core.attachment_errors import BrokenFile, TooManyPixels
from lib.core.attachments import AttachmentLimits

THUMBNAIL_EDGE = 320
# Formats of Pillow by detected type: nothing else is opened, whatever Pillow would recognize.
_FORMATS = {
    "image/png": ["PNG"],
    "image/jpeg": ["JPEG", "MPO"],
    "image/gif": ["GIF"],
    "image/webp": ["WEBP"],
    "image/bmp": ["BMP"],
    "image/tiff": ["TIFF"],
    "image/avif": ["AVIF", "HEIF"],
    "image/heic": ["HEIF"],
}
_LABELS = {"image/heic": "HEIC", "image/avif": "AVIF", "image/bmp": "BMP", "image/tiff": "TIFF", "image/gif": "GIF"}
_QUALITIES = (88, 80, 68)
_SHRINK = 0.75
# A picture without loss that is larger than this is sent as JPEG where that takes less than a half.
_LARGE_PNG_BYTES = 1_000_000
_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

pillow_heif.register_heif_opener(thumbnails=False, decode_threads=1)
# Sizes are checked before decoding, with a limit of our own.
Image.MAX_IMAGE_PIXELS = None


def read(data: bytes, parsed: Parsed, limits: AttachmentLimits) -> None:
    """Set the converted image and its size. Raises TooManyPixels and BrokenFile."""
    source_type = parsed.media_type
    image = _open(data, source_type, limits)
    size = image.size
    if getattr(image, "is_animated", False) and image.format != "MPO":
        parsed.note("first_page_of_image" if source_type == "image/tiff" else "first_frame")
    keepable = _keep_jpeg(image, limits)
    if keepable:
        parsed.data, parsed.media_type = keepable, "image/jpeg"
        parsed.width, parsed.height = size
        return
    image = _to_upright_srgb(image, limits.max_image_edge)
    is_lossless = source_type in ("image/png", "image/gif", "image/bmp") or b"VP8L" in data[:512]
    parsed.data, parsed.media_type, image = _encode(image, limits.max_image_bytes, is_lossless=is_lossless)
    parsed.width, parsed.height = image.size
    if max(image.size) < max(size):
        parsed.note("scaled", width=image.width, height=image.height, source=f"{size[0]} × {size[1]}")
    if label := _LABELS.get(source_type):
        parsed.note("converted", source=label, target=parsed.media_type.partition("/")[2].upper())


def thumbnail(data: bytes) -> bytes:
    """Return a small WebP image of a converted image."""
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:
        image.draft(None, (THUMBNAIL_EDGE, THUMBNAIL_EDGE))
        return encode_thumbnail(image)


def encode_thumbnail(image: Image.Image) -> bytes:
    """Return an image of any size as a small WebP image."""
    small = image if image.mode in ("RGB", "RGBA", "L") else image.convert("RGBA")
    small = _scaled(small, THUMBNAIL_EDGE)
    return _save(small, "WEBP", quality=80, method=4)


def _open(data: bytes, media_type: str, limits: AttachmentLimits) -> Image.Image:
    """Return the decoded image; its header is checked first."""
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS[media_type])
    except (OSError, SyntaxError, ValueError):
        raise BrokenFile from None
    width, height = image.size
    if not width or not height:
        raise BrokenFile
    if width * height > limits.max_pixels:
        raise TooManyPixels(width=width, height=height, limit=limits.max_pixels // 1_000_000)
    # JPEG decodes at a half, a quarter or an eighth, which saves memory and time.
    image.draft(None, (limits.max_image_edge, limits.max_image_edge))
    image.load()
    return image


def _keep_jpeg(image: Image.Image, limits: AttachmentLimits) -> bytes:
    """Return a JPEG image with its own quality, without metadata; b"" for one that has to be changed."""
    is_plain = (
        image.format == "JPEG"
        and image.mode in ("RGB", "L")
        and max(image.size) <= limits.max_image_edge
        and image.getexif().get(_ORIENTATION_TAG, 1) in (0, 1)
        and _is_srgb(image.info.get("icc_profile"))
    )
    if not is_plain:
        return b""
    image.info = {}
    data = _save(image, "JPEG", quality="keep", optimize=True)
    return data if len(data) <= limits.max_image_bytes else b""


def _is_srgb(profile: bytes | None) -> bool:
    if not profile:
        return True
    try:
        description = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        return True
    return "srgb" in description.lower()


def _to_upright_srgb(image: Image.Image, max_edge: int) -> Image.Image:
    """Return a scaled copy in RGB, RGBA or L. It is scaled first, so that the other steps have less to do."""
    # After loading: Pillow turns TIFF files by itself.
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    profile = image.info.get("icc_profile")
    image = _scaled(_to_plain_mode(image), max_edge)
    if profile and not _is_srgb(profile):
        image = _convert_profile(image, profile)
    if image.mode not in ("RGB", "RGBA", "L"):
        image = image.convert("RGB")
    if orientation in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[orientation])
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    image.info = {}
    return image


def _to_plain_mode(image: Image.Image) -> Image.Image:
    """Return an image without a palette and with 8 bits a channel; CMYK and LAB stay for their profile."""
    if image.mode.startswith("I;16"):
        # A conversion would clip 16 bits in place of scaling them.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("I", "F"):
        low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
        scale = 255 / (high - low) if high > low else 1.0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    if image.mode in ("P", "PA", "LA", "La", "RGBa", "1") or "transparency" in image.info:
        has_alpha = image.mode in ("PA", "LA", "La", "RGBa") or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "L" if image.mode == "1" else "RGB")
    return image


def _scaled(image: Image.Image, max_edge: int) -> Image.Image:
    scale = max_edge / max(image.size)
    if scale >= 1:
        return image.copy()
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _convert_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Return an image in sRGB; as it is where its profile cannot be used."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colors = image.convert("RGB") if alpha else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(colors, source, target, outputMode="L" if image.mode == "L" else "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if converted is None:
        return image
    if alpha:
        converted.putalpha(alpha)
    return converted


def _encode(image: Image.Image, max_bytes: int, *, is_lossless: bool) -> tuple[bytes, str, Image.Image]:
    """Return an encoded image of at most `max_bytes`, its type, and the image, which may have been scaled down."""
    while True:
        if is_lossless or image.mode == "RGBA":
            data = _save(image, "PNG", optimize=image.width * image.height < 1_000_000)
            if len(data) <= min(_LARGE_PNG_BYTES, max_bytes):
                return data, "image/png", image
            lossy = _save_lossy(image, _QUALITIES[0])
            if len(data) <= max_bytes and len(lossy[0]) > len(data) / 2:
                return data, "image/png", image
        for quality in _QUALITIES:
            data, media_type = _save_lossy(image, quality)
            if len(data) <= max_bytes:
                return data, media_type, image
        image = _scaled(image, max(1, int(max(image.size) * _SHRINK)))


def _save_lossy(image: Image.Image, quality: int) -> tuple[bytes, str]:
    if image.mode == "RGBA":
        return _save(image, "WEBP", quality=quality, method=4), "image/webp"
    return _save(image, "JPEG", quality=quality, optimize=True, progressive=True), "image/jpeg"


def _save(image: Image.Image, image_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()
