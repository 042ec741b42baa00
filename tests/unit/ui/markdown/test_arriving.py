"""The part of an arriving text that is shown: it is only extended, and shows no unfinished markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ui.markdown.arriving import visible_part
from lib.ui.markdown.sanitize import sanitize, sanitize_arriving, sanitize_parts, split_first_block
from tests.support.examples import count_examples

# Texts before and after the part whose end has not arrived, and what is shown of both.
HELD = [
    ("See \\(", "x^2 + 1", "See "),
    ("See $", "x^2 + 1", "See "),
    ("Sum:\n\n\\[\n", "\\sum_i x_i\n\n+ 1", "Sum:\n\n"),
    ("Sum:\n\n$$\n", "\\frac{1}{2}", "Sum:\n\n"),
    ("\\begin{align}\n", "x &= y \\\\", ""),
    ("Read [the", " manual](https://e.com/a_(b)?c=1", "Read the manual"),
    ("Read [the", " manual", "Read "),
    ("![a", " chart](https://e.com/a.png", "a chart"),
    ("A:\n| Day ", "| Tide |\n|---|--", "A:"),
    ("Text\n```", "py", "Text"),
    ("A\n\n- ", "**", "A\n"),
    ("A\n", "--", "A"),
    ("A <https://", "e.com/a", "A "),
    ("Tom &", "am", "Tom "),
    ("a **b", "**", "a **b"),
]
SHOWN = [
    "It costs $5 and more",
    "$HOME and the rest",
    "$$ is a price level and more",
    "a [1] b",
    "`\\(x` and",
    "```\n\\(x $y [z",
    "| Day |\n|---|\n| Mon",
    "Wow! Yes",
    "**bold",
    "`code",
    "see `a[0](b`",
    "\\(x\\) and $y$ and [z](https://e.com).",
    "a < b and c",
]
RAW = re.compile(r"(?<![\\`])(?:\\\(|\\\[|\$\$|\]\()")


@pytest.mark.parametrize(("before", "arriving", "shown"), HELD)
def test_an_unfinished_part_is_not_shown(before: str, arriving: str, shown: str) -> None:
    text = before + arriving
    assert visible_part(text).rstrip() == shown.rstrip()
    lengths = [len(visible_part(text[:end]).rstrip()) for end in range(len(text) + 1)]
    assert lengths == sorted(lengths)


@pytest.mark.parametrize("text", SHOWN)
def test_a_text_without_an_unfinished_part_is_shown(text: str) -> None:
    assert visible_part(text) == text


@pytest.mark.parametrize("opener", ["\\(", "\\[", "$$ a_1", "$a_1", "[", "[a](b", "\\begin{align}", "`", "<", "| a"])
def test_an_opener_that_is_never_closed_does_not_hold_the_text_for_ever(opener: str) -> None:
    text = f"Before {opener} " + "word " * 1000
    assert len(visible_part(text)) > 4000
    assert "](" not in sanitize_arriving(text)


@settings(max_examples=count_examples(100), deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "word ",
                "**",
                "`",
                "$",
                "$$\n",
                "\\(",
                "\\)",
                "\n\\[\n",
                "\\]\n",
                "[",
                "](https://e.com",
                ")",
                "\n\n",
                "\n",
            ]
            + ["| a ", "|\n", "|---|\n", "```\n", "- ", "5", "!", "<b", ">", "&", "x_1"]
        ),
        max_size=30,
    )
)
def test_no_text_fails_and_the_shown_part_ends_with_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    for end in range(len(text) + 1):
        assert len(visible_part(text[:end])) <= end + 60
    assert sanitize_parts(text) is not None


def test_a_definition_is_added_where_it_is_used() -> None:
    text = f"See [the manual][1]. {'Word ' * 80}\n\nEnd of [it][1].\n\n[1]: https://e.com/manual"
    first, last = sanitize_parts(text)
    assert first.endswith("\n\n[1]: https://e.com/manual")
    assert last.count("https://e.com/manual") == 1


def test_a_footnote_arrives_as_it_stays() -> None:
    text = f"A claim.[^1] {'Word ' * 80}\n\nMore words:[^2]\n\n[^1]: The source.\n[^2]: Another.\n\n    Its end."
    parts, start = sanitize_parts(text), 0
    assert len(parts) == 2
    shown = ""
    for end in range(len(text)):
        if size := split_first_block(text[start:end])[0]:
            assert sanitize(text[start : start + size]) == parts[0]
            start, shown = start + size, ""
        arriving = sanitize_arriving(text[start:end])
        assert arriving.startswith(shown.rstrip())
        shown = arriving
    assert sanitize(text[start:]) == parts[1]
