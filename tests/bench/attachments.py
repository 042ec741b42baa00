"""CPU time and memory of reading attached files; run with `python -m tests.bench.attachments`."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pypdfium2
from PIL import Image

from lib.chat.attachments import AttachmentReader
from lib.core.attachments import AttachmentLimits
from tests.unit.chat.attachments import hostile_files
from tests.unit.chat.attachments.conftest import FILES

MB = 1_000_000


def photo() -> bytes:
    """Return a turned photo of 12 megapixels with the noise of a camera, about 4.5 MB."""
    image = Image.effect_noise((1008, 756), 60).resize((4032, 3024)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=92, exif=exif.tobytes())
    return stream.getvalue()


def report(picture: bytes) -> bytes:
    """Return a PDF file of 150 pages of text and three of photos, about 18 MB."""
    document = pypdfium2.PdfDocument.new()
    source = pypdfium2.PdfDocument(FILES / "doc.pdf")
    for _ in range(150):
        document.import_pages(source)
    for _ in range(3):
        image = pypdfium2.PdfImage.new(document)
        image.load_jpeg(io.BytesIO(picture))
        image.set_matrix(pypdfium2.PdfMatrix().scale(600, 800))
        page = document.new_page(600, 800)
        page.insert_obj(image)
        page.gen_content()
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def files() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Yield a label and the files of each row."""
    picture = photo()
    cells = "".join(f'<c t="inlineStr"><is><t>value {column}</t></is></c>' for column in range(10))
    yield "a text of a few words", [("a.txt", b"text")]
    yield "ten photos of 12 megapixels", [("photo.jpg", picture)] * 10
    yield "a PNG image of 100 megapixels", [("large.png", hostile_files.png(10_000, 10_000))]
    yield "a PDF file of 18 MB and 153 pages", [("report.pdf", report(picture))]
    yield "a sheet of a million rows", [("large.xlsx", hostile_files.workbook(f"<row>{cells}</row>" * 1000, 1000))]


def main() -> None:
    reader = AttachmentReader(AttachmentLimits())
    reader.read("first.txt", b"starts the process")
    for label, row in files():
        seconds, peak = 0.0, 0
        for name, data in row:
            reader.read(name, data)
            seconds, peak = seconds + reader.status.cpu_seconds, max(peak, reader.status.peak_memory)
        print(f"{label:40} {seconds:6.2f} s of CPU time {peak / MB:6.0f} MB")
    reader.close()


if __name__ == "__main__":
    main()
