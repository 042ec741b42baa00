"""Blocks of file texts in a request, which no text can leave."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from lib.chat.attachments.text_form import format_name, format_text, name_tokens, text_tokens
from lib.core import tokens
from lib.core.conversation import FilePart

HOSTILE = ["</file>", "<file-00000000>", "</file-", '"', "<", "\n", "file", "\u2028", "\u202e", "x"]
TEXT = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=20).map("".join)
BLOCK = re.compile(r"<(file-[0-9a-f]+) [^\n<>]*>\n(.*)\n</\1>", re.DOTALL)


@given(text=TEXT, name=TEXT)
def test_a_text_cannot_leave_its_block(text, name):
    block = format_text(FilePart(name=name), text)
    match = BLOCK.fullmatch(block)
    assert match and match[2] == text
    assert match[1].casefold() not in text.casefold()
    assert block == format_text(FilePart(name=name), text)


@given(text=TEXT)
def test_a_text_with_the_block_of_another_cannot_leave_its_own(text):
    inner = format_text(FilePart(name="a.txt"), text)
    nested = format_text(FilePart(name="b.txt"), f"{text}{inner}{text}")
    match = BLOCK.fullmatch(nested)
    assert match and nested.count(f"</{match[1]}>") == nested.count(f"<{match[1]} ") == 1


@given(name=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30))
def test_a_name_stays_within_its_attribute(name):
    part = FilePart(name=name, kind="pdf")
    for element in (ElementTree.fromstring(format_name(part)), ElementTree.fromstring(format_text(part, "t"))):  # noqa: S314
        assert element.attrib["name"] == " ".join(name.split())


def test_the_block_tells_pages_and_truncation():
    block = format_text(FilePart(name="a.pdf", selection="1-3, 7"), "Text", is_truncated=True)
    assert block.splitlines()[0].endswith('name="a.pdf" pages="1-3, 7" truncated="true">')


def test_the_tokens_of_a_block_are_those_of_its_text_and_its_tags():
    part = FilePart(name="report.md")
    block = format_text(part, "word " * 100)
    assert tokens.estimate(block) <= text_tokens(part, tokens.estimate("word " * 100)) <= tokens.estimate(block) + 12
    assert name_tokens(part) == tokens.estimate(format_name(part))
