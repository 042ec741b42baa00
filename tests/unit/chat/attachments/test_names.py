"""Names of files and choices of pages."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.attachments import format_pages, parse_page_choice, sanitize_name
from lib.chat.attachments.names import MAX_LENGTH, extension_of
from lib.core.attachment_errors import PageChoiceInvalid


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.pdf", "report.pdf"),
        ("季度报告（终稿）.docx", "季度报告（终稿）.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ann\\photo.jpg", "photo.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\x00b\r\nc\t.txt", "abc.txt"),
        ("zero\u200bwidth\ufeff.md", "zerowidth.md"),
        ('a<b>:"c|d?*.txt', "a_b_c_d_.txt"),
        ("  many   blanks .txt ", "many blanks .txt"),
        (".hidden", "hidden"),
        ("...", "file"),
        ("", "file"),
        ("lone\ud83d.txt", "lone_.txt"),
        ("e\u0301.txt", "é.txt"),
        ("x" * 300 + ".tar", "x" * (MAX_LENGTH - 5) + "….tar"),
        ("x" * 300, "x" * (MAX_LENGTH - 1) + "…"),
    ],
)
def test_a_name_is_safe_to_show_and_to_store(name, expected):
    assert sanitize_name(name) == expected


@given(st.text(max_size=300))
def test_any_name_becomes_a_short_name_in_one_folder(name):
    safe = sanitize_name(name)
    assert 0 < len(safe) <= MAX_LENGTH and safe == sanitize_name(safe)
    assert not set(safe) & set('/\\<>:"|?*') and safe not in (".", "..")
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in safe)


def test_an_extension_is_what_stands_behind_the_last_dot():
    cases = {"a.PDF": "pdf", "a.tar.gz": "gz", "noext": "", "a.": "", "a.b c": "", "a." + "x" * 20: ""}
    assert {name: extension_of(name) for name in cases} == cases


@pytest.mark.parametrize(
    ("choice", "pages"),
    [
        ("", (1, 2, 3, 4, 5, 6, 7, 8, 9)),
        ("1-3, 7", (1, 2, 3, 7)),
        ("7 1 - 3", (1, 2, 3, 7)),
        ("8-", (8, 9)),
        ("-2", (1, 2)),
        ("3,3,2-3", (2, 3)),
        ("１－３，７", (1, 2, 3, 7)),
        ("1–3；5至6、9", (1, 2, 3, 5, 6, 9)),
    ],
)
def test_pages_are_chosen_as_people_write_them(choice, pages):
    assert parse_page_choice(choice, 9) == pages


@pytest.mark.parametrize("choice", ["0", "10", "3-1", "1-10", "a", "-", "1--3", ",", "1.5", "٣", "9999999999999"])
def test_other_choices_are_refused(choice):
    with pytest.raises(PageChoiceInvalid) as refused:
        parse_page_choice(choice, 9)
    assert refused.value.values == {"choice": choice, "count": 9}


@given(st.sets(st.integers(1, 40), min_size=1))
def test_pages_are_written_as_they_are_read(pages):
    assert parse_page_choice(format_pages(sorted(pages)), 40) == tuple(sorted(pages))
