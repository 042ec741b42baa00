"""Elements of an answer: groups of parts, names and sources as literal text, and links to web pages only."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from lib.core.conversation import ImagePart, OtherPart, SourcePart, TextPart, ThinkingPart
from lib.ui.chat.answer_parts import MAX_ELEMENTS, format_sources, group_parts, part_name

PICTURE, CALL, RESULT = ImagePart("image/png", "x"), OtherPart("server_tool_use"), OtherPart("web_search_tool_result")
SOURCE = SourcePart("https://a.example/", "A")
HOSTILE = "[x](javascript:alert) ![i](https://e.example/i.png) :red[r] $x$ `c` <b> https://e.example a@e.example"


def render(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def has_bare_address(html: str) -> bool:
    """Tell if a renderer with GFM's extended autolinks would make a link of the text."""
    text = re.sub(r"<a .*?</a>", "", html)
    return bool(re.search(r"https?://\w|www\.\w|\w@\w", text))


def test_texts_are_joined_and_named_content_is_grouped_in_order() -> None:
    parts = (ThinkingPart("Hm"), TextPart("a"), TextPart("b"), CALL, RESULT, TextPart("c"), PICTURE, PICTURE, SOURCE)
    assert group_parts(parts) == ["ab", [CALL, RESULT], "c", PICTURE, PICTURE]
    assert group_parts(()) == group_parts((SOURCE,)) == []


def test_elements_of_an_answer_are_bounded_and_nothing_is_lost() -> None:
    parts = [part for number in range(500) for part in (TextPart(f"{number} "), CALL, TextPart("x "), PICTURE)]
    groups = group_parts(parts)
    assert len(groups) <= MAX_ELEMENTS + 2
    text = "".join(group for group in groups if isinstance(group, str))
    assert text == "".join(part.text for part in parts)
    named = sum(len(group) for group in groups if isinstance(group, list))
    assert named + sum(isinstance(group, ImagePart) for group in groups) == 1_000


def test_sources_are_a_numbered_list_of_links() -> None:
    html = render(
        format_sources(
            [
                SourcePart("https://a.example/b?c=(d)", "Tides", "High water"),
                SourcePart("https://www.b.example/"),
                SourcePart("", "A book"),
                SourcePart("javascript:alert(1)", "No link"),
            ]
        )
    )
    assert html.count("<li>") == 4
    assert re.findall(r'<a href="([^"]*)">', html) == ["https://a.example/b?c=%28d%29", "https://www.b.example/"]
    assert "Tides</a> · a.example<br />\nHigh water" in html
    assert "javascript:" not in html


@pytest.mark.parametrize(
    "text", [HOSTILE, "1. a\n# b\n\n---", "www.e.example", "x" * 5_000, "](https://e.example)", "&lt;"]
)
def test_titles_quotes_and_names_are_literal_text(text: str) -> None:
    listed = render(format_sources([SourcePart("https://a.example/", text, text), SourcePart("", text)]))
    assert listed.count("<a ") == 1 and listed.count("<li>") == 2
    assert not re.search(r"<(?!/?(?:ol|li|a|br|p)\b)", listed)
    assert not has_bare_address(listed)
    name = render(part_name(OtherPart(text[:80], text)))
    assert not re.search(r"<(?!/?p\b)", name)
    assert not has_bare_address(name)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (OtherPart("audio", "12 s"), "Audio · 12 s"),
        (OtherPart("server_tool_use", "web"), "Tool call · web"),
        (OtherPart("hologram"), "hologram"),
        (OtherPart("sources"), "Sources"),
    ],
)
def test_known_content_has_a_name_in_the_readers_language(part: OtherPart, name: str) -> None:
    assert part_name(part) == name


def test_numbers_of_their_own_are_shown_instead_of_positions():
    listed = format_sources([SourcePart("https://a.example/", "A", number=3), SourcePart("", "B")])
    assert listed.split("\n") == ["- \\[3\\] [A](<https://a.example/>) · a\\.example", "- B"]
