"""Pictures of the demo gateway: hills under a sky whose colours follow from the prompt, and edits of a picture."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageOps, UnidentifiedImageError

Colour = tuple[int, int, int]
_SCALE = 4  # drawn smaller, then enlarged, which also smooths the edges


def draw(size: tuple[int, int], seed: bytes, *, is_transparent: bool = False) -> Image.Image:
    """Draw a landscape of a size in pixels; `seed` has 32 bytes."""
    width, height = (max(16, edge // _SCALE) for edge in size)
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    if not is_transparent:
        picture.paste(_sky(width, height, _colour(seed[:3], 150), _colour(seed[3:6], 90)))
    pen = ImageDraw.Draw(picture)
    radius = min(width, height) // 8
    left, top = seed[6] * (width - 2 * radius) // 255, seed[7] * height // 700
    pen.ellipse((left, top, left + 2 * radius, top + 2 * radius), fill=(*_colour(seed[8:11], 190), 255))
    for layer in range(4):
        _draw_hill(pen, width, height, layer, seed[11 + layer * 5 : 16 + layer * 5])
    return picture.resize(size, Image.Resampling.BICUBIC)


def edit(source: bytes, mask: bytes | None, seed: bytes) -> Image.Image:
    """Tint a picture and draw a frame on it, or only where the mask is transparent. Raises UnidentifiedImageError."""
    original = Image.open(io.BytesIO(source)).convert("RGBA")
    grey = ImageOps.grayscale(original.convert("RGB"))
    tinted = ImageOps.colorize(grey, _colour(seed[:3], 0), "white", mid=_colour(seed[3:6], 80)).convert("RGBA")
    tinted.putalpha(original.getchannel("A"))
    pen, edge = ImageDraw.Draw(tinted), max(4, min(original.size) // 40)
    pen.rectangle((0, 0, original.width - 1, original.height - 1), outline=_colour(seed[6:9], 120), width=edge)
    if mask is None:
        return tinted
    kept = Image.open(io.BytesIO(mask)).convert("RGBA").resize(original.size).getchannel("A")
    return Image.composite(original, tinted, kept)


def blur(picture: Image.Image, step: int) -> Image.Image:
    """Return an unfinished form of a picture, the coarser the higher `step`."""
    small = picture.resize((max(1, picture.width // 16), max(1, picture.height // 16)))
    return small.filter(ImageFilter.GaussianBlur(step)).resize(picture.size)


def read_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of an image in pixels, of which only the head is read; None for anything else."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


def _sky(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((width, height))
    return ImageOps.colorize(ramp, top, bottom).convert("RGBA")


def _draw_hill(pen: ImageDraw.ImageDraw, width: int, height: int, layer: int, seed: Sequence[int]) -> None:
    """Draw one range of hills, the nearer ones lower and darker."""
    base = height * (45 + layer * 13) // 100
    peaks = [(width * index // 4, base - seed[index % 5] * height // 1600) for index in range(5)]
    shade = 150 - layer * 35
    colour = (seed[0] * shade // 255, 60 + seed[1] * shade // 400, seed[2] * shade // 255)
    pen.polygon([(0, height), *peaks, (width, height)], fill=(*colour, 255))


def _colour(seed: Sequence[int], minimum: int) -> Colour:
    red, green, blue = (minimum + value * (255 - minimum) // 255 for value in seed)
    return red, green, blue
