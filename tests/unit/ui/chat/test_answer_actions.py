"""Details of an answer: the gateway's names are literal text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from lib.core.conversation import Message, Node, Outcome, TextPart
from lib.core.target import Target
from lib.ui.chat.answer_actions import details_table

IMAGE = "`x` ![a](/signout)"
HOSTILE = [
    IMAGE,
    "a` ![x](/signout) `b",
    "<img src=/signout>",
    "[link](/auth/logout)",
    "a | b\n\n# Heading\n\n![x](/signout)",
    "\\` ![x](/signout)",
    ":material/home: :red[x] $x^2$ **b** ~~s~~ https://evil.example",
    "[x]: /signout\n[x]",
    "```\ncode",
]
ANSWER = Node("a", "q", Message("assistant", (TextPart("Hi"),)), 1.0, Outcome.COMPLETE, target=Target("m", "openai"))
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["usage name", "usage value", "field name", "id", "model", "finish reason", "target"])
def test_names_and_values_of_a_gateway_are_literal(text, place):
    metadata, node = {}, ANSWER
    match place:
        case "usage name":
            metadata = {"usage": {text: 1}}
        case "usage value":
            metadata = {"usage": {"a": {"b": text}}}
        case "field name":
            metadata = {text: "v"}
        case "id" | "model":
            metadata = {place: text}
        case "finish reason":
            node = replace(ANSWER, finish_reason=text)
        case "target":
            node = replace(ANSWER, target=Target(text, "openai"))
    table = details_table(replace(node, provider_metadata=metadata))
    tokens = PARSER.parse(table)
    inline = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in inline} == {"text"} | ({"text_special"} & {token.type for token in inline})
    assert {token.type.partition("_")[0] for token in tokens} <= {"table", "thead", "tbody", "tr", "th", "td", "inline"}
    # Two cells in each row, one of which holds all of the text.
    assert all(len(row.split(" | ")) == 2 for row in table.splitlines()[2:])
    # Streamlit's icons are split by a directive that is invisible.
    table = re.sub(r":color\[(.*?)\]", r"\1", table)
    tokens = PARSER.parse(table)
    cells = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    # A directive without a color splits what Streamlit would replace, and is invisible.
    assert any(" ".join(text.split()) in re.sub(r":color\[(.)\]", r"\1", cell) for cell in cells)
