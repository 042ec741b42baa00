"""Images: orientation, color, size, transparency and metadata, of files made by other programs and by Pillow."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from PIL import Image, ImageChops, ImageCms, ImageStat

from lib.core.attachment_errors import BrokenFile, TooManyPixels
from lib.core.attachments import AttachmentLimits

RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encode(image: Image.Image, image_format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, image_format, **options)
    return stream.getvalue()


def decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return an image that no format packs well."""
    channels = len(mode)
    return Image.frombytes(mode, (width, height), random.Random(1).randbytes(width * height * channels))


def is_near(color: tuple[int, ...], expected: tuple[int, ...], distance: int = 12) -> bool:
    return all(abs(a - b) <= distance for a, b in zip(color, expected, strict=True))


def test_a_photo_is_upright_and_has_no_metadata(reader, load):
    photo = load("photo.jpg")
    for secret in (b"ACME", b"Ann Author", b"secret comment", b"Exif", b"http://ns.adobe.com/xap"):
        assert secret in photo
    attachment = reader.read("photo.jpg", photo)
    assert (attachment.media_type, attachment.width, attachment.height) == ("image/jpeg", 300, 400)
    image = decode(attachment.data)
    assert image.size == (300, 400)
    assert dict(image.getexif()) == {} and set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
        "progressive",
        "progression",
    }
    for secret in (b"ACME", b"Ann Author", b"secret", b"Exif", b"xap", b"ICC_PROFILE"):
        assert secret not in attachment.data and secret not in attachment.thumbnail
    # The white corner at the top left of the sensor is at the top right of the photo.
    assert is_near(image.getpixel((290, 10)), (255, 255, 255)) and not is_near(image.getpixel((10, 10)), (255,) * 3)
    assert decode(attachment.thumbnail).size == (240, 320)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_each_orientation_is_applied(parse, orientation, image_format):
    upright = Image.new("RGB", (90, 60), RED)
    upright.paste(LIME, (0, 0, 30, 20))
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that a camera would have made
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    parsed = parse("a", encode(stored, image_format, exif=exif.tobytes()))
    image = decode(parsed.data).convert("RGB")
    assert image.size == (90, 60)
    assert is_near(image.getpixel((12, 8)), LIME, 60) and is_near(image.getpixel((75, 50)), RED, 60)


@pytest.mark.parametrize(("name", "source"), [("photo.heic", "HEIC"), ("photo.avif", "AVIF"), ("cmyk.tif", "TIFF")])
def test_other_formats_become_jpeg(reader, load, name, source):
    attachment = reader.read(name, load(name))
    assert (attachment.media_type, attachment.file_name) == ("image/jpeg", f"{name.partition('.')[0]}.jpg")
    assert decode(attachment.data).mode == "RGB"
    assert [(note.code, dict(note.values)["source"]) for note in attachment.notes] == [("converted", source)]
    for secret in (b"ACME", b"Ann", b"Exif"):
        assert secret not in attachment.data


def test_an_animation_is_its_first_frame(reader, load):
    attachment = reader.read("anim.gif", load("anim.gif"))
    assert attachment.media_type == "image/png"
    assert decode(attachment.data).convert("RGB").getpixel((5, 5)) == RED
    assert [note.code for note in attachment.notes] == ["first_frame", "converted"]
    frames = [Image.new("RGB", (20, 20), color) for color in (LIME, BLUE)]
    for image_format in ("WEBP", "PNG"):
        data = encode(frames[0], image_format, save_all=True, append_images=frames[1:], lossless=True)
        attachment = reader.read("a", data)
        assert decode(attachment.data).convert("RGB").getpixel((5, 5)) == LIME
        assert [note.code for note in attachment.notes] == ["first_frame"]


def test_transparency_is_kept_and_opaque_alpha_is_dropped(reader, load):
    attachment = reader.read("alpha.webp", load("alpha.webp"))
    image = decode(attachment.data)
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0))[3] == 0 and is_near(image.getpixel((40, 30)), (*RED, 255))
    palette = Image.new("P", (10, 10), 1)
    palette.putpalette([*RED, *LIME])
    assert decode(reader.read("p.png", encode(palette, "PNG", transparency=1)).data).getpixel((1, 1))[3] == 0
    assert decode(reader.read("o.png", encode(Image.new("RGBA", (9, 9), (*BLUE, 255)), "PNG")).data).mode == "RGB"


def test_sixteen_bits_are_scaled_not_clipped(reader, load):
    image = decode(reader.read("gray16.png", load("gray16.png")).data)
    values = [image.getpixel((30, y)) for y in range(image.height)]
    assert image.mode == "L" and values[0] > 250 and values[-1] < 5
    assert 115 < values[len(values) // 2] < 140


def test_a_profile_is_converted_to_srgb(reader, load):
    source = decode(load("adobe.jpg"))
    assert source.info["icc_profile"]
    attachment = reader.read("adobe.jpg", load("adobe.jpg"))
    image = decode(attachment.data)
    assert "icc_profile" not in image.info
    # The file was made from a gradient between red and lime in sRGB; its own numbers are others.
    assert is_near(image.getpixel((150, 2)), RED, 20) and is_near(image.getpixel((150, 197)), LIME, 20)
    assert not is_near(source.getpixel((150, 2)), RED, 20)


def test_an_srgb_profile_is_dropped_and_a_broken_one_is_ignored(parse):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile"):
        parsed = parse("a.png", encode(Image.new("RGB", (20, 20), RED), "PNG", icc_profile=profile))
        image = decode(parsed.data)
        assert "icc_profile" not in image.info and image.getpixel((3, 3)) == RED


def test_a_large_photo_is_scaled_and_says_so(reader):
    data = encode(Image.linear_gradient("L").resize((4000, 3000)), "JPEG")
    attachment = reader.read("large.jpg", data)
    assert (attachment.width, attachment.height) == (2000, 1500) == decode(attachment.data).size
    assert [(note.code, dict(note.values)) for note in attachment.notes] == [
        ("scaled", {"width": 2000, "height": 1500, "source": "4000 × 3000"})
    ]


def test_a_small_jpeg_keeps_its_quality(parse):
    data = encode(noise(64, 64), "JPEG", quality=35, comment=b"secret")
    parsed = parse("a.jpg", data)
    assert decode(parsed.data).quantization == decode(data).quantization
    # The same table of quantization gives the same picture, but for rounding.
    difference = ImageChops.difference(decode(parsed.data), decode(data))
    assert ImageStat.Stat(difference).mean < [1, 1, 1]
    assert b"secret" not in parsed.data


@pytest.mark.parametrize(("mode", "media_type"), [("RGB", "image/jpeg"), ("RGBA", "image/webp")])
def test_an_image_stays_below_the_limit_of_bytes(parse, mode, media_type):
    limits = AttachmentLimits(max_image_bytes=40_000)
    parsed = parse("a.png", encode(noise(400, 300, mode), "PNG"), limits=limits)
    assert len(parsed.data) <= 40_000
    assert parsed.media_type == media_type and (parsed.width, parsed.height) == decode(parsed.data).size
    assert AttachmentLimits().max_image_bytes * 4 / 3 < 5 * 1024 * 1024


def test_a_drawing_stays_without_loss_and_a_photo_in_png_does_not(parse):
    drawing = Image.new("RGB", (1200, 900), LIME)
    drawing.paste(BLUE, (10, 10, 600, 500))
    assert parse("a.png", encode(drawing, "PNG")).media_type == "image/png"
    assert parse("b.png", encode(noise(1200, 900), "PNG")).media_type == "image/jpeg"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "I;16", "LAB"])
def test_every_mode_becomes_an_image_that_vendors_take(parse, mode):
    data = encode(Image.new(mode, (12, 8)), "TIFF")
    assert decode(parse("a.tif", data).data).mode in ("L", "RGB", "RGBA")


def test_sizes_are_checked_before_decoding(parse):
    header = struct.pack(">IIBBBBB", 100_000, 1_001, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with pytest.raises(TooManyPixels) as refused:
        parse("a.png", b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT")
    assert refused.value.values == {"width": 100_000, "height": 1_001, "limit": 100}


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_a_damaged_image_is_refused(reader, image_format):
    data = encode(noise(50, 50), image_format)
    with pytest.raises(BrokenFile) as refused:
        reader.read("a.png", data[: len(data) // 2])
    assert refused.value.name == "a.png"
