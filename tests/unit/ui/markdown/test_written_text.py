"""Text as its author typed it: split into literal text and code blocks, and escaped."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ui.markdown import written_text
from lib.ui.markdown.written_text import CodeBlock, split_segments, to_html
from tests.support.hostile_markdown import HOSTILE_TEXTS

SIGNS = st.text(st.sampled_from(" \t\n`~#*<>&;:$[](){}|\"'/ahttps.你ש\u202e"), max_size=60)
AS_TYPED = (
    "    four spaces\n\tA tab",
    "# No heading\n- no list\n> no quote",
    "a\n\n\n   \nb  \n",
    "&amp; &lt;b&gt; <b>bold</b> <script>alert(1)</script>",
    ":red[x] :material/home: $x^2$ **b** _i_ ~s~ | a | b |",
    "你好，世界\nשלום",
    *HOSTILE_TEXTS,
)


class Reader(HTMLParser):
    """The text and the tags that a browser reads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(to_html(text))
    reader.close()
    return reader


@given(SIGNS)
def test_html_shows_exactly_the_text(text: str) -> None:
    reader = read(text)
    assert reader.text == text
    assert {tag for tag, _ in reader.tags} <= {"div", "a"}


@pytest.mark.parametrize("text", AS_TYPED)
def test_no_sign_has_a_meaning(text: str) -> None:
    reader = read(text)
    assert reader.text == text
    assert {tag for tag, _ in reader.tags} <= {"div", "a"}
    # Streamlit dedents and strips what it is given.
    assert "\n" not in to_html(text) and to_html(text).startswith("<div ")


@given(SIGNS)
def test_segments_hold_every_line_of_the_text_but_the_fences(text: str) -> None:
    lines = [
        line
        for segment in split_segments(text)
        for line in (segment.code if isinstance(segment, CodeBlock) else segment).split("\n")
    ]
    rest = iter(line.strip() for line in text.split("\n"))
    assert all(line.strip() in rest for line in lines if line.strip()), "in their order"
    if not any(isinstance(segment, CodeBlock) for segment in split_segments(text)):
        assert split_segments(text) == (text,)


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("```python\n  x = 1\n\n```", (CodeBlock("  x = 1\n", "python"),)),
        ("Why?\n~~~C++ title\na\n~~~~ \nSo", ("Why?", CodeBlock("a", "c++"), "So")),
        ("````\n```\na\n```\n````", (CodeBlock("```\na\n```", ""),)),
        ("  ```\n   a\n b\n  ```", (CodeBlock(" a\nb", ""),)),
        ("```\r\na\r\n```", (CodeBlock("a", ""),)),
        ("``` <b>\na\n```", (CodeBlock("a", ""),)),
        # Literal: inline code, no end, no content, a quote, an indented fence.
        ("```a``` b\n```", ("```a``` b\n```",)),
        ("```python\nprint(1)", ("```python\nprint(1)",)),
        ("```\n```", ("```\n```",)),
        ("> ```\n> a\n> ```", ("> ```\n> a\n> ```",)),
        ("    ```\n    a\n    ```", ("    ```\n    a\n    ```",)),
        ("```\na\n~~~", ("```\na\n~~~",)),
    ],
)
def test_fences_become_code_blocks(text: str, segments: tuple[str | CodeBlock, ...]) -> None:
    assert split_segments(text) == segments


def test_the_number_of_code_blocks_is_limited_and_nothing_is_lost() -> None:
    segments = split_segments("```\na\n```\n" * 500)
    assert sum(isinstance(segment, CodeBlock) for segment in segments) == written_text.MAX_CODE_BLOCKS
    assert sum(str(getattr(segment, "code", segment)).count("a") for segment in segments) == 500


def test_opened_fences_are_searched_once(monkeypatch) -> None:
    text = "\n".join(["```a"] * 20_000 + ["~~~b"] * 20_000)
    assert split_segments(text) == (text,)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("See https://e.com/a?b=1&c=%20#d.", ["https://e.com/a?b=1&c=%20#d"]),
        ("(http://e.com/a_(b)) or (http://e.com) http://e.com:8080, http://e.com: or", None),
        ("看http://e.com/路 http://e.com。", ["http://e.com/", "http://e.com"]),
        ("https://bank.com@evil.com http://u:1@evil.com http://u:p@evil.com/", []),
        ("javascript:alert(1) ftp://e.com data:text/html,x //e.com mailto:a@e.com xhttp://e.com", []),
        ("[x](http://e.com) <img src=http://e.com> 'http://e.com' `http://e.com`", []),
        ('https://e.com/"onmouseover="alert(1)', None),
    ],
)
def test_web_addresses_are_links_to_what_is_shown(text: str, links: list[str] | None) -> None:
    reader = read(text)
    found = [str(attributes["href"]) for tag, attributes in reader.tags if tag == "a"]
    assert reader.text == text
    assert all(address in text for address in found)
    if links is not None:
        assert found == links
    for tag, attributes in reader.tags:
        expected = {"href", "target", "rel"} if tag == "a" else {"class", "dir"}
        assert attributes.keys() == expected


@pytest.mark.parametrize(
    ("text", "is_long"), [("a\n" * 19 + "a", False), ("a\n" * 20 + "a", True), ("a" * 2000, False), ("a" * 2001, True)]
)
def test_long_texts_are_collapsible(text: str, is_long: bool) -> None:
    assert written_text.is_collapsible(text) is is_long
