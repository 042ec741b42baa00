"""Small texts that would freeze the browser: the costly part becomes a code block with the source."""

from pathlib import Path

import pytest

from lib import demo
from lib.ui.markdown.blocks import parse_blocks
from lib.ui.markdown.limits import MAX_MARKS, build_allowance, estimate_cost
from lib.ui.markdown.sanitize import sanitize
from lib.ui.markdown.written_text import CodeBlock, split_segments

COLUMNS = "|" + "a|" * 10_000 + "\n|" + "-|" * 10_000 + "\n|b|"
COSTLY = [
    COLUMNS,
    "|a|\n|" + "-|" * 10_000,
    "".join("  " * level + "- a\n" for level in range(200)).strip(),
    "- " * 200 + "a",
    "> " * 200 + "a",
    "1. " * 200 + "a",
    "**a*" * 3000,
    "[" * 10_000,
    "[a]: http://b.c\n" * 5000 + "d",
]


@pytest.mark.parametrize("text", COSTLY)
def test_a_costly_block_becomes_code(text: str) -> None:
    assert sanitize(text) == f"```\n{text}\n```"
    assert sanitize(f"before\n\n{text}\n\nafter **b**") == f"before\n\n\n```\n{text}\n```\n\n\nafter **b**"


def test_backticks_do_not_close_the_code_block() -> None:
    text = "> " * 200 + "````"
    assert sanitize(text) == f"`````\n{text}\n`````"


def test_a_long_table_is_cut_after_its_first_rows() -> None:
    rows = [f"|{number}|x|" for number in range(5000)]
    shown = sanitize("\n".join(["|a|b|", "|-|-|", *rows]))
    table, _, rest = shown.partition("\n\n```\n")
    assert table.split("\n")[2:] == rows[: len(table.split("\n")) - 2] and 300 < table.count("\n") < 1000
    assert rest.removesuffix("\n```").split("\n") == rows[table.count("\n") - 1 :]


def test_the_rest_of_many_small_blocks_is_one_code_block() -> None:
    shown = sanitize("# a\n" * 2000)
    headings, _, rest = shown.partition("\n```\n")
    assert 100 < headings.count("# a") < 500 and headings.count("# a") + rest.count("# a") == 2000
    assert rest.endswith("# a\n```")


def test_code_that_costs_too_much_is_not_highlighted_and_no_diagram_is_drawn() -> None:
    assert sanitize("```js\n" + "a=1;\n" * 20_000 + "```").startswith("```\na=1;")
    lines = "".join(f"A{number}-->B{number}\n" for number in range(500))
    assert sanitize(f"```mermaid\nflowchart TD\n{lines}```") == f"```\nflowchart TD\n{lines}```"


@pytest.mark.parametrize(
    "text",
    [
        "$$\n\\begin{matrix}" + "&" * 1900 + "\\end{matrix}\n$$",
        "$$\n" + "\\sqrt{" * 300 + "x" + "}" * 300 + "\n$$",
        "$$\n\\def\\a{" + "x" * 1500 + "}" + "\\a" * 500 + "\n$$",
    ],
)
def test_a_costly_formula_becomes_code(text: str) -> None:
    assert sanitize(text) == f"```\n{text}\n```"


@pytest.mark.parametrize("mark", ["\u0301", "\u0301\u200d\u0489", "\u0e47", "\ufe0f"])
def test_marks_on_one_letter_are_limited(mark: str) -> None:
    marks = mark * 10_000
    shown = f"{marks[:MAX_MARKS]}…"
    assert sanitize(f"a{marks}b **c{marks}**\n\n```\nd{marks}\n```") == f"a{shown}b **c{shown}**\n\n```\nd{shown}\n```"
    assert split_segments(f"a{marks}\n```\nb{marks}\n```") == (f"a{shown}", CodeBlock(f"b{shown}", ""))


@pytest.mark.parametrize("text", ["ส้มตำ " * 50, "─" * 80, "👩‍👩‍👧‍👦" * 40, "h̷̢̛e̵l̴l̶o̷" * 20, "。" * 60, "❤️" * 50])
def test_texts_with_marks_and_rows_of_signs_stay(text: str) -> None:
    assert sanitize(text) == text.strip()


@pytest.mark.parametrize("name", ["tour.en.md", "tour.zh.md", "long.en.md", "table.en.md", "maths.en.md"])
def test_a_usual_answer_needs_a_part_of_its_allowance(name: str) -> None:
    text = (Path(demo.__file__).parent / "markdown" / name).read_text(encoding="utf-8")
    assert estimate_cost(parse_blocks(text)) < build_allowance(len(text)).remaining / 2
