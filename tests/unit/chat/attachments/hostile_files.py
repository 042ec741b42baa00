"""Files made to exhaust memory or time, generated so that none of them is in the repository."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import pypdfium2

_OOXML = "http://schemas.openxmlformats.org"
_TYPES = f"""<?xml version="1.0" encoding="UTF-8"?><Types xmlns="{_OOXML}/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/{{part}}" ContentType="application/vnd.openxmlformats-officedocument.{{type}}.main+xml"/>{{more}}
</Types>"""
_RELATIONS = f"""<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{_OOXML}/package/2006/relationships">
<Relationship Id="r1" Type="{_OOXML}/officeDocument/2006/relationships/{{kind}}" Target="{{target}}"/>
</Relationships>"""
ENTITY_BOMB = (
    '<!DOCTYPE x [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{level} "{f"&a{level - 1};" * 10}">' for level in range(1, 12))
    + "]>"
)


def png(width: int, height: int) -> bytes:
    """Return a valid PNG image of one color, which packs to almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + (width + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def archive(parts: Mapping[str, str | bytes], repeated: Mapping[str, tuple[bytes, int]] | None = None) -> bytes:
    """Return a ZIP file; `repeated` parts are a block and how often it is written."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
        for name, (block, count) in (repeated or {}).items():
            with target.open(name, "w", force_zip64=True) as part:
                for _ in range(count):
                    part.write(block)
    return stream.getvalue()


def document(body: str, doctype: str = "", repeated: Mapping[str, tuple[bytes, int]] | None = None) -> bytes:
    """Return a docx file with this content of its body."""
    name = f"{_OOXML}/wordprocessingml/2006/main"
    parts = {
        "[Content_Types].xml": _TYPES.format(part="word/document.xml", type="wordprocessingml.document", more=""),
        "_rels/.rels": _RELATIONS.format(kind="officeDocument", target="word/document.xml"),
        "word/document.xml": f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{name}"><w:body>{body}'
        "</w:body></w:document>",
    }
    return archive(parts, repeated)


def workbook(rows_of_block: str, blocks: int, dimension: str = "A1:J1000000", doctype: str = "") -> bytes:
    """Return an xlsx file whose only sheet repeats a block of rows."""
    name = f"{_OOXML}/spreadsheetml/2006/main"
    sheet_type = (
        '<Override PartName="/xl/worksheets/sheet1.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    )
    head = f'<?xml version="1.0"?>{doctype}<worksheet xmlns="{name}"><dimension ref="{dimension}"/><sheetData>'
    parts = {
        "[Content_Types].xml": _TYPES.format(part="xl/workbook.xml", type="spreadsheetml.sheet", more=sheet_type),
        "_rels/.rels": _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"),
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{name}" xmlns:r="{_OOXML}/officeDocument/2006/relationships">'
        '<sheets><sheet name="Data" sheetId="1" r:id="r1"/></sheets></workbook>',
    }
    stream = io.BytesIO(archive(parts))
    with (
        zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as target,
        target.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        part.write(head.encode())
        for _ in range(blocks):
            part.write(rows_of_block.encode())
        part.write(b"</sheetData></worksheet>")
    return stream.getvalue()


def open_document(content: str, media_type: str = "application/vnd.oasis.opendocument.text") -> bytes:
    """Return a file of LibreOffice with this content.xml."""
    return archive({"mimetype": media_type, "content.xml": content})


def pdf(pages: int) -> bytes:
    """Return a PDF file of empty pages."""
    file = pypdfium2.PdfDocument.new()
    for _ in range(pages):
        file.new_page(200, 200).close()
    stream = io.BytesIO()
    file.save(stream)
    return stream.getvalue()


def raw_pdf(*objects: str) -> bytes:
    """Return a PDF file of these objects, numbered from 1; the first is its catalog."""
    data = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    start = len(data)
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    return bytes(data) + f"{end}startxref\n{start}\n%%EOF\n".encode()
