"""A text that is rewritten as it arrives: the same, at every moment, as if all of it were read again."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from lib.ui.markdown import arriving_text, blocks, limits
from lib.ui.markdown.arriving_text import ArrivingText
from lib.ui.markdown.blocks import parse_blocks
from lib.ui.markdown.limits import BASE_ALLOWANCE
from lib.ui.markdown.sanitize import sanitize, sanitize_arriving, sanitize_part, sanitize_parts, split_first_block
from tests.bench.markdown import SAMPLES
from tests.support.examples import count_examples

SIGNS = (
    ["word ", "two words, ", "**bold** ", "`code` ", "`", "$5 ", "$x_1$ ", "$", "$$\n", "$$", "\\(x\\) ", "\\(", "\\)"]
    + ["\\[\n", "\\]\n", "\\[", "[a](https://e.com) ", "[", "](b", "]", "(", ")", "<b", "<sub>", "</sub>", "&amp", "!"]
    + [
        "\n",
        "\n\n",
        "\n\n\n",
        "- ",
        "\n- ",
        "\n- item",
        "\n1. ",
        "\n2) two",
        "\n10. ten\n",
        "\n   more",
        "\n  - sub",
        "* ",
    ]
    + ["\n| a | b |", "\n|---|:-:|", "\n| `c` | $3 |", "\n| \\& | x", " | y |\n", "a | b\n---|---\nc | d\n", "\n===\n"]
    + [
        "\n```py\n",
        "\n```",
        "\n```\n",
        "```md\n",
        "~~~\n",
        "\n    indented",
        "x = 1\n",
        "# ",
        "\n# Head\n",
        "\n> quote",
    ]
    + [
        "\n---\n",
        "---",
        "\\begin{align}\n",
        "\\end{align}\n",
        "[^1]",
        "\n[^1]: note\n",
        "\ufeff",
        "\x00",
        "\r\n",
        "\t",
        "  \n",
        "港口",
        "😀",
        "\u0301",
        "\u0301" * 40,
    ]
    + [
        "\n```mermaid\n",
        "A-->B\n",
        ":red[x] ",
        "> [!NOTE]\n",
        "![i](u)",
        "https://e.com ",
        "www.e.com ",
        "{",
        "&",
        "\\",
    ]
)
ITEMS = "".join(f"\n{number}. **Step** {number}: some `words` and a [link](https://e.com)." for number in range(1, 12))
ROWS = "\n| Day | Tide |\n|---|--:|" + "\n| Monday | 4.2 m at \\(x\\) |" * 12
CODE = "\n```python\ndef f(x):\n" + "    return [x] * 2  # `$`\n\n" * 12 + "```"
LONG = [ITEMS, ROWS, CODE, ITEMS.replace("\n", "\n\n"), "\nSome words of a paragraph." * 4, CODE[:-3]]


def read_all_again(text: str) -> tuple[list[str], str, str]:
    """Return the finished elements of a text, the live one, and what that one is at the end, from the whole text."""
    parts, carried = [], BASE_ALLOWANCE
    while True:
        size, certain = split_first_block(text)
        if not size:
            return parts, sanitize_arriving(text[:certain], "en", carried), sanitize_part(text, "en", carried)[0]
        part, carried = sanitize_part(text[:size], "en", carried)
        parts.append(part)
        text = text[size:]


def check(text: str, cuts: list[int]) -> None:
    arriving, start = ArrivingText("en"), 0
    for end in sorted({*cuts, len(text)}):
        arriving.update(text[start:end])
        start = end
        parts, live, last = read_all_again(text[:end])
        assert (arriving.parts, arriving.live) == (parts, live)
        assert dedent(live).strip() == live.strip()  # as Streamlit reads a text, which is left out for each frame
    arriving.finish()
    rest = text[sum(map(len, list_parts(text))) :]
    assert (arriving.parts, arriving.live) == ([*parts, *([last] if rest else [])], "")


def list_parts(text: str) -> list[str]:
    """Return the texts of the finished elements as they were written."""
    parts = []
    while size := split_first_block(text)[0]:
        parts.append(text[:size])
        text = text[size:]
    return parts


@settings(max_examples=count_examples(100), deadline=None)
@given(st.lists(st.one_of(st.sampled_from(SIGNS), st.sampled_from(LONG)), max_size=25), st.data())
def test_any_cut_of_any_text_is_shown_as_the_whole_text_is(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    check(text, data.draw(st.lists(st.integers(0, len(text)), max_size=12)))


BLANKS = ["\u3000", "\xa0", "\x0b", "\x0c", "\u2028", "\x85", " ", "  ", "\t"]
STARTS = ["1. ", "1. ", "2. ", "0. ", "3) ", "- ", "- ", "* ", "+ ", "", "", "  "]
SIGNS_OF_BLOCKS = ["1.", "-", "*", "_", "===", "---", "# ", "> ", "$$", "```", "| a |"]
LINES = st.tuples(
    st.sampled_from([*STARTS, *SIGNS_OF_BLOCKS]),
    st.sampled_from(["word", "**b**", "", *BLANKS, *STARTS, *SIGNS_OF_BLOCKS]),
)


@settings(max_examples=count_examples(400), deadline=None)
@given(st.lists(st.one_of(LINES, st.sampled_from(SIGNS).map(lambda sign: (sign, "a"))), max_size=4), st.booleans())
def test_a_text_of_paragraphs_or_items_is_read_without_the_parser_as_it_reads_it(lines, is_ended):
    text = "\n".join(start + rest for start, rest in lines).replace("\r\n", "\n") + "\n" * is_ended
    tokens: list[Token] = []
    blocks._PARSER.block.parse(text, blocks._PARSER, {}, tokens)
    assert parse_blocks(text) == tokens


def test_a_block_below_an_open_formula_waits_for_its_end_like_the_formula():
    text = "\\begin{align}\n" + ITEMS
    check(text, [40, len(text) // 2])


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_every_frame_of_a_usual_answer_is_that_of_the_whole_text(name: str) -> None:
    text = SAMPLES[name][:3000]
    check(text, list(range(0, len(text), 37)))


@pytest.mark.parametrize("text", [ITEMS * 6, ROWS + "\n| Tuesday | 2 m |" * 60, CODE[:-3] + "    x = 1\n" * 99])
def test_a_frame_reads_the_end_of_a_long_element_only(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    rewrite = arriving_text.rewrite_blocks

    def rewrite_blocks(text: str, allowance: limits.Allowance, language: str) -> str | None:
        lengths.append(len(text))
        return rewrite(text, allowance, language)

    def read_whole(text: str, *options: Any) -> str:
        assert len(text) < 400
        return sanitize_arriving(text, *options)

    monkeypatch.setattr(arriving_text, "rewrite_blocks", rewrite_blocks)
    monkeypatch.setattr(arriving_text, "sanitize_arriving", read_whole)
    arriving = ArrivingText("en")
    for start in range(0, len(text), 10):
        arriving.update(text[start : start + 10])
    assert arriving.live_chars == len(text)
    assert max(lengths) < 400


def test_a_costly_text_is_cut_as_the_whole_text_is() -> None:
    text = "".join(f"\n- {'**x** ' * 40}" for _ in range(60)).strip()
    assert "```" in sanitize(text)
    check(text, list(range(0, len(text), 211)))


@pytest.mark.parametrize("block", ["```python\nx = 1\n```\n\n", "# a\n\n"])
def test_the_elements_of_a_costly_text_share_one_allowance(block: str) -> None:
    text = "An answer. " * 30 + "\n\n" + block * (7_500 // len(block))
    parts = sanitize_parts(text)
    rendered = [token for part in parts for token in parse_blocks(part) if token.info or token.tag == "h1"]
    assert len(parts) > 10
    assert 50 < len(rendered) < 500
    arriving = ArrivingText("en")
    for start in range(0, len(text), 997):
        arriving.update(text[start : start + 997])
    arriving.finish()
    assert tuple(part for part in arriving.parts if part) == parts


def test_a_table_in_the_rows_of_a_table_is_one_of_its_rows() -> None:
    check(f"{ROWS}word {ROWS}  \n| a |", list(range(0, 1000, 7)))


def test_a_table_below_an_open_bracket_in_indented_code_is_read_with_it() -> None:
    check(f"{CODE}\n\t[{ROWS}", list(range(0, 1000, 61)))


def test_a_table_below_an_indented_line_has_its_indent() -> None:
    check(f"{CODE}\n   more{ROWS}\n| Tuesday | \\(x\\) |" + "\n| Tuesday | \\(x\\) |" * 9, list(range(0, 1000, 61)))


def test_the_rows_of_a_table_that_become_a_heading_are_read_again() -> None:
    text = "| a | b |\n|---|---|\n" + "| $ | c |\n| c | d |\n" * 10 + "===\n\nEnd."
    check(text.replace("$", "x"), list(range(0, len(text), 5)))


def test_the_end_has_the_elements_of_the_finished_answer() -> None:
    text = f"Intro.\n{ITEMS}\n\nMore.\n{CODE}\n\n{ROWS}\n\nEnd."
    arriving = ArrivingText("en")
    for start in range(0, len(text), 23):
        arriving.update(text[start : start + 23])
    arriving.finish()
    arriving.update("too late")
    assert tuple(arriving.parts) == sanitize_parts(text)
    assert arriving.is_over
