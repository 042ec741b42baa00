"""Citation marks: those of ChatGPT as links, words or nothing, and numbers in Antler's own format."""

import json
from typing import Any

import pytest

from lib.core.conversation import Conversation, Message, Node, SourcePart, TextPart
from lib.transfer import parse_export, write_export
from lib.transfer.citations import read_links


def replace_marks(text: str, *references: dict[str, Any]) -> str:
    return read_links({"content_references": list(references)}).replace_marks(text)


def mark(*items: str) -> str:
    return "\ue200" + "\ue202".join(items) + "\ue201"


WORDS = [
    (mark("entity", '["people","Ada Example",0]'), "Ada Example"),
    (mark("entity", '["city", "Lübeck"]'), "Lübeck"),
    (mark("url", "The harbour", "turn0search1"), "The harbour"),
    (mark("link_title", "The harbour", "turn0search1"), "The harbour"),
    (mark("cite", "turn0search1", "turn0search2"), ""),
    (mark("navlist", "More", "turn0news1"), ""),
    (mark("entity", "broken"), ""),
    (mark("entity", '["people"]'), ""),
    (mark("entity"), ""),
    ("\ue203the words\ue204", "the words"),
    ("\ue205a\ue206", "a"),
    ("\ue200never closed", "never closed"),
    ("【1†source】", "【1†source】"),
    ("《书》", "《书》"),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words_in_a_mark_are_text(text: str, expected: str) -> None:
    assert replace_marks(f"by {text} notes") == f"by {expected} notes"


def test_a_reference_puts_its_link_in_the_place_of_its_mark() -> None:
    cite = mark("cite", "turn0search1")
    links = [{"matched_text": cite, "alt": f"([{name}](https://e.com/{name}))"} for name in "ab"]
    old = {"matched_text": "【1†source】", "alt": "[old](https://e.com)"}
    text = f"One{cite}, two{cite}, three{cite} and 【1†source】."
    assert replace_marks(text, *links, old) == (
        "One([a](https://e.com/a)), two([b](https://e.com/b)), three([b](https://e.com/b)) and [old](https://e.com)."
    )


@pytest.mark.parametrize(
    "reference",
    [
        {"matched_text": " ", "alt": "x"},
        {"matched_text": "One", "alt": "x"},
        {"matched_text": mark("entity", '["p","Ada"]'), "alt": None},
        {"matched_text": mark("entity", '["p","Ada"]'), "alt": ""},
        {"alt": "x"},
    ],
)
def test_other_references_replace_nothing(reference: dict[str, Any]) -> None:
    assert replace_marks("One " + mark("entity", '["p","Ada"]'), reference) == "One Ada"


def test_marks_that_leave_nothing_are_counted() -> None:
    citations = read_links({})
    citations.replace_marks(mark("cite", "a") + mark("entity", '["p","Ada"]') + mark("cite", "b"))
    assert citations.dropped_count == 2


def test_numbers_of_sources_and_where_they_are_cited_are_exported_and_imported():
    parts = (TextPart("High.", (7, 2)), TextPart(""), SourcePart("https://a.example/", number=7))
    nodes = [
        Node("q", None, Message("user", (TextPart("When?"),)), 1.0),
        Node("a", "q", Message("assistant", parts), 2.0),
    ]
    written = b"".join(write_export([(Conversation("c", "Tides", 2.0, "a"), nodes)]))
    ((_, imported),) = parse_export(written).conversations
    assert imported[1].message.parts == parts
    exported = json.loads(written)["conversations"][0]["nodes"][1]["parts"]
    assert exported[1] == {"type": "text", "text": ""}
