"""Office files: what LibreOffice's own files in test_real_files do not have."""

from __future__ import annotations

import datetime
import io

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from lib.core.attachments import AttachmentLimits


def saved(file) -> bytes:
    stream = io.BytesIO()
    file.save(stream)
    return stream.getvalue()


def test_a_document_keeps_its_headings_lists_and_nested_tables(parse):
    document = docx.Document()
    document.add_heading("Title", 0)
    document.add_heading("Part", 3)
    document.styles.add_style("标题 2", 1)
    document.add_paragraph("中文标题", style="标题 2")
    outline = OxmlElement("w:outlineLvl")
    outline.set(qn("w:val"), "1")
    document.styles.add_style("Own", 1).element.get_or_add_pPr().append(outline)
    document.styles.add_style("Derived", 1).base_style = document.styles["Own"]
    document.add_paragraph("Inherited", style="Derived")
    for text, style in [("one", "List Number"), ("two", "List Number"), ("dot", "List Bullet"), ("end", None)]:
        document.add_paragraph(text, style=style)
    table = document.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(1, 0)).text = "tall"
    table.cell(0, 1).text = "right | 1"
    inner = table.cell(1, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "x", "y"
    text = parse("a.docx", saved(document)).text
    assert text.splitlines()[0] == "# Title"
    for expected in ("### Part", "## 中文标题", "## Inherited", "1. one\n2. two\n\n- dot\n\nend"):
        assert expected in text
    assert "| tall | right \\| 1 |\n| --- | --- |\n|  | x / y |" in text


def test_deleted_text_is_left_out_and_a_text_box_is_read_once(parse):
    document = docx.Document()
    paragraph = document.add_paragraph("kept ")
    paragraph._p.append(parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>deleted</w:delText></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:ins {nsdecls('w')}><w:r><w:t>inserted</w:t></w:r></w:ins>"))
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    compatible = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    run = f"<w:r {nsdecls('w')} {compatible}><mc:AlternateContent><mc:Choice>{box}</mc:Choice>"
    paragraph._p.append(parse_xml(f"{run}<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"))
    text = parse("a.docx", saved(document)).text
    assert text.startswith("kept inserted") and "deleted" not in text and text.count("boxed") == 1


def test_an_unsafe_link_is_its_label(parse):
    document = docx.Document()
    paragraph = document.add_paragraph()
    for target in ("javascript:alert(1)", "https://example.org/a"):
        relation = document.part.relate_to(target, docx.opc.constants.RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        link = f'<w:hyperlink {nsdecls("w", "r")} r:id="{relation}"><w:r><w:t>label</w:t></w:r></w:hyperlink>'
        paragraph._p.append(parse_xml(link))
    assert parse("a.docx", saved(document)).text == "label[label](https://example.org/a)"


def test_a_document_with_macros_and_a_template_are_read(parse):
    data = saved(docx.Document())
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    for other in (
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ):
        document = docx.Document(io.BytesIO(data))
        document.add_paragraph("content")
        document.part._content_type = other
        assert other != plain
        assert parse("a.docm", saved(document)).text == "content"


def test_a_sheet_has_the_values_as_they_read(parse):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Values"
    sheet.append(["kind", "value", None])
    for kind, value in [
        ("date", datetime.date(2026, 3, 1)),
        ("time", datetime.datetime(2026, 3, 1, 9, 30)),
        ("whole", 3.0),
        ("float", 0.1 + 0.2),
        ("bool", True),
        ("text", "a\n| b"),
        ("none", None),
    ]:
        sheet.append([kind, value])
    sheet["A12"] = "after empty rows"
    hidden = workbook.create_sheet("Secret")
    hidden.sheet_state = "hidden"
    hidden.append(["x"])
    workbook.create_chartsheet("Chart")
    parsed = parse("a.xlsx", saved(workbook))
    assert parsed.text.splitlines() == [
        "## Values",
        "",
        "| kind | value |",
        "| --- | --- |",
        "| date | 2026-03-01 |",
        "| time | 2026-03-01 09:30:00 |",
        "| whole | 3 |",
        "| float | 0.3 |",
        "| bool | TRUE |",
        "| text | a \\| b |",
        "| none |  |",
        "| after empty rows |  |",
        "",
        "## Secret (hidden)",
        "",
        "| x |",
        "| --- |",
    ]
    assert parsed.page_count == 2 and parsed.notes == []


def test_sheets_that_do_not_fit_are_named(parse):
    workbook = openpyxl.Workbook()
    for number in range(30):
        workbook.active.append([f"row {number}"])
    workbook.create_sheet("Second").append(["x"])
    parsed = parse("a.xlsx", saved(workbook), limits=AttachmentLimits(max_text_chars=150))
    assert parsed.is_truncated and "Second" not in parsed.text
    notes = dict(parsed.notes)
    assert notes["sheets_truncated"] == {"sheet": "Sheet"}
    assert notes["rows_truncated"]["sheet"] == "Sheet" and notes["rows_truncated"]["rows"] < 30
    assert notes["rows_truncated"]["total"] == 30


def make_presentation() -> bytes:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Plan\nfor 2027"
    frame = slide.placeholders[1].text_frame
    frame.text = "First"
    paragraph = frame.add_paragraph()
    paragraph.text, paragraph.level = "Below", 1
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, Inches(7), Inches(1), Inches(1)).text_frame.text = "Grouped"
    slide.notes_slide.notes_text_frame.text = "Say thanks."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    second._element.set("show", "0")
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (1.5, None))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(4), data)
    table = second.shapes.add_table(1, 2, 0, Inches(5), Inches(4), Inches(1)).table
    table.cell(0, 0).text = "a|b"
    return saved(presentation)


def test_a_presentation_has_titles_levels_groups_charts_and_notes(parse):
    parsed = parse("a.pptx", make_presentation())
    assert parsed.page_count == 2
    for expected in (
        "## Slide 1: Plan for 2027\n",
        "- First\n  - Below\n",
        "Grouped",
        "Notes: Say thanks.",
        "## Slide 2 (hidden)",
        "|  | Sales |\n| --- | --- |\n| Q1 | 1.5 |\n| Q2 |  |",
        "| a\\|b |  |",
    ):
        assert expected in parsed.text
    assert parsed.text.count("Plan") == 1


def test_a_long_presentation_is_cut_and_says_so(parse):
    parsed = parse("a.pptx", make_presentation(), limits=AttachmentLimits(max_text_chars=30))
    assert (len(parsed.text) <= 30, parsed.is_truncated) == (True, True)


@pytest.mark.parametrize("make", [lambda: saved(docx.Document()), lambda: saved(openpyxl.Workbook())])
def test_an_empty_file_says_that_it_has_no_text(parse, make):
    parsed = parse("a", make())
    assert [code for code, _ in parsed.notes] == ["no_text"] or parsed.text == "## Sheet"
