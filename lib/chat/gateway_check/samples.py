"""Files and words of a check: an image and a PDF with a number, and words that every tokenizer has."""

from __future__ import annotations

import hashlib
import struct
import zlib

from lib.core.conversation import FilePart
from lib.core.file_content import FileContent

# Rows of 5 pixels for each digit, the highest bit on the left.
DIGITS = (
    (0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110),
    (0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110),
    (0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111),
    (0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110),
    (0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010),
    (0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110),
    (0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110),
    (0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000),
    (0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110),
    (0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100),
)
DIGIT_WIDTH, DIGIT_HEIGHT, DIGIT_GAP = 5, 7, 2  # in dots of the font
DOT, MARGIN = 12, 4  # pixels of a dot; dots around the number
# Words of one token each in every published vocabulary, with the space before them.
_WORDS = (
    "time people way water day man world life hand part child eye woman place work week case point government "
    "company number group problem fact home room mother area money story month right study book word business "
    "issue side kind head house service friend father power hour game line end member law car city community "
    "name president team minute idea body information back parent face others level office door health person "
    "art war history party result change morning reason research girl moment air teacher force education foot "
    "boy age policy process music market sense nation plan college interest death experience effect use class "
    "control field development role effort"
)
COMMON_WORDS = tuple(_WORDS.split())


def draw_number(number: int) -> bytes:
    """Return a PNG with a number in black on white."""
    digits = [DIGITS[int(digit)] for digit in str(number)]
    width = 2 * MARGIN + len(digits) * (DIGIT_WIDTH + DIGIT_GAP) - DIGIT_GAP
    lines = [[0] * width for _ in range(DIGIT_HEIGHT + 2 * MARGIN)]
    for index, rows in enumerate(digits):
        left = MARGIN + index * (DIGIT_WIDTH + DIGIT_GAP)
        for y, row in enumerate(rows):
            for x in range(DIGIT_WIDTH):
                lines[MARGIN + y][left + x] = row >> (DIGIT_WIDTH - 1 - x) & 1
    return _encode_png([[0 if dot else 255 for dot in line for _ in range(DOT)] for line in lines for _ in range(DOT)])


def _encode_png(rows: list[list[int]]) -> bytes:
    """Return a PNG of grey values."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = b"".join(b"\0" + bytes(row) for row in rows)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def write_pdf(text: str) -> bytes:
    """Return a PDF of one page with a line of ASCII text."""
    content = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    document, offsets = b"%PDF-1.4\n", []
    for number, data in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%b\nendobj\n" % (number, data)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(document))
    return document + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def image_file(data: bytes) -> tuple[FilePart, FileContent]:
    """Return the part of a message for a PNG, and its content."""
    width, height = struct.unpack(">II", data[16:24])
    return _file(data, "number.png", "image/png", "image", width, height)


def pdf_file(data: bytes) -> tuple[FilePart, FileContent]:
    """Return the part of a message for a PDF of one page, and its content."""
    return _file(data, "number.pdf", "application/pdf", "pdf")


def _file(
    data: bytes, name: str, media_type: str, kind: str, width: int | None = None, height: int | None = None
) -> tuple[FilePart, FileContent]:
    digest = hashlib.sha256(data).hexdigest()
    part = FilePart(digest, name, media_type, len(data), "image" if kind == "image" else "pdf", width, height)
    return part, FileContent(digest, media_type, len(data), lambda: data)
