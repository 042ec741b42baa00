"""Texts: encodings, notebooks, HTML, SVG, and the limit of a text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.attachments.formats import encodings, html_text
from lib.chat.attachments.formats.text_limit import TextLimit, add_table
from lib.core.attachments import AttachmentLimits

CHINESE = "# 说明\n这个函数返回用户的名字，并检查它是否为空。\n"
JAPANESE = "こんにちは、世界。これは日本語のテキストファイルです。"
KOREAN = "안녕하세요, 세계. 이것은 시험용 텍스트 파일입니다."
RUSSIAN = "Привет, мир. Это тестовый файл на русском языке."


def codes(parsed):
    return [code for code, _ in parsed.notes]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain ASCII", "utf-8"),
        ("Grüße, 世界 🦌", "utf-8"),
        ("Grüße, 世界 🦌", "utf-8-sig"),
        ("Grüße, 世界 🦌", "utf-16"),
        ("Grüße, 世界 🦌", "utf-32"),
        ("Latin text without a mark", "utf-16-le"),
        ("Latin text without a mark", "utf-16-be"),
        (CHINESE, "gb18030"),
        ("你好，世界", "gb18030"),
        ("姓名,年龄\n张三,30\n李四,25\n", "gb18030"),
        ("這是一個用於測試編碼的短文本，我們希望它能夠被正確識別。", "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "euc_kr"),
        ("Café résumé naïve – “quotes”", "cp1252"),
        ("Grüße aus München, schöne Straße", "cp1252"),
        ("Zażółć gęślą jaźń. Język polski ma wiele znaków.", "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        ("Καλημέρα κόσμε, αυτό είναι ένα αρχείο", "cp1253"),
    ],
)
def test_a_text_is_read_in_its_encoding(text, encoding):
    decoded = encodings.decode(text.encode(encoding))
    assert decoded is not None and decoded.text == text
    assert not decoded.is_lossy


def test_a_legacy_encoding_is_noted_and_an_incomplete_end_too(parse):
    parsed = parse("a.txt", CHINESE.encode("gb18030"))
    assert parsed.notes == [("encoding", {"encoding": "GB18030"})]
    assert codes(parse("a.txt", ("é" * 100).encode()[:-1])) == ["encoding_lossy"]
    assert codes(parse("a.txt", "é".encode())) == []


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1))
def test_any_unicode_text_in_utf8_is_read_as_it_is(text):
    decoded = encodings.decode(text.encode())
    assert decoded is not None and decoded.text == text


@given(st.binary(max_size=300))
def test_any_bytes_are_a_text_or_none(data):
    decoded = encodings.decode(data)
    if decoded is not None:
        assert "\x00" not in decoded.text and "\r" not in decoded.text
        decoded.text.encode()


def test_line_ends_are_those_of_unix_and_a_text_stays_as_it_is(parse):
    assert parse("a.py", b"if x:\r\n    y\rz\n").text == "if x:\n    y\nz"
    assert parse("a.csv", b"a,b\n1,2\n").text == "a,b\n1,2"
    assert parse("a.json", b'{"a": [1]}').text == '{"a": [1]}'


def test_a_notebook_is_markdown_with_code_and_outputs(parse):
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "Text"]},
        {
            "cell_type": "code",
            "source": "print('```')",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31mred\x1b[0m\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo" * 500}},
                {"output_type": "execute_result", "data": {"text/plain": "42", "image/png": "iVBO"}},
                {"output_type": "error", "traceback": ["Traceback", "ValueError: x"]},
            ],
        },
        {"cell_type": "code", "source": 3, "outputs": "no list"},
        "no cell",
    ]
    parsed = parse("a.ipynb", json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}).encode())
    assert parsed.text.startswith("# Title\nText\n\n````python\nprint('```')\n````")
    for expected in ("```text\nred\n```", "[image/png]", "```text\n42\n```", "Traceback\nValueError: x"):
        assert expected in parsed.text
    assert "iVBORw" not in parsed.text and "\x1b" not in parsed.text
    assert codes(parsed) == ["notebook_as_text"]


def test_small_html_is_source_and_a_large_page_is_text(parse):
    page = (
        "<!DOCTYPE html><html><head><title>Page</title><style>p{}</style><script>alert(1)</script></head><body>"
        "<h1>Head</h1><p>A <a href='https://example.org/x'>link</a> and <a href='javascript:x()'>none</a>.</p>"
        "<ul><li>one<ul><li>two</li></ul></li></ul><img src='data:image/png;base64,iVBORw0KGgo'>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>"
    )
    assert parse("a.html", page.encode()).text == page
    parsed = parse("a.html", page.replace("</body>", f"<!--{'x' * 40_000}--></body>").encode())
    assert codes(parsed) == ["html_as_text"]
    for expected in ("# Head", "[link](https://example.org/x) and none", "- one", "- two", "| a | b |", "| 1 | 2 |"):
        assert expected in parsed.text
    for hidden in ("alert", "p{}", "base64", "xxx", "javascript"):
        assert hidden not in parsed.text


def test_a_very_large_page_is_read_without_a_tree(monkeypatch):
    monkeypatch.setattr(html_text, "_MAX_MARKDOWN_SOURCE", 10)
    text = html_text.to_markdown(
        "<html><head><title>Page</title><style>p{}</style></head><body><h1>Head</h1><p>A <b>bold</b>\n word</p>"
        "<script>if (a < b) {}</script><table><tr><td>1</td><td>2</td></tr></table>tail</body></html>"
    )
    assert [line for line in text.splitlines() if line] == ["Page", "Head", "A bold word", "1\t2", "tail"]


def test_a_drawing_is_text(parse):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    parsed = parse("a.svg", drawing.encode())
    assert (parsed.kind, parsed.media_type, parsed.text) == ("text", "image/svg+xml", drawing)
    assert codes(parsed) == ["svg_as_text"] and parsed.data is None


def test_a_long_text_is_cut_and_says_so(parse):
    limits = AttachmentLimits(max_text_chars=10)
    parsed = parse("a.txt", b"0123456789ab", limits=limits)
    assert (parsed.text, parsed.is_truncated) == ("0123456789", True)
    assert parsed.notes == [("text_truncated", {"limit": 10})]
    assert not parse("a.txt", b"0123456789\n", limits=limits).is_truncated
    assert codes(parse("a.txt", b"  \n\n")) == ["no_text"]


@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=3), max_size=5), st.integers(0, 80))
def test_a_limited_text_never_exceeds_its_limit(rows, limit):
    text = TextLimit(limit)
    count = add_table(text, rows)
    assert len(text.text) <= limit and count <= len(rows)
    assert text.is_truncated or count == len(rows)


def test_cells_of_a_table_stay_in_their_cells():
    text = TextLimit(1000)
    add_table(text, [["a|b", "c\nd\\"], ["<b>", ""]])
    assert text.text == "| a\\|b | c d\\\\ |\n| --- | --- |\n| <b> |  |"
