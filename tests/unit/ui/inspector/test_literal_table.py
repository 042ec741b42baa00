"""Literal text of a gateway: no markup, no hidden characters, no endless cell."""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from lib.ui.inspector import literal_table
from lib.ui.inspector.literal_table import MAX_CHARS, SHOWN_CHARS, to_visible

HOSTILE = '</td></table><img src=x onerror="alert(1)"><script>alert(1)</script> [a](http://b) *c* &lt; "\' \x00\x1b'


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def shown(monkeypatch) -> list[str]:
    """The HTML that was rendered."""
    html: list[str] = []
    monkeypatch.setattr(literal_table, "st", SimpleNamespace(html=html.append))
    return html


def test_markup_in_a_table_is_text(shown):
    literal_table.render("About <b>", ("Name <i>", "Value"), [(HOSTILE, HOSTILE)])
    page = Page(shown[0])
    assert not {"img", "script", "b", "i", "a"} & set(page.tags)
    assert page.tags.count("td") == 1
    assert page.text.count("<script>alert(1)</script> [a](http://b) *c* &lt;") == 2
    assert "\\x00\\x1b" in page.text


def test_a_long_text_is_an_area_of_literal_text(shown):
    literal_table.render_text("Body", HOSTILE)
    assert Page(shown[0]).tags == ["pre"]


def test_characters_that_turn_or_hide_a_text_are_shown_by_their_codes():
    assert to_visible("a\u202eb\u2066c\u200bd\x7f\te\n") == "a\\u202eb\\u2066c\\u200bd\\x7f\te\n"


def test_a_long_cell_can_be_opened_and_a_huge_one_ends(shown):
    literal_table.render("A", ("N", "V"), [("1", "x" * (SHOWN_CHARS + 1)), ("2", "y" * (MAX_CHARS * 50)), ("3", "z")])
    page = Page(shown[0])
    assert page.tags.count("details") == 2
    assert page.text.count("x") == SHOWN_CHARS + 1
    assert page.text.count("y") == MAX_CHARS
    assert len(shown[0]) < MAX_CHARS + 3_000
